//! Tests of `tidy`: each rule on text that breaks it.

use super::*;

const NONE: [&str; 0] = [];

#[test]
fn files_begin_with_a_comment_and_lines_end_in_ink() {
    assert_eq!(text_file("a.rs", "//! A.\n\nfn a() {}\n"), NONE);
    assert_eq!(
        text_file("a.rs", "#![doc = include_str!(\"a.md\")]\n"),
        NONE
    );
    assert_eq!(text_file("x/src/bindings/v3.rs", "// Generated \n"), NONE);
    assert_eq!(text_file("a.md", "text\n"), NONE);
    assert!(text_file("a.rs", "fn a() {}\n")[0].starts_with("a.rs: begin"));
    assert!(text_file("a.md", "a\nb \n")[0].starts_with("a.md:2: remove"));
    assert!(text_file("a.md", "a\r\n")[0].starts_with("a.md:1: remove"));
}

#[test]
fn upstream_is_not_tracked() {
    let tracked = [
        "mimalloc-sys/vendor/v3.sha256",
        "mimalloc-sys/vendor/v3/src/a.c",
    ];
    let found = upstream(&tracked.map(str::to_owned));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("mimalloc-sys/vendor/v3/src/a.c: is upstream's"));
}

#[test]
fn features_are_documented_twice() {
    let manifest = "[features]\ndefault = []\n## A.\na = []\nb = []\n[lib]\nc = 1\n";
    assert_eq!(
        features("m", manifest, "| `a` (default) | |").unwrap(),
        [
            "m: put a `##` comment before feature `b`",
            "mimalloc/docs/features.md: add `b` to the table of features"
        ]
    );
}

#[test]
fn the_gate_needs_every_job() {
    let workflow = "on:\n  push:\njobs:\n  # One.\n  one:\n    needs: [x]\n  two:\n    steps:\n  \
                    gate:\n    if: always()\n    needs: [one, two]\n";
    assert_eq!(gate(workflow), NONE);
    let found = gate(&workflow.replace("[one, two]", "[two]"));
    assert_eq!(
        found,
        [".github/workflows/ci.yml: add `one` to the needs of `gate`"]
    );
    assert_eq!(gate(&workflow.replace("if: always()", "")).len(), 1);
    assert_eq!(gate("jobs:\n").len(), 1);
}

#[test]
fn licences_are_known_in_each_part() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR X) AND ISC",
    ] {
        assert!(is_known(good), "{good}");
    }
    for bad in ["", "GPL-3.0", "MIT AND GPL-3.0"] {
        assert!(!is_known(bad), "{bad}");
    }
}

#[test]
fn only_the_packages_of_others_need_a_licence() {
    let metadata = serde_json::json!({ "packages": [
        { "name": "ours", "source": null, "license": null },
        { "name": "theirs", "source": "registry+x", "license": null },
        { "name": "free", "source": "registry+x", "license": "MIT" },
    ]});
    let found = licences(&metadata);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("\"theirs\": is under null"));
}
