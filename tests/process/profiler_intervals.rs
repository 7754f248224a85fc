//! Counts the profiles that profilers write by themselves, at each kind of interval.
//!
//! The test has a process of its own, because a profiler is never freed.

#[cfg(all(mimalloc_pprof, target_os = "linux", target_env = "gnu"))]
#[allow(dead_code, reason = "other programs read more of a profile")]
mod pprof;

#[cfg(not(all(mimalloc_pprof, target_os = "linux", target_env = "gnu")))]
fn main() {}

#[cfg(all(mimalloc_pprof, target_os = "linux", target_env = "gnu"))]
use profiled::main;

#[cfg(all(mimalloc_pprof, target_os = "linux", target_env = "gnu"))]
mod profiled {
    use std::num::NonZeroUsize;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use allocator_api2_02::vec::Vec as Vec02;
    use mimalloc::{Heap, Profiler};

    use crate::pprof::{self, Profile};

    pub(super) fn main() {
        pprof::in_folder("profiler-intervals", intervals);
    }

    fn intervals(folder: &Path) {
        const MIB: usize = 1 << 20;
        let mib = NonZeroUsize::new(MIB).unwrap();
        let options = Profiler::options();
        let allocated = options.clone().snapshot_every_allocated(mib);
        let in_use = options.clone().snapshot_every_in_use(mib);
        let time = |time| options.clone().snapshot_every(time);
        // 16 MiB come and go, and then 16 MiB stay. Samples are random, so that the
        // numbers are rough.
        let few = (4..=60, 8..=120);
        for (name, options, [passing, all]) in [
            ("never", options.clone(), [0..=0, 0..=0]),
            ("allocated", allocated, [few.0.clone(), few.1]),
            ("in-use", in_use, [0..=0, few.0]),
            ("hour", time(Duration::from_secs(3600)), [0..=0, 0..=0]),
            ("day", time(Duration::MAX), [0..=0, 0..=0]),
        ] {
            let folder = folder.join(name);
            std::fs::create_dir(&folder).unwrap();
            let options = options.sample_rate(1 << 15);
            let profiler = options.create(folder.join("profile")).unwrap();
            let heap = Heap::new().unwrap();
            profiler.attach_heap(&heap).unwrap();
            profiler.start();
            // A thread looks for profilers now and then, where it takes large blocks.
            for _ in 0..2_000 {
                drop(Vec02::<u8, _>::with_capacity_in(2_000, &heap));
            }
            let before = std::fs::read_dir(&folder).unwrap().count();
            let count = || std::fs::read_dir(&folder).unwrap().count() - before;
            for _ in 0..64 {
                let block = |_| Vec02::<u8, _>::with_capacity_in(16 << 10, &heap);
                let blocks: Vec<_> = (0..16).map(block).collect();
                std::hint::black_box(&blocks);
            }
            assert!(passing.contains(&count()), "{name}: {}", count());
            for _ in 0..16 * 64 {
                heap.alloc_slice_with(16 << 10, |_| 0_u8).unwrap();
            }
            assert!(all.contains(&count()), "{name}: {}", count());
            profiler.stop();
        }

        // Times are whole seconds.
        let options = time(Duration::from_millis(1_900)).sample_rate(4096);
        let start = Instant::now();
        let profiler = options.create(folder.join("second")).unwrap();
        let heap = Heap::new().unwrap();
        profiler.attach_heap(&heap).unwrap();
        profiler.start();
        let count = || {
            let files = std::fs::read_dir(folder).unwrap();
            let names = files.map(|file| file.unwrap().file_name());
            let names = names.filter(|name| name.to_string_lossy().starts_with("second"));
            names.count()
        };
        for _ in 0..3_000 {
            if count() > 0 {
                break;
            }
            heap.alloc_slice_with(64 << 10, |_| 0_u8).unwrap();
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(count() > 0);
        assert!(start.elapsed() + Duration::from_millis(10) > Duration::from_secs(1));
        profiler.stop();

        // The rate by default.
        let profiler = Profiler::options().create(folder.join("default")).unwrap();
        profiler.snapshot();
        let profile = Profile::read(&folder.join("default.0001.pb"));
        assert_eq!(profile.raw.period, 512 << 10);
    }
}
