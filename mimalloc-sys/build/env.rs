//! The only reader of the environment. Each variable of ours is looked up as
//! `<TARGET>_NAME` first (upper case, underscores), then as `NAME`, and each
//! look-up tells cargo to run the build script again when the value changes.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The value of one of our variables; an empty value counts as unset.
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

/// A path in one of our variables.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    var(name).map(PathBuf::from)
}

/// A switch: `None` when unset, otherwise whether it is on. Other words than
/// these are mistakes, and a guess could link the wrong library.
pub(crate) fn switch(name: &str) -> Result<Option<bool>, String> {
    let Some(value) = var(name) else {
        return Ok(None);
    };
    match value.to_string_lossy().trim().to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(true)),
        "0" | "false" | "no" | "off" => Ok(Some(false)),
        _ => Err(format!(
            "{name} is `{}`, which is neither on (1, true, yes, on) nor off (0, false, no, \
             off).\nSet it to one of these, or unset it.",
            value.to_string_lossy()
        )),
    }
}

/// Whether a switch is set and on.
pub(crate) fn is_on(name: &str) -> Result<bool, String> {
    Ok(switch(name)? == Some(true))
}

/// Whether a variable of another crate's is set and not `0`.
pub(crate) fn is_set(name: &str) -> bool {
    var(name).is_some_and(|value| value != "0")
}

/// Whether the user's flags for the C compiler have a setting of upstream's. The
/// one of how thread-locals are found doesn't count, as we don't depend on it.
pub(crate) fn has_own_settings() -> bool {
    let target = cargo("TARGET");
    let names = [
        format!("CFLAGS_{target}"),
        format!("CFLAGS_{}", target.replace('-', "_")),
        "TARGET_CFLAGS".to_owned(),
        "HOST_CFLAGS".to_owned(),
        "CFLAGS".to_owned(),
    ];
    // cargo reruns the script when one changes: cc asks for that.
    names.iter().filter_map(env::var_os).any(|flags| {
        let flags = flags.to_string_lossy().replace("DMI_TLS_MODEL", "");
        flags.contains("DMI_") || flags.contains("UMI_")
    })
}

/// A variable that cargo sets for build scripts; empty when it doesn't.
pub(crate) fn cargo(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// A directory that cargo names.
pub(crate) fn cargo_path(name: &str) -> PathBuf {
    PathBuf::from(env::var_os(name).unwrap_or_default())
}
