//! Keeps heap destruction and walks over all heaps apart.
//!
//! Engine v3's process-wide statistics visit every heap and every thread's part
//! of it; upstream does not guard that against a heap being destroyed on
//! another thread, and crashes. Several heaps may be destroyed at once, and
//! several walks may run at once, but never one of each: this is a lock with
//! two groups, either of which may be inside with any number of members.
//!
//! Engine v2 keeps its statistics in one static and needs none of this.

#[cfg(mimalloc_v3)]
use core::sync::atomic::{AtomicIsize, Ordering};

/// Above zero: that many walks are under way. Below zero: that many
/// destructions.
#[cfg(mimalloc_v3)]
static INSIDE: AtomicIsize = AtomicIsize::new(0);

/// Membership of one group; leaving the group is dropping it.
#[derive(Debug)]
#[must_use]
pub(crate) struct Guard {
    #[cfg(mimalloc_v3)]
    step: isize,
}

/// Enters the group of those that destroy heaps.
#[inline]
#[cfg(mimalloc_v3)]
pub(crate) fn destroying() -> Guard {
    enter(-1)
}

/// Enters the group of those that destroy heaps.
#[inline(always)]
#[cfg(mimalloc_v2)]
pub(crate) fn destroying() -> Guard {
    Guard {}
}

/// Enters the group of those that walk all heaps.
#[inline]
#[cfg(mimalloc_v3)]
pub(crate) fn walking() -> Guard {
    enter(1)
}

/// Enters the group of those that walk all heaps.
#[inline(always)]
#[cfg(mimalloc_v2)]
pub(crate) fn walking() -> Guard {
    Guard {}
}

#[cfg(mimalloc_v3)]
fn enter(step: isize) -> Guard {
    let mut tries = 0_u32;
    let mut now = INSIDE.load(Ordering::Relaxed);
    loop {
        if now.signum() == -step {
            pause(&mut tries);
            now = INSIDE.load(Ordering::Relaxed);
            continue;
        }
        match INSIDE.compare_exchange_weak(now, now + step, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Guard { step },
            Err(seen) => now = seen,
        }
    }
}

/// Both groups leave within microseconds to a few milliseconds.
#[cfg(mimalloc_v3)]
fn pause(tries: &mut u32) {
    *tries += 1;
    if *tries < 64 {
        core::hint::spin_loop();
        return;
    }
    #[cfg(feature = "std")]
    std::thread::yield_now();
    #[cfg(not(feature = "std"))]
    core::hint::spin_loop();
}

#[cfg(mimalloc_v3)]
impl Drop for Guard {
    fn drop(&mut self) {
        INSIDE.fetch_sub(self.step, Ordering::Release);
    }
}

#[cfg(all(test, mimalloc_v3, feature = "std"))]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;
    use std::thread;

    #[test]
    fn groups_exclude_each_other_and_admit_their_own() {
        let both = (destroying(), destroying());
        drop(both);
        let both = (walking(), walking());
        drop(both);

        let walkers = AtomicUsize::new(0);
        let destroyers = AtomicUsize::new(0);
        thread::scope(|scope| {
            for group in 0..4 {
                let (walkers, destroyers) = (&walkers, &destroyers);
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        let (mine, other, guard) = if group % 2 == 0 {
                            (walkers, destroyers, walking())
                        } else {
                            (destroyers, walkers, destroying())
                        };
                        mine.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(other.load(Ordering::SeqCst), 0);
                        mine.fetch_sub(1, Ordering::SeqCst);
                        drop(guard);
                    }
                });
            }
        });
    }
}
