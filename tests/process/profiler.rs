//! Profiles a whole program with the pprof profiler.
//!
//! The test has a process of its own, because a profile counts every allocation
//! of the process.

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
    use std::path::Path;

    use mimalloc::{Heap, Profiler, ProfilerError, ProfilerOptions};

    use crate::pprof::{self, Profile, keep_many_boxes};

    #[inline(never)]
    fn build_strings_and_drop_them() -> usize {
        (0..20_000)
            .map(|n| std::hint::black_box("x".repeat(n % 2_000)).len())
            .sum()
    }

    pub(super) fn main() {
        pprof::in_folder("profiler", |folder| {
            bases_that_cannot_be(folder);
            the_whole_process(folder);
        });
    }

    fn bases_that_cannot_be(folder: &Path) {
        let long = folder.join("x".repeat(ProfilerOptions::MAX_BASE_LEN));
        for base in [Path::new(""), Path::new("a\0b"), long.as_path()] {
            let made = Profiler::options().create(base);
            assert_eq!(made.unwrap_err(), ProfilerError::InvalidBase);
        }
    }

    fn the_whole_process(folder: &Path) {
        // An extension is a part of the name.
        let base = folder.join("whole.process");
        let profiler = Profiler::options().sample_rate(1024).create(&base).unwrap();
        // The name of a file is any bytes on Unix.
        #[cfg(unix)]
        let second = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"second\xff");
        #[cfg(not(unix))]
        let second = "second";
        let second = Profiler::options().create(folder.join(second)).unwrap();
        profiler.attach().unwrap();
        assert_eq!(profiler.attach(), Err(ProfilerError::Attached));
        assert_eq!(second.attach(), Err(ProfilerError::Attached));
        let heap = Heap::new().unwrap();
        assert_eq!(second.attach_heap(&heap), Err(ProfilerError::Attached));
        assert!(
            ProfilerError::Attached
                .to_string()
                .contains("MIMALLOC_PROFILE")
        );

        assert!(!profiler.start());
        assert!(profiler.start());
        let kept = keep_many_boxes();
        assert!(build_strings_and_drop_them() > 0);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                std::thread::spawn(|| (keep_many_boxes().len(), build_strings_and_drop_them()))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        profiler.snapshot();
        drop(kept);
        profiler.snapshot();
        assert!(profiler.stop());
        assert!(!profiler.stop());

        let first = Profile::read(&folder.join("whole.process.0001.pb"));
        assert_eq!(
            first.types,
            [
                "alloc_objects",
                "alloc_bytes",
                "inuse_objects",
                "inuse_bytes"
            ]
        );
        assert_eq!(first.raw.period, 1024);
        let (boxes, strings) = ("keep_many_boxes", "build_strings_and_drop_them");
        let [objects, bytes, in_use, in_use_bytes] = first.of(boxes);
        assert!(objects > 20 && bytes >= 64 * objects, "{objects} {bytes}");
        assert!(in_use > 0 && in_use <= objects && in_use_bytes <= bytes);
        let [objects, bytes, in_use, _] = first.of(strings);
        assert!(objects > 20 && bytes > 100 * objects, "{objects} {bytes}");
        assert!(in_use < objects / 10, "{in_use} of {objects}");

        let after = Profile::read(&folder.join("whole.process.0002.pb"));
        let [objects, _, in_use, _] = after.of(boxes);
        assert!(in_use < objects / 10, "{in_use} of {objects} are left");
    }
}
