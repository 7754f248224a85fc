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

/// Asks the system for the same numbers before and afterwards.
#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn times_and_faults_are_those_of_the_system() {
    use std::time::Instant;

    fn usage() -> libc::rusage {
        let mut usage = core::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the place is valid for a write of the type.
        assert_eq!(0, unsafe {
            libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr())
        });
        // SAFETY: `getrusage` filled the place, and zero bytes are a value as well.
        unsafe { usage.assume_init() }
    }
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    // User and system time differ, and both are more than nothing.
    let mut sum = 0_u64;
    while time(usage().ru_utime) < Duration::from_millis(40) {
        sum = (0..1_000_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
    }
    let millisecond = Duration::from_millis(1);
    let before = usage();
    let info = mimalloc::stats::process_info();
    let after = usage();
    for (what, before, now, after) in [
        ("user", before.ru_utime, info.user, after.ru_utime),
        ("system", before.ru_stime, info.system, after.ru_stime),
    ] {
        let (before, after) = (time(before), time(after));
        assert!(now + millisecond > before, "{what}: {before:?}, {now:?}");
        assert!(now <= after + millisecond, "{what}: {now:?}, {after:?}");
    }
    let faults = before.ru_majflt as usize..=after.ru_majflt as usize;
    assert!(faults.contains(&info.page_faults), "{info:?}");
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    let peak = before.ru_maxrss as usize * unit..=after.ru_maxrss as usize * unit;
    assert!(peak.contains(&info.peak_rss), "{peak:?}: {info:?}");

    // Time passes as it does by the clock of the system.
    let start = Instant::now();
    let first = mimalloc::stats::process_info().elapsed;
    let outer = Instant::now();
    std::thread::sleep(Duration::from_millis(30));
    let inner = outer.elapsed();
    let between = mimalloc::stats::process_info().elapsed - first;
    assert!(between + 2 * millisecond > inner, "{between:?}, {inner:?}");
    assert!(between <= start.elapsed() + 2 * millisecond, "{between:?}");
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
        let (unit, text) = if metric.name.ends_with("_msecs") {
            (MetricUnit::Milliseconds, "milliseconds")
        } else if metric.name == "page_faults" {
            (MetricUnit::Number, "number")
        } else {
            (MetricUnit::Bytes, "bytes")
        };
        assert_eq!(metric.unit, unit, "{metric:?}");
        assert_eq!(metric.unit.to_string(), text);
    }
    assert!(json.is_empty(), "{json:?} are no metrics");
    // serde knows the fields by the names in Rust.
    let by_serde = serde_json::to_value(info).unwrap();
    assert_eq!(by_serde.as_object().unwrap().len(), 8);
}

/// Looks at each number by its name, with numbers that all differ.
#[test]
fn each_number_has_its_own_name() {
    let mut info = mimalloc::stats::process_info();
    let millis = Duration::from_millis;
    (info.elapsed, info.user, info.system) = (millis(1), millis(2), millis(3));
    (info.page_faults, info.current_rss, info.peak_rss) = (4, Some(5), 6);
    (info.current_commit, info.peak_commit) = (7, 8);
    let mut text = String::new();
    info.write_json(&mut text).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let expected = serde_json::json!({
        "elapsed_msecs": 1, "user_msecs": 2, "system_msecs": 3, "page_faults": 4,
        "rss_current": 5, "rss_peak": 6, "commit_current": 7, "commit_peak": 8,
    });
    assert_eq!(json, expected);
    let by_serde = serde_json::to_value(info).unwrap();
    for (name, value) in [
        ("page_faults", 4),
        ("current_rss", 5),
        ("peak_rss", 6),
        ("current_commit", 7),
        ("peak_commit", 8),
    ] {
        assert_eq!(by_serde[name], value, "{name}");
    }
    assert_eq!(by_serde["user"]["nanos"], 2_000_000);
    let later = mimalloc::stats::ProcessInfo::default();
    assert_eq!(info.since(&later), info);
    assert_eq!(later.since(&info).user, Duration::ZERO);
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
