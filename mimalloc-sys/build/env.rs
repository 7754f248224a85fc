//! Reads the environment; no other file does, apart from cargo's own variables in
//! `network.rs` and `pin.rs`. Each variable of this crate is looked up as
//! `<TARGET>_NAME` first (upper case, underscores), then as `NAME`. Each look-up has
//! cargo run the build script again when the value changes.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// Returns the value of a variable; an empty value counts as unset.
pub(crate) fn var(name: &str) -> Option<OsString> {
    let prefix = cargo("TARGET").to_uppercase().replace(['-', '.'], "_");
    [format!("{prefix}_{name}"), name.to_owned()]
        .iter()
        .filter_map(|name| {
            println!("cargo::rerun-if-env-changed={name}");
            env::var_os(name)
        })
        .find(|value| !value.is_empty())
}

/// Returns the path in a variable.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    var(name).map(PathBuf::from)
}

/// Returns whether a switch is on, or `None` when the variable is unset.
pub(crate) fn switch(name: &str) -> Result<Option<bool>, String> {
    let Some(value) = var(name) else {
        return Ok(None);
    };
    let value = value.to_string_lossy();
    match &*value.trim().to_lowercase() {
        "1" | "true" | "yes" | "on" => Ok(Some(true)),
        "0" | "false" | "no" | "off" => Ok(Some(false)),
        // A guess could link the wrong library.
        _ => Err(format!(
            "{name} is `{value}`, which is neither on (1, true, yes, on) nor off (0, false, no, \
             off).\nSet it to one of these, or unset it."
        )),
    }
}

/// Returns whether a variable of the pkg-config crate is set and not `0`.
pub(crate) fn is_set(name: &str) -> bool {
    var(name).is_some_and(|value| value != "0")
}

/// Fails when one of `names` is set: a variable without effect is a mistake. An
/// empty value counts as unset, so a single build can do without the variable.
pub(crate) fn refuse_ignored(names: &[&str], done: &str, otherwise: &str) -> Result<(), String> {
    match names.iter().find(|name| var(name).is_some()) {
        Some(name) => Err(format!(
            "{name} is set, but {done}, which it has no effect on.\nUnset it (or set it to \
             nothing, `{name}=`), or set {otherwise}."
        )),
        None => Ok(()),
    }
}

/// Returns all of the user's flags for the C compiler.
pub(crate) fn c_flags() -> String {
    let target = cargo("TARGET");
    let names = [
        format!("CFLAGS_{target}"),
        format!("CFLAGS_{}", target.replace('-', "_")),
        "TARGET_CFLAGS".to_owned(),
        "HOST_CFLAGS".to_owned(),
        "CFLAGS".to_owned(),
    ];
    // The cc crate has cargo run the script again when one changes.
    let flags = names.iter().filter_map(env::var_os);
    let flags: Vec<_> = flags.map(|f| f.to_string_lossy().into_owned()).collect();
    flags.join(" ")
}

/// Returns whether a feature of this crate is on.
pub(crate) fn feature(name: &str) -> bool {
    let name = name.to_uppercase().replace('-', "_");
    env::var_os(format!("CARGO_FEATURE_{name}")).is_some()
}

/// Returns a variable that cargo sets for build scripts; empty when cargo doesn't.
pub(crate) fn cargo(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Returns a directory that cargo names.
pub(crate) fn cargo_path(name: &str) -> PathBuf {
    PathBuf::from(env::var_os(name).unwrap_or_default())
}
