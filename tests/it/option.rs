//! Checks that the table of options is complete, and that the safe setters
//! refuse what they must. Tests that change options are in
//! `process/options.rs`.

use std::collections::{BTreeMap, BTreeSet};

use mimalloc::option::{OptionErrorKind, Unit};

/// Returns every `mi_option_…` of the committed bindings with its number.
fn of_bindings() -> BTreeMap<String, i64> {
    let text = match mimalloc_sys::ENGINE {
        "v3" => include_str!("../../mimalloc-sys/src/bindings/v3.rs"),
        _ => include_str!("../../mimalloc-sys/src/bindings/v2.rs"),
    };
    text.lines()
        .filter_map(|line| {
            let line = line.trim().strip_prefix("pub const mi_option_")?;
            let (name, rest) = line.split_once(':')?;
            let number = rest.split_once('=')?.1.trim().trim_end_matches(';');
            Some((name.to_owned(), number.parse().expect("a plain number")))
        })
        .collect()
}

/// Upstream's older names for options that have been renamed.
const RENAMED: &[(&str, &str)] = &[
    ("large_os_pages", "allow_large_os_pages"),
    ("eager_region_commit", "arena_eager_commit"),
    ("reset_decommits", "purge_decommits"),
    ("reset_delay", "purge_delay"),
    ("limit_os_alloc", "disallow_os_alloc"),
    ("minimal_purge_size", "arena_purge_min_size"),
    ("abandoned_page_reset", "abandoned_page_purge"),
];

#[test]
fn every_option_of_the_bindings_has_a_variant() {
    let bindings = of_bindings();
    assert!(bindings.len() > 30, "the bindings were not understood");
    let ours: BTreeSet<_> = mimalloc::Option::ALL.iter().map(|o| o.name()).collect();
    assert_eq!(
        ours.len(),
        mimalloc::Option::ALL.len(),
        "a name is there twice"
    );
    for (name, number) in &bindings {
        if let Some((_, new)) = RENAMED.iter().find(|(old, _)| old == name) {
            assert_eq!(Some(number), bindings.get(*new), "{name} is not {new}");
        } else {
            assert!(
                ours.contains(name.as_str()),
                "upstream's option `{name}` has no variant in mimalloc/src/option"
            );
        }
    }
    for name in ours {
        assert!(bindings.contains_key(name), "{name} is not upstream's");
    }
}

/// Checks that numbers have no gaps, and that `ALL` is in their order.
#[test]
fn options_are_in_the_order_of_their_numbers() {
    let bindings = of_bindings();
    for (number, option) in mimalloc::Option::ALL.iter().enumerate() {
        assert_eq!(bindings[option.name()], number as i64, "{option}");
    }
}

#[test]
fn names_belong_together() {
    for &option in mimalloc::Option::ALL {
        let name = option.name();
        assert_eq!(
            option.env_name(),
            format!("MIMALLOC_{}", name.to_uppercase())
        );
        assert_eq!(format!("{option:?}").to_lowercase(), name.replace('_', ""));
        assert_eq!(option.to_string(), name);
        assert_eq!(mimalloc::Option::from_name(name), Some(option));
    }
    assert_eq!(mimalloc::Option::from_name("no_such_option"), None);
    assert_eq!(mimalloc::Option::from_name(""), None);
}

#[test]
#[cfg(not(mimalloc_other_version))]
fn the_vendored_library_has_all() {
    assert!(mimalloc::Option::ALL.iter().all(|o| o.is_supported()));
}

#[test]
fn options_that_break_memory_safety_are_refused() {
    let refused: Vec<_> = mimalloc::Option::ALL
        .iter()
        .filter(|option| option.is_unsafe_to_set())
        .collect();
    let expected = if mimalloc_sys::ENGINE == "v3" { 2 } else { 3 };
    assert_eq!(refused.len(), expected);
    for option in refused {
        let before = option.get();
        for result in [
            option.set(1),
            option.set(0),
            option.set_default(1),
            option.enable(),
            option.disable(),
            option.set_enabled(true),
            option.set_enabled_default(true),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), OptionErrorKind::Unsafe);
            assert_eq!(error.option(), *option);
            assert!(error.to_string().contains(option.name()), "{error}");
        }
        assert_eq!(option.get(), before);
    }
}

#[test]
fn only_sizes_take_sizes() {
    for option in mimalloc::Option::ALL.iter().filter(|o| !o.unit().is_size()) {
        let error = option.set_size(4096).unwrap_err();
        assert_eq!(error.kind(), OptionErrorKind::NotASize, "{option}");
    }
    let sizes = mimalloc::Option::ALL
        .iter()
        .filter(|o| o.unit() == Unit::Kibibytes);
    assert_eq!(
        sizes.count(),
        if mimalloc_sys::ENGINE == "v3" { 5 } else { 2 }
    );
}

#[test]
fn all_options_can_be_listed() {
    let mut text = String::new();
    mimalloc::Option::write_all(&mut text).unwrap();
    for option in mimalloc::Option::ALL.iter().filter(|o| o.is_supported()) {
        assert!(text.contains(&format!("{option}: ")), "{option}");
    }
}
