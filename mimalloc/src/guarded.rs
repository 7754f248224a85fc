//! Guard pages behind sampled blocks of a heap.

use crate::error::AllocError;
use crate::heap::Heap;
use crate::raw::engine::guarded;

/// # Guarded blocks
///
/// In builds with the feature `guarded`, some blocks lie right before a page
/// that can't be read or written. A program that runs past the end of such a
/// block stops at once. [`Option::GuardedSampleRate`](crate::Option) and its
/// neighbours choose the blocks for all heaps; the functions here choose for
/// one heap.
impl Heap {
    /// Guards a block about every `rate` bytes that this thread allocates in
    /// the heap. `0` guards no block, and `1` every block within the
    /// [bounds](Self::set_guarded_sizes). With `seed` 0, sampling starts at a
    /// random place. The rate takes effect where the thread next looks for a
    /// page with free blocks.
    ///
    /// Calls `mi_theap_guarded_set_sample_rate`; on engine v2
    /// `mi_heap_guarded_set_sample_rate`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no memory for this thread's theap of the
    /// heap.
    #[doc(alias = "mi_theap_guarded_set_sample_rate")]
    #[doc(alias = "mi_heap_guarded_set_sample_rate")]
    pub fn set_guarded_sample_rate(&self, rate: usize, seed: usize) -> Result<(), AllocError> {
        // SAFETY: `&self` keeps the heap alive. On engine v2 the heap belongs
        // to this thread, or is a dead heap, which has a structure
        // (upstream.md: thread ends of v2).
        unsafe { guarded::set_sample_rate(self.backend(), rate, seed) }
    }

    /// Guards only blocks of `min` to `max` bytes, on this thread.
    ///
    /// Calls `mi_theap_guarded_set_size_bound`; on engine v2
    /// `mi_heap_guarded_set_size_bound`.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no memory for this thread's theap of the
    /// heap.
    #[doc(alias = "mi_theap_guarded_set_size_bound")]
    #[doc(alias = "mi_heap_guarded_set_size_bound")]
    pub fn set_guarded_sizes(&self, min: usize, max: usize) -> Result<(), AllocError> {
        // SAFETY: `&self` keeps the heap alive. On engine v2 the heap belongs
        // to this thread, or is a dead heap, which has a structure
        // (upstream.md: thread ends of v2).
        unsafe { guarded::set_size_bound(self.backend(), min, max) }
    }
}

#[cfg(all(test, mimalloc_v3))]
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
