//! Checks the preset `speed` of `startup_options!`.
//!
//! The test has no harness, because the options apply to the whole process.

#![forbid(unsafe_code)]

use mimalloc::MiMalloc;
use mimalloc_tests::Preset;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

// On engine v3, the preset sets other options.
mimalloc::startup_options! { preset: speed, purge_delay = 200 }

fn main() {
    let preset = Preset {
        name: "speed",
        #[cfg(mimalloc_v3)]
        options: &[
            ("arena_purge_immediate_size", 1 << 30),
            ("stats_merge_threshold", 64 << 20),
        ],
        #[cfg(mimalloc_v2)]
        options: &[("purge_delay", 400)],
        overridden: ("purge_delay", 200),
    };
    preset.check();
}
