//! Unit tests of `cargo xtask api`.

use super::*;

fn set(names: &str) -> BTreeSet<String> {
    names.split(' ').map(str::to_owned).collect()
}

#[test]
fn each_mistake_in_the_table_is_named() {
    let wrapped = ["mi_collect", "mi_malloc_size"].map(|name| (name.to_owned(), set("lib.rs")));
    let wrapped = Wrapped::from(wrapped);
    let mistakes = |functions: &str, raw: &str| {
        let text = format!(
            "pointless = [{{ why = '', functions = ['mi_cfree'] }}]\nopen = [{{ why = '', \
             engine = 'v2', functions = ['mi_reduce'] }}]\nraw = [{raw}]"
        );
        let table = toml_edit::de::from_str(&text).unwrap();
        account(Engine::V2, &set(functions), &wrapped, &table).1
    };
    let all = "mi_cfree mi_reduce mi_collect";
    assert_eq!(mistakes(all, ""), [""; 0]);
    let raw = |name: &str| format!("{{ why = '', functions = [{name}] }}");
    for (functions, raw, expected) in [
        (
            "mi_cfree mi_reduce mi_new",
            String::new(),
            "mi_new is unacc",
        ),
        ("mi_cfree", String::new(), "mi_reduce is gone"),
        (all, raw("'mi_collect'"), "mi_collect is wrapped in"),
        (all, raw("'mi_cfree'"), "mi_cfree is twice"),
        // Undefined functions need an entry, whatever names them.
        (
            "mi_cfree mi_reduce mi_malloc_size",
            String::new(),
            "mi_malloc_size is unacc",
        ),
    ] {
        let found = mistakes(functions, &raw).join("\n");
        assert!(found.starts_with(&format!("v2: {expected}")), "{found}");
        assert!(!found.contains('\n'), "{found}");
    }
}

#[test]
fn aliases_and_calls_are_found_and_comments_are_not() {
    let text = "#[doc(alias = \"mi_a\")] // mi_no()\n#[doc(alias(\"mi_b\"))]\n\
                unsafe { sys::mi_c(1) }; f(ffi::mi_d); mi_e (2); \"mi_no\"; mi_no";
    assert_eq!(named(text).unwrap(), set("mi_a mi_b mi_c mi_d mi_e"));
}

/// Checks the tree as it is, entries for both engines included.
#[test]
fn every_function_of_both_engines_is_accounted_for() {
    let (table, wrapped) = (Table::load().unwrap(), wrapped().unwrap());
    let mut all = BTreeSet::new();
    // As counted in the headers of the pinned versions.
    for (engine, count) in [(Engine::V3, 234), (Engine::V2, 159)] {
        let functions = functions(engine).unwrap();
        let (lines, mistakes) = account(engine, &functions, &wrapped, &table);
        assert_eq!(mistakes, [""; 0]);
        let what = "after a bump, count in the new headers; without one, a function got lost";
        assert_eq!(lines.len(), count, "{engine}: {what}");
        all.extend(functions);
    }
    let gone: Vec<_> = table.rows().filter(|row| !all.contains(row.2)).collect();
    let gone: Vec<_> = gone.into_iter().map(|row| row.2).collect();
    assert!(
        gone.is_empty(),
        "{gone:?} are gone: remove them from {TABLE}"
    );
}
