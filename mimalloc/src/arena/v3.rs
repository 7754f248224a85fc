//! Adds to arenas what exists on engine v3 only.

use crate::arena::Arena;
use crate::raw;

impl Arena {
    /// Returns the smallest size of an arena in bytes.
    ///
    /// Calls `mi_arena_min_size`.
    #[must_use]
    #[doc(alias = "mi_arena_min_size")]
    pub fn min_size() -> usize {
        raw::arena::min_size()
    }

    /// Returns the alignment of an arena's start in bytes: 256 MiB, or 64 KiB
    /// in builds with hardening.
    ///
    /// Memory of the program's [own](crate::arena::ArenaOptions::from_static) that starts
    /// elsewhere loses the part before the next such address.
    ///
    /// Calls `mi_arena_min_alignment`.
    #[must_use]
    #[doc(alias = "mi_arena_min_alignment")]
    pub fn min_alignment() -> usize {
        raw::arena::min_alignment()
    }

    /// Returns the size in bytes of the largest block that fits in an arena. In
    /// an exclusive arena, larger requests fail whatever the arena's size.
    ///
    /// Calls `mi_arena_max_object_size`; changes with the option
    /// `arena_max_object_size`.
    #[cfg(mimalloc_since_3_5)]
    #[must_use]
    #[doc(alias = "mi_arena_max_object_size")]
    pub fn max_object_size() -> usize {
        raw::arena::max_object_size()
    }

    /// Returns free memory in all arenas to the system now, without waiting for
    /// the purge delay. Memory that threads still hold for reuse stays. Calling
    /// [`collect`](crate::collect) on each of these threads first frees their
    /// memory as well.
    ///
    /// The arenas keep their addresses. Calls `mi_arenas_purge`.
    #[cfg(mimalloc_since_3_6)]
    #[doc(alias = "mi_arenas_purge")]
    pub fn purge_all() {
        raw::engine::purge_arenas();
    }
}
