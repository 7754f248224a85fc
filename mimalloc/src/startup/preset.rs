//! The presets of [`startup_options!`](crate::startup_options).
//!
//! The list of the presets is that of the linked engine, behind the options.

use super::Setting;
use crate::option::{Option, PRESETS, same};

/// One option of a preset; `None` if the linked system library lacks the option.
pub(crate) type Line = core::option::Option<Setting>;

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
pub(crate) const fn line(name: &str, value: usize) -> Line {
    if let Some(option) = Option::from_name(name) {
        if !option.is_supported() {
            return None;
        }
    }
    Some(Setting::new(name, value as i64))
}
