//! Checks what mimalloc says about the process and itself.

use std::time::Duration;

use mimalloc::stats::MetricUnit;

#[test]
fn the_numbers_make_sense() {
    let memory = vec![1_u8; 8 << 20];
    let info = mimalloc::stats::process_info();
    drop(memory);
    assert!(info.elapsed < Duration::from_secs(24 * 60 * 60));
    assert!(info.peak_commit >= info.current_commit);
    assert!(info.peak_rss > 0);
    let later = mimalloc::stats::process_info();
    assert!(later.elapsed >= info.elapsed);
    assert!(later.user + later.system >= info.user + info.system);
}

/// Checks that `current_rss` is no number of mimalloc's: this memory is the
/// system's.
#[test]
#[cfg(target_os = "linux")]
fn resident_memory_follows_the_program() {
    use std::alloc::{GlobalAlloc, Layout, System};

    const SIZE: usize = 256 << 20;

    let rss = || mimalloc::stats::process_info().current_rss.unwrap();
    let before = rss();
    let layout = Layout::from_size_align(SIZE, 4096).unwrap();
    // SAFETY: the size is not 0.
    let block = unsafe { System.alloc(layout) };
    assert!(!block.is_null());
    // SAFETY: the block has `SIZE` bytes.
    unsafe { block.write_bytes(1, SIZE) };
    let with_block = rss();
    // SAFETY: allocated with this layout, and not used any more.
    unsafe { System.dealloc(block, layout) };
    let after = rss();
    // Other tests of this process take and return memory meanwhile.
    assert!(with_block > before + SIZE / 2, "{before} {with_block}");
    assert!(after < with_block - SIZE / 2, "{with_block} {after}");
}

#[test]
fn metrics_are_the_numbers_of_the_json_text() {
    let info = mimalloc::stats::process_info();
    let mut text = String::new();
    info.write_json(&mut text).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let json = json.as_object_mut().unwrap();
    // A system need not tell it.
    json.retain(|_, value| !value.is_null());
    let len = json.len();
    assert_eq!(len, 7 + usize::from(info.current_rss.is_some()));
    for metric in info.metrics() {
        let whole = format!("{}_{}", metric.name, metric.kind);
        let found = json.remove(&whole).or_else(|| json.remove(metric.name));
        assert_eq!(found.unwrap(), metric.value, "{metric:?}");
        let unit = if metric.name.ends_with("_msecs") {
            MetricUnit::Milliseconds
        } else if metric.name == "page_faults" {
            MetricUnit::Number
        } else {
            MetricUnit::Bytes
        };
        assert_eq!(metric.unit, unit, "{metric:?}");
    }
    assert!(json.is_empty(), "{json:?} are no metrics");
    // serde knows the fields by the names in Rust.
    let by_serde = serde_json::to_value(info).unwrap();
    assert_eq!(by_serde.as_object().unwrap().len(), 8);
}

#[test]
fn a_difference_has_times_and_faults() {
    let mut before = mimalloc::stats::process_info();
    let mut after = before;
    before.user = Duration::from_millis(7);
    after.user = Duration::from_millis(19);
    before.page_faults = 5;
    after.page_faults = 6;
    after.peak_commit += 100;
    let between = after.since(&before);
    assert_eq!(between.user, Duration::from_millis(12));
    assert_eq!(between.elapsed, Duration::ZERO);
    assert_eq!(between.page_faults, 1);
    assert_eq!(between.current_commit, after.current_commit);
    assert_eq!(between.peak_commit, after.peak_commit);
    assert_eq!(before.since(&after).user, Duration::ZERO);
}

#[test]
fn json_can_be_read() {
    let mut text = String::new();
    let info = mimalloc::stats::process_info();
    info.write_json(&mut text).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["commit_current"], info.current_commit);
    assert_eq!(json["elapsed_msecs"], info.elapsed.as_millis() as u64);
    serde_json::to_string(&info).unwrap();
}

#[test]
fn the_version_is_that_of_the_header() {
    let version = mimalloc::version();
    assert_eq!(version.raw(), mimalloc_sys::HEADER_VERSION);
    assert_eq!(format!("v{}", version.major()), mimalloc_sys::ENGINE);
    let text = version.to_string();
    let parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    assert_eq!(parts, [version.major(), version.minor(), version.patch()]);
}

#[test]
fn nothing_is_redirected_here() {
    assert!(!mimalloc::is_redirected());
}
