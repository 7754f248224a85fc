//! What keeps a heap in the place of a thread's default one.

use super::Heap;
use crate::raw::engine;

/// Keeps a heap the default of the thread; see [`Heap::set_default`].
#[derive(Debug)]
pub struct DefaultGuard<'heap> {
    pub(super) before: engine::DefaultBefore,
    pub(super) heap: &'heap Heap,
}

impl Drop for DefaultGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: the thread's default before; `set_default` makes the caller
        // nest guards and drop them before the thread ends, so that it is still
        // live.
        unsafe { engine::restore_default(self.heap.as_raw(), self.before) };
    }
}
