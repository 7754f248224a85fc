//! Guard pages behind sampled blocks of a heap.

#[cfg(mimalloc_v3)]
use core::alloc::Layout;

use mimalloc_sys as sys;

use crate::error::AllocError;
use crate::heap::Heap;
#[cfg(mimalloc_v3)]
use crate::raw::{allocator, backend, theap};

/// # Guarded blocks
///
/// In builds with the feature `guarded`, some blocks are put right before a
/// page that can't be read or written, so that running past their end stops the
/// program at once. Which blocks is set by
/// [`Option::GuardedSampleRate`](crate::Option) and its neighbours for all
/// heaps, and here for one.
impl Heap {
    /// Guards a block about every `rate` bytes that this thread allocates in the
    /// heap: 0 none, 1 each, as long as it is within the
    /// [bounds](Self::set_guarded_sizes). `seed` 0 starts at a random place.
    /// Takes effect where the thread next looks for a page with free blocks.
    ///
    /// Calls `mi_theap_guarded_set_sample_rate`; on engine v2
    /// `mi_heap_guarded_set_sample_rate`.
    ///
    /// # Errors
    ///
    /// When there is no memory for this thread's part of the heap.
    #[doc(alias = "mi_theap_guarded_set_sample_rate")]
    #[doc(alias = "mi_heap_guarded_set_sample_rate")]
    pub fn set_guarded_sample_rate(&self, rate: usize, seed: usize) -> Result<(), AllocError> {
        #[cfg(mimalloc_v3)]
        {
            let theap = self.own_theap()?;
            // SAFETY: this thread's part of a live heap.
            unsafe { sys::mi_theap_guarded_set_sample_rate(theap, rate, seed) };
        }
        #[cfg(mimalloc_v2)]
        {
            self.need_thread()?;
            // SAFETY: a live heap of this thread.
            unsafe { sys::mi_heap_guarded_set_sample_rate(self.as_raw(), rate, seed) };
        }
        Ok(())
    }

    /// Guards only blocks of `min` to `max` bytes, on this thread.
    ///
    /// Calls `mi_theap_guarded_set_size_bound`; on engine v2
    /// `mi_heap_guarded_set_size_bound`.
    ///
    /// # Errors
    ///
    /// As for [`set_guarded_sample_rate`](Self::set_guarded_sample_rate).
    #[doc(alias = "mi_theap_guarded_set_size_bound")]
    #[doc(alias = "mi_heap_guarded_set_size_bound")]
    pub fn set_guarded_sizes(&self, min: usize, max: usize) -> Result<(), AllocError> {
        #[cfg(mimalloc_v3)]
        {
            let theap = self.own_theap()?;
            // SAFETY: this thread's part of a live heap.
            unsafe { sys::mi_theap_guarded_set_size_bound(theap, min, max) };
        }
        #[cfg(mimalloc_v2)]
        {
            self.need_thread()?;
            // SAFETY: a live heap of this thread.
            unsafe { sys::mi_heap_guarded_set_size_bound(self.as_raw(), min, max) };
        }
        Ok(())
    }

    /// A dead heap has no numbers to sample with.
    #[cfg(mimalloc_v2)]
    fn need_thread(&self) -> Result<(), AllocError> {
        // SAFETY: the heap is live or dead.
        let is_alive = unsafe { crate::raw::keep::is_alive(self.as_raw()) };
        is_alive.then_some(()).ok_or(AllocError)
    }

    /// This thread's part of the heap, and not the empty one that upstream has
    /// in its place when memory runs out and that all threads share.
    #[cfg(mimalloc_v3)]
    fn own_theap(&self) -> Result<*mut sys::mi_theap_t, AllocError> {
        // SAFETY: the heap is live.
        let theap = unsafe { theap::find(self.as_raw()) };
        // SAFETY: found on this thread, for a heap that lives while `self` does.
        let source = unsafe { backend::TheapBackend::new(theap) };
        let layout = Layout::new::<usize>();
        // SAFETY: as above.
        let probe = unsafe { allocator::allocate::<_, false>(source, layout) };
        // SAFETY: just allocated for this layout.
        unsafe { allocator::deallocate(probe.ok_or(AllocError)?, layout) };
        Ok(theap)
    }
}

#[cfg(all(test, mimalloc_v3, mimalloc_has_heap_stats))]
mod tests {
    use super::*;

    #[test]
    fn blocks_within_the_bounds_are_guarded() {
        let heap = Heap::new().unwrap();
        let guarded = |heap: &Heap| {
            heap.collect(false);
            heap.stats().unwrap().malloc_guarded_count
        };
        heap.alloc([1_u8; 100]).unwrap();
        assert_eq!(guarded(&heap), 0);
        heap.set_guarded_sizes(0, 4096).unwrap();
        heap.set_guarded_sample_rate(1, 0).unwrap();
        // Sampling begins where the thread next looks for a page.
        for _ in 0..5_000 {
            heap.alloc([1_u8; 100]).unwrap();
        }
        assert!(guarded(&heap) >= 10);
        heap.set_guarded_sample_rate(0, 0).unwrap();
    }
}
