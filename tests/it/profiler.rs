//! Checks what is set of a profiler before the profiler is made.

use std::time::Duration;

use mimalloc::Profiler;

#[test]
fn intervals_have_a_second_at_least_and_a_day_at_most() {
    let every = |seconds| Profiler::options().snapshot_every(Duration::from_secs(seconds));
    let day = 24 * 60 * 60;
    assert_eq!(every(0), every(1));
    assert_ne!(every(1), every(2));
    assert_ne!(every(day - 1), every(day));
    assert_eq!(every(day), every(30 * day));
    assert_eq!(
        Profiler::options().snapshot_every(Duration::from_millis(2_900)),
        every(2)
    );
}
