//! Profiles one heap with the pprof profiler.
//!
//! The test has a process of its own, because a profiler is never freed.

#[cfg(all(mimalloc_profile, target_os = "linux", target_env = "gnu"))]
mod pprof;

#[cfg(not(all(mimalloc_profile, target_os = "linux", target_env = "gnu")))]
fn main() {}

#[cfg(all(mimalloc_profile, target_os = "linux", target_env = "gnu"))]
use profiled::main;

#[cfg(all(mimalloc_profile, target_os = "linux", target_env = "gnu"))]
mod profiled {
    use std::num::NonZeroUsize;
    use std::path::Path;

    use mimalloc::{Heap, Profiler, ProfilerError};

    use crate::pprof::{self, Profile, keep_many_boxes};

    #[inline(never)]
    fn fill_the_heap(heap: &Heap) {
        for n in 0..400_000_u64 {
            heap.alloc([n; 8]).unwrap();
        }
    }

    #[inline(never)]
    fn fill_until_the_reset(heap: &Heap) {
        fill_the_heap(heap);
        std::hint::black_box(());
    }

    #[inline(never)]
    fn fill_for_good(heap: &Heap) {
        fill_the_heap(heap);
        std::hint::black_box(());
    }

    /// Deletes a heap whose blocks go on.
    ///
    /// # Safety
    ///
    /// No other thread frees a block of the heap.
    #[inline(never)]
    unsafe fn fill_and_delete(profiler: &Profiler) {
        let heap = Heap::new().unwrap();
        profiler.attach_heap(&heap).unwrap();
        profiler.start();
        fill_the_heap(&heap);
        // SAFETY: the caller promises it.
        unsafe { heap.delete_keeping_blocks() };
    }

    pub(super) fn main() {
        pprof::in_folder("profiler-heap", one_heap);
    }

    fn one_heap(folder: &Path) {
        let profiler = Profiler::options()
            .sample_rate(1024)
            .snapshot_every_allocated(NonZeroUsize::new(1 << 20).unwrap())
            .create(folder.join("heap"))
            .unwrap();

        let shy = Heap::new().unwrap();
        shy.disable_profiling();
        assert_eq!(profiler.attach_heap(&shy), Err(ProfilerError::Attached));
        for _ in 0..3 {
            // A profiler outlives its heaps, and serves several heaps.
            let heap = Heap::new().unwrap();
            profiler.attach_heap(&heap).unwrap();
            assert_eq!(profiler.attach_heap(&heap), Err(ProfilerError::Attached));
            profiler.start();
            fill_the_heap(&heap);
            fill_the_heap(&shy);
            assert_eq!(keep_many_boxes().len(), 100_000);
            std::thread::scope(|scope| {
                scope.spawn(|| fill_the_heap(&heap));
            });
        }
        let mut heap = Heap::new().unwrap();
        profiler.attach_heap(&heap).unwrap();
        profiler.start();
        mimalloc_tests::hold_with_resets(&mut heap, 9, 60);
        heap.reset().unwrap();
        fill_until_the_reset(&heap);
        heap.reset().unwrap();
        fill_for_good(&heap);
        let mut emptied = Heap::new().unwrap();
        profiler.attach_heap(&emptied).unwrap();
        profiler.start();
        std::thread::scope(|scope| {
            scope.spawn(|| fill_until_the_reset(&emptied));
        });
        emptied.reset_keeping(0).unwrap();
        // SAFETY: no block of the heap is freed meanwhile.
        unsafe { fill_and_delete(&profiler) };
        profiler.snapshot();
        profiler.stop();

        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        // The profiler wrote some files by itself. Each of them is as complete
        // as the last.
        assert!(files.len() > 3, "{files:?}");
        for file in &files[1..] {
            let profile = Profile::read(file);
            let [objects, bytes, ..] = profile.of("fill_the_heap");
            assert!(objects > 5 && bytes == 64 * objects, "{objects} {bytes}");
            assert!(!profile.has("keep_many_boxes"));
        }
        // A block that ends with its heap or by a reset is not in use any more.
        let last = Profile::read(files.last().unwrap());
        for (function, is_used) in [
            ("one_heap", true),
            ("fill_until_the_reset", false),
            ("fill_for_good", true),
            ("fill_and_delete", true),
        ] {
            let [made, _, used, bytes] = last.of(function);
            assert!(made > 5, "{function}: {made}");
            assert_eq!(
                (used > 5, bytes > 0),
                (is_used, is_used),
                "{function}: {used} {bytes}"
            );
        }
    }
}
