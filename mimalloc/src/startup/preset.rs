//! The presets of [`startup_options!`](crate::startup_options).
//!
//! A preset has only options that were measured to matter. `docs/memory.md` has
//! the same options, and what each preset saves and costs.

use super::Setting;
use crate::option::{Option, same};

/// One option of a preset; `None` if the linked system library lacks the option.
type Line = core::option::Option<Setting>;

/// The names of the presets, and their options.
#[cfg(mimalloc_v3)]
const PRESETS: [(&str, &[Line]); 2] = [
    (
        "small_memory",
        &[line("allow_thp", 0), line("purge_delay", 25)],
    ),
    (
        "speed",
        &[
            line("arena_purge_immediate_size", 1 << 30),
            line("stats_merge_threshold", 64 << 20),
        ],
    ),
];

/// The names of the presets, and their options.
#[cfg(mimalloc_v2)]
const PRESETS: [(&str, &[Line]); 2] = [
    ("small_memory", &[line("allow_thp", 0)]),
    ("speed", &[line("purge_delay", 400)]),
];

/// A preset of [`startup_options!`](crate::startup_options), or none.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Preset(&'static [Line]);

impl Preset {
    /// Sets nothing.
    pub const NONE: Self = Self(&[]);

    /// Returns the preset called `name`. The macro calls the function at compile
    /// time, so that the panic for an unknown name is an error of the compiler.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        let mut i = 0;
        while i < PRESETS.len() {
            if same(PRESETS[i].0, name) {
                return Self(PRESETS[i].1);
            }
            i += 1;
        }
        panic!("no preset of this name: there are `small_memory` and `speed`")
    }

    /// Returns the options that the linked library has.
    pub(super) fn settings(self) -> impl Iterator<Item = &'static Setting> {
        self.0.iter().flatten()
    }
}

/// Makes an option of a preset, unless the linked library lacks the option.
const fn line(name: &str, value: usize) -> Line {
    if let Some(option) = Option::from_name(name) {
        if !option.is_supported() {
            return None;
        }
    }
    Some(Setting::new(name, value as i64))
}
