//! A heap as one thread sees it for the length of a closure.

use core::fmt;
use core::marker::PhantomData;

use crate::heap::Heap;
#[cfg(mimalloc_v2)]
use crate::raw::source::InHeap as Source;
#[cfg(mimalloc_v3)]
use crate::raw::source::InTheap as Source;

/// The fastest way to allocate in a heap: its part for the current thread,
/// looked up once.
///
/// Made by [`Heap::with_local`]. It is bound to the closure by a lifetime that
/// nothing outside can name, and to the thread by being neither `Send` nor
/// `Sync`; so are the collections in it. Blocks die with the heap.
///
/// On engine v3 each use of a `&Heap` has to find the heap's thread part
/// ("theap"), which takes longer when several heaps are used in turn; a `Local`
/// has it at hand. On engine v2, where a heap belongs to one thread anyway, this
/// is the heap.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use mimalloc::Heap;
///
/// let heap = Heap::new()?;
/// let sum = heap.with_local(|local| {
///     let mut numbers = Vec::new_in(local);
///     numbers.extend(1..=100);
///     numbers.iter().sum::<u32>()
/// });
/// assert_eq!(sum, 5050);
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
///
/// A `Local` doesn't leave its closure:
///
/// ```compile_fail
/// let heap = mimalloc::Heap::new()?;
/// let escaped = heap.with_local(|local| local);
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
#[derive(Clone, Copy)]
#[doc(alias = "mi_heap_theap")]
#[doc(alias = "mi_theap_malloc")]
pub struct Local<'a> {
    source: Source,
    /// Invariant, so that the closure's own lifetime is the only one that fits.
    closure: PhantomData<fn(&'a ()) -> &'a ()>,
    /// Neither `Send` nor `Sync`: the thread part is the thread's alone.
    thread: PhantomData<*mut ()>,
}

impl Local<'_> {
    #[inline(always)]
    pub(crate) fn source(&self) -> Source {
        self.source
    }
}

impl fmt::Debug for Local<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Local").field(&self.source).finish()
    }
}

impl Heap {
    /// Runs `f` with this heap's part for the current thread.
    ///
    /// Worth it from a handful of allocations on: it saves finding the thread's
    /// part on each of them. Calls may be nested, also for several heaps.
    ///
    /// When no thread part can be made for want of memory, all allocations
    /// through the [`Local`] fail cleanly.
    ///
    /// Calls `mi_heap_theap` on engine v3, nothing on v2.
    #[inline]
    pub fn with_local<R>(&self, f: impl for<'a> FnOnce(Local<'a>) -> R) -> R {
        #[cfg(mimalloc_v3)]
        let source = {
            // SAFETY: the heap is live while `self` is borrowed.
            let theap = unsafe { crate::raw::thread_part::find(self.as_raw()) };
            // SAFETY: this thread's own theap, used within the closure only,
            // where the borrow keeps the heap from being destroyed. Deleting a
            // theap early takes unsafe code.
            unsafe { Source::new(theap) }
        };
        #[cfg(mimalloc_v2)]
        let source = self.source();
        f(Local {
            source,
            closure: PhantomData,
            thread: PhantomData,
        })
    }
}
