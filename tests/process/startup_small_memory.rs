//! Checks the preset `small_memory` of `startup_options!`.
//!
//! The test has no harness, because the options apply to the whole process.

#![forbid(unsafe_code)]

use mimalloc::MiMalloc;
use mimalloc_tests::Preset;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

mimalloc::startup_options! { preset: small_memory, purge_delay = 50 }

fn main() {
    thp_is_off();
    let preset = Preset {
        name: "small_memory",
        #[cfg(mimalloc_v3)]
        options: &[("allow_thp", 0), ("purge_delay", 25)],
        #[cfg(mimalloc_v2)]
        options: &[("allow_thp", 0)],
        overridden: ("purge_delay", 50),
    };
    preset.check();
}

/// Checks that mimalloc saw the preset at its start, when it switches
/// transparent huge pages off for the process.
fn thp_is_off() {
    // A system library may start before the preset is set.
    if !cfg!(all(target_os = "linux", mimalloc_patched)) {
        return;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    // Linux says so since 5.0.
    if let Some(line) = status.lines().find_map(|l| l.strip_prefix("THP_enabled:")) {
        assert_eq!(line.trim(), "0");
    }
}
