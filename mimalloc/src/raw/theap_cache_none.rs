//! Stands in for `cache` in builds where threads remember no parts of heaps.

/// What a heap is known by: nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeapId;

impl HeapId {
    #[cfg(mimalloc_v3)]
    pub(crate) const MAIN: Self = Self;

    pub(crate) fn next() -> Self {
        Self
    }
}
