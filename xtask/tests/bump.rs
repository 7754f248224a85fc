//! Unit tests of `cargo xtask bump`.

use super::*;

#[test]
fn differences_of_bindings_are_listed() {
    let old = "pub const mi_option_verbose: mi_option_e = 0;
               unsafe extern \"C\" { pub fn mi_old(); pub fn mi_both(); }";
    let fresh = "pub const mi_option_verbose: mi_option_e = 0;
                 pub const mi_option_fresh: mi_option_e = 1;
                 unsafe extern \"C\" { pub fn mi_both(); pub fn mi_fresh(); }";
    let lines = changes(old, fresh).unwrap();
    assert_eq!(
        lines[..3],
        ["functions: 2 => 2", "  + mi_fresh", "  - mi_old"]
    );
    assert_eq!(lines[4..6], ["options: 1 => 2", "  + mi_option_fresh"]);
    assert_eq!(changes(old, old).unwrap().len(), 2);
}

#[test]
fn carriers_are_split() {
    let split = carrier("libmimalloc-sys@0.1.49:c_src/mimalloc/v3").unwrap();
    assert_eq!(split.name(), "libmimalloc-sys-0.1.49");
    assert_eq!(split.path, "c_src/mimalloc/v3");
    for wrong in ["a", "a@1", "a:b", "@1:b", "a@:b", "a@1:"] {
        assert!(carrier(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_carrier_moves_alone() {
    const TOML: &str = "\
[package]
name = \"m\"

# Why.
[target.'cfg(any())'.dependencies]
one = { version = \"=1.0.0\", default-features = false }
two = { version = \"=2.0.0\", default-features = false }
";
    let (one, zero) = (
        carrier("one@1.0.0:c").unwrap(),
        carrier("zero@3.0.0:c").unwrap(),
    );
    let line = "one = { version = \"=1.0.0\", default-features = false }\n";
    let fresh = "zero = { version = \"=3.0.0\", default-features = false }\n";
    for (other, expected) in [(Some(zero), fresh), (None, "")] {
        let text = with_carrier(TOML, Some(one.clone()), other.as_ref()).unwrap();
        assert_eq!(text, TOML.replace(line, "") + expected);
        assert_eq!(with_carrier(&text, other, Some(&one)).unwrap(), TOML);
    }
}

#[test]
fn a_pin_moves_alone() {
    const TOML: &str = "# Why.\n\n[v3]\nversion = \"3.6.1\"\ncarrier = \"c\"\n\n\
                        [v2]\nversion = \"2.5.2\"\n";
    let head = "# Why.\n\n[v3]\nversion = \"3.7.0\"\n";
    let tail = "\n[v2]\nversion = \"2.5.2\"\n";
    let digest = format!("digest = \"{}\"\n", sha256(b"list"));
    for (args, middle) in [
        (
            "--carrier d@1.2.3:p --released 2026-01",
            "released = \"2026-01\"\ncarrier = \"d\"\npath = \"p\"\n",
        ),
        ("--from https://a/b#v3.7.0", ""),
    ] {
        let args = ["bump", "v3"].into_iter().chain(args.split(' '));
        let args = <Command as clap::Parser>::parse_from(args).args;
        let pin = pin(Version(30700), "list", &args);
        let text = with_pin(TOML, Engine::V3, pin).unwrap();
        assert_eq!(text, format!("{head}{middle}{digest}{tail}"));
    }
}

#[derive(clap::Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}
