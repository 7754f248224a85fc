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
        mimalloc_tests::hold_with_resets(&mut heap, 9, 60);
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
    }
}
