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

fn carrier(package: &str, version: &str) -> Carrier {
    let [package, version, path] = [package, version, "c"].map(str::to_owned);
    Carrier {
        package,
        version,
        path,
    }
}

#[test]
fn manifest_and_lock_files_say_what_the_pins_say() {
    const TOML: &str = "[target.'cfg(any())'.dependencies]\n\
        one = { version = \"=1.0.0\", default-features = false }\n\
        two = { version = \"=2.0.0\", default-features = false }\n";
    const LOCK: &str = "[[package]]\nname = \"one\"\nversion = \"0.9.0\"\n\n\
        [[package]]\nname = \"one\"\nversion = \"1.0.0\"\n\n\
        [[package]]\nname = \"two\"\nversion = \"2.0.0\"\n";
    let both = [carrier("one", "1.0.0"), carrier("two", "2.0.0")];
    let find = |carriers: &[Carrier], toml: &str, lock: &str| {
        contradictions(carriers, toml, |_| Ok(lock.to_owned())).unwrap()
    };
    assert_eq!(find(&both, TOML, LOCK), [""; 0]);
    for (was, is, complaint) in [
        ("=1.0.0", "=1.0.1", "on one `=1.0.0`"),
        ("=1.0.0", "1.0.0", "on one `=1.0.0`"),
        ("false }\ntwo", "true }\ntwo", "on one `=1.0.0`"),
        ("two = ", "three = ", "on two `=2.0.0`"),
        ("cfg(any())", "cfg(unix)", "on one `=1.0.0`"),
    ] {
        let found = find(&both, &TOML.replace(was, is), LOCK);
        assert!(found[0].contains(complaint), "{found:?}");
    }
    let found = find(&both[..1], TOML, LOCK);
    assert!(found[0].contains("two is no carrier"), "{found:?}");
    let found = find(&both, TOML, &LOCK.replace("2.0.0", "2.0.1"));
    assert_eq!(found.len(), LOCKS.len());
    assert!(found[0].contains("lacks two-2.0.0"), "{found:?}");
}
