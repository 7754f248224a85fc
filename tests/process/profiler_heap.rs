//! The pprof profiler of one heap.

#[cfg(all(mimalloc_profile, target_os = "linux", target_env = "gnu"))]
mod pprof;

#[cfg(not(all(mimalloc_profile, target_os = "linux", target_env = "gnu")))]
fn main() {}

#[cfg(all(mimalloc_profile, target_os = "linux", target_env = "gnu"))]
use profiled::main;

#[cfg(all(mimalloc_profile, target_os = "linux", target_env = "gnu"))]
mod profiled {
    use std::num::NonZeroUsize;
    use std::path::PathBuf;

    use mimalloc::{Heap, MiMalloc, Profiler, ProfilerError};

    use crate::pprof::Profile;

    #[global_allocator]
    static GLOBAL: MiMalloc = MiMalloc;

    #[inline(never)]
    fn fill_the_heap(heap: &Heap) {
        for n in 0..400_000_u64 {
            heap.alloc([n; 8]).unwrap();
        }
    }

    #[inline(never)]
    #[allow(clippy::vec_box, reason = "each is to be a sample of its own")]
    fn fill_elsewhere() -> Vec<Box<[u64; 8]>> {
        let boxes = (0..100_000).map(|n| Box::new([n; 8])).collect();
        // More to do, so that the call above is no jump.
        std::hint::black_box(boxes)
    }

    pub(super) fn main() {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("profiler-heap-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let profiler = Profiler::options()
            .sample_rate(1024)
            .snapshot_every_allocated(NonZeroUsize::new(1 << 20).unwrap())
            .create(folder.join("heap"))
            .unwrap();

        let shy = Heap::new().unwrap();
        shy.disable_profiling();
        assert_eq!(profiler.attach_heap(&shy), Err(ProfilerError::Attached));
        for _ in 0..3 {
            // A profiler outlives its heaps, and serves several.
            let heap = Heap::new().unwrap();
            profiler.attach_heap(&heap).unwrap();
            assert_eq!(profiler.attach_heap(&heap), Err(ProfilerError::Attached));
            profiler.start();
            fill_the_heap(&heap);
            fill_the_heap(&shy);
            assert_eq!(fill_elsewhere().len(), 100_000);
            std::thread::scope(|scope| {
                scope.spawn(|| fill_the_heap(&heap));
            });
        }
        profiler.snapshot();
        profiler.stop();

        let mut files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        // Some were written by themselves, and are as complete as the last.
        assert!(files.len() > 3, "{files:?}");
        for file in &files[1..] {
            let profile = Profile::read(file);
            let [objects, bytes, ..] = profile.of("fill_the_heap");
            assert!(objects > 5 && bytes == 64 * objects, "{objects} {bytes}");
            assert!(!profile.has("fill_elsewhere"));
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
