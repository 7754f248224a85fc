//! What keeps a heap in the place of a thread's default one.

use mimalloc_sys as sys;

use super::Heap;

/// Keeps a heap the default of the thread; see [`Heap::set_default`].
#[derive(Debug)]
pub struct DefaultGuard<'heap> {
    #[cfg(mimalloc_v3)]
    pub(super) before: *mut sys::mi_theap_t,
    #[cfg(mimalloc_v2)]
    pub(super) before: *mut sys::mi_heap_t,
    #[cfg_attr(mimalloc_v3, allow(dead_code, reason = "kept from ending"))]
    pub(super) heap: &'heap Heap,
}

impl Drop for DefaultGuard<'_> {
    fn drop(&mut self) {
        #[cfg(mimalloc_v3)]
        // SAFETY: the thread's default before; `set_default` makes the caller
        // nest guards, so that it is still live.
        unsafe {
            sys::mi_theap_set_default(self.before);
        }
        // A heap dies with all others of its thread, and is no default then.
        #[cfg(mimalloc_v2)]
        // SAFETY: the heap is live or dead.
        if unsafe { crate::raw::keep::is_alive(self.heap.as_raw()) } {
            // SAFETY: as above; the thread has not ended since.
            unsafe { sys::mi_heap_set_default(self.before) };
        }
    }
}
