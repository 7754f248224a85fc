//! Profiles one heap with the pprof profiler.
//!
//! The test has a process of its own, because a profiler is never freed.

#[cfg(mimalloc_pprof)]
mod pprof;

#[cfg(not(mimalloc_pprof))]
fn main() {
    println!("SKIPPED: no profile can be read here");
}

#[cfg(mimalloc_pprof)]
use profiled::main;

#[cfg(mimalloc_pprof)]
mod profiled {
    use std::num::NonZeroUsize;
    use std::path::Path;

    use mimalloc::{Heap, Profiler, ProfilerError, SnapshotError};

    use crate::pprof::{self, Profile, keep_many_boxes};

    #[inline(never)]
    fn fill_the_heap(heap: &Heap) {
        for n in 0..50_000_u64 {
            heap.alloc([n; 64]).unwrap();
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
        pprof::in_folder("profiler-bytes", profiles_as_bytes);
    }

    /// Sets the folder for temporary files.
    fn use_temporary(folder: &Path) {
        // SAFETY: this process has no other thread at the moment.
        unsafe { std::env::set_var("TMPDIR", folder) };
    }

    fn is_empty(folder: &Path) -> bool {
        std::fs::read_dir(folder).unwrap().next().is_none()
    }

    fn profiles_as_bytes(folder: &Path) {
        let temporary = folder.join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        use_temporary(&temporary);
        let options = Profiler::options().sample_rate(1024);
        let profiler = options
            .clone()
            .snapshot_every_allocated(NonZeroUsize::MIN)
            .create_temporary()
            .unwrap();
        let heap = Heap::new().unwrap();
        profiler.attach_heap(&heap).unwrap();
        profiler.start();
        let mut before = 0;
        for _ in 0..3 {
            fill_the_heap(&heap);
            let profile = Profile::parse(&profiler.snapshot_to_vec().unwrap());
            let [objects, bytes, ..] = profile.of("fill_the_heap");
            assert!(objects > before + 5 && bytes == 512 * objects);
            before = objects;
            assert!(is_empty(&temporary));
        }
        let mut written = Vec::new();
        profiler.snapshot_to(&mut written).unwrap();
        assert_eq!(Profile::parse(&written).raw.period, 1024);

        // Snapshots at once: each is whole, or none.
        let whole = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut whole = 0;
                        for _ in 0..20 {
                            match profiler.snapshot_to_vec() {
                                Ok(bytes) => {
                                    Profile::parse(&bytes).of("fill_the_heap");
                                    whole += 1;
                                }
                                Err(SnapshotError::Busy) => std::thread::yield_now(),
                                Err(error) => panic!("{error}"),
                            }
                        }
                        whole
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum::<usize>()
        });
        assert!(whole > 0);
        assert!(is_empty(&temporary));

        let text = options.clone().text(true).create_temporary().unwrap();
        let profile = text.snapshot_to_vec().unwrap();
        assert!(
            profile.starts_with(b"heap profile:"),
            "{}",
            profile.escape_ascii()
        );

        // The folder of the system is gone, or a profiler has files of its own.
        std::fs::remove_dir(&temporary).unwrap();
        let error = text.snapshot_to_vec().unwrap_err();
        assert!(matches!(error, SnapshotError::Io(_)), "{error:?}");
        assert!(error.to_string().contains("temporary"), "{error}");
        let files = options.clone().create(folder.join("files")).unwrap();
        let error = files.snapshot_to_vec().unwrap_err();
        assert!(matches!(error, SnapshotError::HasFiles), "{error:?}");
        use_temporary(&folder.join("long".repeat(300)));
        let error = options.create_temporary().unwrap_err();
        assert_eq!(error, ProfilerError::InvalidBase);
        assert!(is_empty(folder));
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
            assert!(objects > 5 && bytes == 512 * objects, "{objects} {bytes}");
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
