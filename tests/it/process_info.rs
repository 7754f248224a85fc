//! Checks what mimalloc says about the process and itself.

use std::time::Duration;

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

/// Checks a promise of the documentation: `current_rss` is no resident set
/// there.
#[test]
#[cfg(target_os = "linux")]
fn rss_is_the_commit_on_linux() {
    let info = mimalloc::stats::process_info();
    assert_eq!(info.current_rss, info.current_commit);
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
