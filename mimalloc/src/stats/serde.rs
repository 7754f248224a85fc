//! `serde::Serialize` for the values, as its derive macro has it.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Bin, ChunkKind, ProcessInfo, StatCount};

/// Serializes structs. Each list must have all fields.
macro_rules! serialize {
    ($($name:ident { $($field:ident),+ })+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Self { $($field),+ } = self;
                let len = [$(stringify!($field)),+].len();
                let mut out = serializer.serialize_struct(stringify!($name), len)?;
                $(out.serialize_field(stringify!($field), $field)?;)+
                out.end()
            }
        }
    )+};
}

serialize! {
    StatCount { total, peak, current }
    Bin { block_size, count }
    ProcessInfo {
        elapsed, user, system, current_rss, peak_rss, current_commit, peak_commit, page_faults
    }
}

impl Serialize for ChunkKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = match self {
            Self::Small => "Small",
            Self::Other => "Other",
            Self::Medium => "Medium",
            Self::Large => "Large",
            Self::Huge => "Huge",
            Self::Unused => "Unused",
        };
        serializer.serialize_unit_variant("ChunkKind", *self as u32, name)
    }
}
