//! Defines the guard that keeps a heap the default of a thread.

use super::Heap;
use crate::raw::engine;

/// Keeps a heap the default heap of the thread; see [`Heap::set_default`].
#[derive(Debug)]
pub struct DefaultGuard<'heap> {
    pub(super) before: engine::DefaultBefore,
    pub(super) heap: &'heap Heap,
}

impl Drop for DefaultGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: `before` was the default of this thread. The caller of
        // `set_default` promised to nest guards and to drop the guards before
        // the thread ends, so `before` is still live (upstream.md: default
        // heap).
        unsafe { engine::restore_default(self.heap.as_raw(), self.before) };
    }
}
