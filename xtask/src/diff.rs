//! What changed between two interfaces, and how that is printed.

use core::fmt;
use std::collections::BTreeSet;

use crate::api::{Api, Names};

/// One name that is not the same in both interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added {
        name: String,
        now: String,
    },
    Removed {
        name: String,
    },
    Changed {
        name: String,
        was: String,
        now: String,
    },
}

impl Change {
    /// The name it is about.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Added { name, .. } | Self::Removed { name } | Self::Changed { name, .. } => name,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { name, now } => write!(f, "+ {name}: {now}"),
            Self::Removed { name } => write!(f, "- {name}"),
            Self::Changed { name, was, now } => write!(f, "~ {name}: {was} => {now}"),
        }
    }
}

/// The differences between two interfaces, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diff {
    kinds: Vec<(&'static str, Vec<Change>)>,
}

impl Diff {
    /// Compares two interfaces.
    pub(crate) fn new(old: &Api, new: &Api) -> Self {
        let kinds = [
            ("functions", changes(&old.functions, &new.functions)),
            ("inline functions", changes(&old.inline, &new.inline)),
            ("options", changes(&old.options, &new.options)),
            ("constants", changes(&old.constants, &new.constants)),
            ("struct fields", changes(&old.fields, &new.fields)),
            ("types", changes(&old.types, &new.types)),
        ];
        Self {
            kinds: kinds.into(),
        }
    }

    /// Whether both interfaces are the same.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.iter().all(|(_, changes)| changes.is_empty())
    }

    /// Every name that is new, gone or different.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.kinds
            .iter()
            .flat_map(|(_, changes)| changes)
            .map(Change::name)
            .collect()
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "the C interface is the same");
        }
        for (kind, changes) in self.kinds.iter().filter(|(_, changes)| !changes.is_empty()) {
            let count = |wanted: fn(&Change) -> bool| changes.iter().filter(|c| wanted(c)).count();
            writeln!(
                f,
                "{kind}: {} added, {} removed, {} changed",
                count(|change| matches!(change, Change::Added { .. })),
                count(|change| matches!(change, Change::Removed { .. })),
                count(|change| matches!(change, Change::Changed { .. })),
            )?;
            for change in changes {
                writeln!(f, "  {change}")?;
            }
        }
        Ok(())
    }
}

/// Compares one kind, sorted by name.
fn changes(old: &Names, new: &Names) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| match (old.get(name), new.get(name)) {
            (None, Some(now)) => Some(Change::Added {
                name: name.clone(),
                now: now.clone(),
            }),
            (Some(_), None) => Some(Change::Removed { name: name.clone() }),
            (Some(was), Some(now)) if was != now => Some(Change::Changed {
                name: name.clone(),
                was: was.clone(),
                now: now.clone(),
            }),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "
        pub const mi_option_a: mi_option_e = 0;
        pub const mi_option_b: mi_option_e = 1;
        #[repr(C)] pub struct mi_stats_s { pub size: usize, pub pages: i64 }
        unsafe extern \"C\" {
            pub fn mi_free(p: *mut ::core::ffi::c_void);
            pub fn mi_cfree(p: *mut ::core::ffi::c_void);
            pub fn mi_gone();
        }";
    const NEW: &str = "
        pub const mi_option_a: mi_option_e = 0;
        pub const mi_option_new: mi_option_e = 1;
        pub const mi_option_b: mi_option_e = 2;
        #[repr(C)] pub struct mi_stats_s { pub size: usize, pub version: usize, pub pages: i64 }
        unsafe extern \"C\" {
            pub fn mi_free(block: *mut ::core::ffi::c_void);
            pub fn mi_cfree(p: *mut ::core::ffi::c_void) -> bool;
            pub fn mi_zalloc(size: usize) -> *mut ::core::ffi::c_void;
        }";

    fn diff(old: &str, new: &str) -> Diff {
        Diff::new(&Api::parse(old).unwrap(), &Api::parse(new).unwrap())
    }

    #[test]
    fn prints_what_was_added_removed_and_changed() {
        let expected = "\
functions: 1 added, 1 removed, 1 changed
  ~ mi_cfree: fn(*mut c_void) => fn(*mut c_void) -> bool
  - mi_gone
  + mi_zalloc: fn(usize) -> *mut c_void
options: 1 added, 0 removed, 1 changed
  ~ mi_option_b: 1 => 2
  + mi_option_new: 1
struct fields: 1 added, 0 removed, 1 changed
  ~ mi_stats_s.pages: field 1, i64 => field 2, i64
  + mi_stats_s.version: field 1, usize
";
        assert_eq!(diff(OLD, NEW).to_string(), expected);
    }

    #[test]
    fn a_renamed_parameter_is_no_difference() {
        let new = OLD.replace("mi_free(p:", "mi_free(block:");
        assert!(diff(OLD, &new).is_empty());
        assert_eq!(diff(OLD, OLD).to_string(), "the C interface is the same\n");
    }

    #[test]
    fn names_every_change() {
        let names = diff(OLD, NEW);
        let names: Vec<&str> = names.names().into_iter().collect();
        let expected = [
            "mi_cfree",
            "mi_gone",
            "mi_option_b",
            "mi_option_new",
            "mi_stats_s.pages",
            "mi_stats_s.version",
            "mi_zalloc",
        ];
        assert_eq!(names, expected);
    }
}
