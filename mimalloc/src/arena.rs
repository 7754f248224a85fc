//! Arenas: memory taken from the system once and kept for good.

use mimalloc_sys as sys;

/// Memory that was reserved once and is never given back, for heaps to live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "mi_arena_id_t")]
pub struct Arena {
    id: sys::mi_arena_id_t,
}

impl Arena {
    pub(crate) fn id(self) -> sys::mi_arena_id_t {
        self.id
    }
}
