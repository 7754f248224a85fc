//! Checks that `current_rss` is resident memory, and no number of mimalloc's.
//!
//! The test has a process of its own, because other tests take and return memory
//! meanwhile.

use mimalloc::stats::process_info;

fn main() {
    let tells = cfg!(any(target_os = "linux", windows, target_vendor = "apple"));
    let info = process_info();
    assert_eq!(info.current_rss.is_some(), tells);
    assert!(info.peak_rss > 0);
    if !tells {
        return;
    }

    const SIZE: usize = 256 << 20;
    let rss = || process_info().current_rss.unwrap();
    let before = rss();
    // The memory is the system's: mimalloc is not the global allocator here.
    let block = vec![1_u8; SIZE];
    std::hint::black_box(&block);
    let commit = process_info().current_commit;
    let with_block = rss();
    drop(block);
    let after = rss();
    assert!(with_block > before + SIZE / 4 * 3, "{before} {with_block}");
    if cfg!(target_os = "linux") {
        // Old libraries count what they have reserved.
        let is_old = cfg!(mimalloc_other_version);
        assert!(is_old || commit < with_block, "{commit} {with_block}");
        // A block of this size goes back to the system at once.
        assert!(after < with_block - SIZE / 4 * 3, "{with_block} {after}");
    }
}
