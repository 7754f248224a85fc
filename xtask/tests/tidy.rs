//! Unit tests of `cargo xtask tidy`.

use super::*;

#[test]
fn statements_are_checked_and_rewritten_and_measurements_are_not() {
    let text = "| Engine v3 (default) | mimalloc 3.6.1 |\n\
                | | v3 (3.6.1) | v2 (2.5.2) |\nwith **3.6.1** (engine v3) and 3.6.1\n";
    let mut fresh = text.to_owned();
    let mut wrong = 0;
    for statement in Table::load().unwrap().statements {
        if statement.fact == "v3" && statement.pages == PAGES {
            wrong += statement.wrong("p", &fresh, "3.7.0").unwrap().len();
            fresh = statement.rewrite(&fresh, "3.7.0").unwrap();
        }
    }
    assert_eq!(wrong, 3);
    assert_eq!(fresh.matches("3.7.0").count(), 3, "{fresh}");
    assert!(fresh.ends_with("and 3.6.1\n"));
}

/// Makes sure that `bump` and `tidy` would notice a version that moves.
#[test]
fn each_fact_is_stated() {
    let table = Table::load().unwrap();
    for fact in ["v3", "v2", "msrv", "mimalloc", "mimalloc-sys"] {
        let mut count = 0;
        for statement in table
            .statements
            .iter()
            .filter(|statement| statement.fact == fact)
        {
            let form = Regex::new(&statement.form).unwrap();
            for page in tracked(&statement.pages).unwrap() {
                count += form.captures_iter(&read(page).unwrap()).count();
            }
        }
        assert!(count >= 2, "{fact:?} is stated {count} times");
    }
}

#[test]
fn features_are_documented_twice_and_tested() {
    let manifest = "[features]\ndefault = []\n## A.\na = []\nb = []\n[lib]\nc = 1\n";
    let tested = BTreeSet::from(["a".to_owned()]);
    let found = features("m", manifest, "| `a` (default) | |", Some(&tested)).unwrap();
    assert_eq!(
        found,
        [
            "m: put a `##` comment before feature `b`",
            "README.md or mimalloc/docs: no table has feature `b`",
            "xtask/ci.toml: no step tests feature `b`"
        ]
    );
    assert_eq!(
        features("m", manifest, "| `a` | `b` |", None)
            .unwrap()
            .len(),
        1
    );
}
