//! Guard pages behind sampled blocks of a heap.

use crate::error::AllocError;
use crate::heap::Heap;
use crate::raw::engine;

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
        // SAFETY: the heap is live, on engine v2 this thread's or dead.
        unsafe { engine::set_guarded_sample_rate(self.backend(), rate, seed) }
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
        // SAFETY: the heap is live, on engine v2 this thread's or dead.
        unsafe { engine::set_guarded_size_bound(self.backend(), min, max) }
    }
}

#[cfg(all(test, mimalloc_has_heap_stats))]
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
