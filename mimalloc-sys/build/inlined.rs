//! Decides what the crate does in Rust instead of calling C: one place for all
//! conditions of `src/inline_alloc.rs` and `src/default_theap.rs`.

use crate::env;
use crate::patches::Patches;
use crate::platform::Platform;
use crate::settings::Settings;

/// What Rust does without a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inlined {
    Nothing,
    /// Rust takes a small block from a theap (`src/inline_alloc.rs`).
    Alloc,
    /// Rust also reads the thread's default theap (`src/default_theap.rs`).
    AllocInDefault,
}

impl Inlined {
    /// Returns what the vendored source and its settings allow.
    pub(crate) fn of(
        patches: Option<&Patches>,
        settings: Settings,
        platform: &Platform,
    ) -> Result<Self, String> {
        let is_refused = env::switch("MIMALLOC_SYS_NO_INLINE_ALLOC")? == Some(true);
        // The C compiler checks the types of the pinned source, and the patches are
        // bound to its version.
        let is_known = patches.is_some_and(|patches| patches.inline_alloc.is_some());
        let flags = env::c_flags();
        let is_plain = settings.is_plain() && !has_own_settings(&flags);
        let is_64_bit = env::cargo("CARGO_CFG_TARGET_POINTER_WIDTH") == "64";
        // A sanitizer of Rust sees every access to memory from Rust, and none from C.
        let is_sanitized = !env::cargo("CARGO_CFG_SANITIZE").is_empty();
        if is_refused || !is_known || !is_plain || !is_64_bit || is_sanitized {
            return Ok(Self::Nothing);
        }
        Ok(if platform.reads_thread_locals && !has_own_tls(&flags) {
            Self::AllocInDefault
        } else {
            Self::Alloc
        })
    }
}

/// Returns whether the user's flags for the C compiler contain a setting of
/// upstream's. Nothing is known here about what such a setting does. The TLS model
/// has a test of its own.
fn has_own_settings(flags: &str) -> bool {
    let flags = flags.replace("DMI_TLS_MODEL", "");
    let flags = flags.replace("-D ", "-D").replace("-U ", "-U");
    flags.contains("DMI_") || flags.contains("UMI_")
}

/// Returns whether the user's flags change how C finds its thread-local variables:
/// `MI_TLS_MODEL_…` of upstream's, `-ftls-model`, `-femulated-tls`, `-mtls-dialect`.
fn has_own_tls(flags: &str) -> bool {
    flags.to_lowercase().contains("tls")
}
