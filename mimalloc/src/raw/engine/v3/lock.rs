//! Keeps heap destruction and walks over all heaps apart.
//!
//! Process-wide statistics of engine v3 visit every heap and each heap's
//! theaps. Upstream does not guard this walk against another thread that
//! destroys a heap, and crashes (upstream.md: statistics walks). Several heaps
//! may be destroyed at once, and several walks may run at once, but a walk and
//! a destruction may not. This lock therefore has two groups, either of which
//! may be inside with any number of members.
//!
//! Neither group can starve the other. While a member of the other group waits,
//! the group inside admits no more members. When its last member leaves, all
//! waiting members of the other group enter together. A destruction therefore
//! waits for the walks under way, and never for a walk that began later.
//!
//! A member must not enter again: code of the program must not run between
//! entering and leaving.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::raw::runtime;

/// Names the groups; members of one group may be inside together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Walks = 0,
    Destructions = 1,
}

/// Describes the result of an attempt to enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// The member is inside.
    Inside,
    /// The member is inside once this phase has come.
    InPhase(usize),
    /// The group has as many members as the lock can count.
    Full,
}

/// Holds the state of the lock in one word: the phase, the number of members
/// inside, and the number of waiting members of each group.
///
/// # Invariants
///
/// - Only members of the phase's group are inside.
/// - No member waits while none is inside. Members of the phase's group wait
///   only while members of the other group wait.
/// - Members of the other group wait for the next phase, and members of the
///   phase's own group for the phase after the next. The phase that a member
///   waits for does not end before the member has left, so four numbers are
///   enough to tell phases apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State(usize);

/// Bits of each count: three counts and the phase fill a word.
const COUNT_BITS: u32 = (usize::BITS - 2) / 3;
const COUNT_MAX: usize = (1 << COUNT_BITS) - 1;

impl State {
    const EMPTY: Self = Self(0);

    /// Returns the phase, from 0 to 3; even phases belong to the walks.
    const fn phase(self) -> usize {
        self.0 & 3
    }

    const fn is_phase_of(self, group: Group) -> bool {
        self.phase() % 2 == group as usize
    }

    const fn shift(place: u32) -> u32 {
        2 + place * COUNT_BITS
    }

    const fn count(self, place: u32) -> usize {
        self.0 >> Self::shift(place) & COUNT_MAX
    }

    const fn inside(self) -> usize {
        self.count(0)
    }

    const fn of(phase: usize, inside: usize, waiting: [usize; 2]) -> Self {
        Self(
            (phase % 4)
                | (inside << Self::shift(0))
                | (waiting[0] << Self::shift(1))
                | (waiting[1] << Self::shift(2)),
        )
    }

    const fn parts(self) -> (usize, usize, [usize; 2]) {
        (self.phase(), self.inside(), [self.count(1), self.count(2)])
    }

    /// Returns the state with one more member, and how the member got in.
    const fn enter(self, group: Group) -> (Self, Entry) {
        let (phase, inside, mut waiting) = self.parts();
        let other = 1 - group as usize;
        if inside == 0 {
            let phase = if self.is_phase_of(group) {
                phase
            } else {
                phase + 1
            };
            return (Self::of(phase, 1, waiting), Entry::Inside);
        }
        let is_phase = self.is_phase_of(group);
        if is_phase && waiting[other] == 0 {
            if inside == COUNT_MAX {
                return (self, Entry::Full);
            }
            return (Self::of(phase, inside + 1, waiting), Entry::Inside);
        }
        if waiting[group as usize] == COUNT_MAX {
            return (self, Entry::Full);
        }
        waiting[group as usize] += 1;
        let target = (phase + if is_phase { 2 } else { 1 }) % 4;
        (Self::of(phase, inside, waiting), Entry::InPhase(target))
    }

    /// Returns the state with one member less; if this begins a phase, the
    /// waiting members of the phase are inside.
    const fn leave(self) -> Self {
        let (phase, inside, mut waiting) = self.parts();
        let other = (phase + 1) % 2;
        if inside == 1 && waiting[other] > 0 {
            let inside = waiting[other];
            waiting[other] = 0;
            return Self::of(phase + 1, inside, waiting);
        }
        Self::of(phase, inside - 1, waiting)
    }
}

/// Stores the state of the lock.
struct Groups(AtomicUsize);

impl Groups {
    const fn new() -> Self {
        Self(AtomicUsize::new(State::EMPTY.0))
    }

    fn state(&self) -> State {
        State(self.0.load(Ordering::Acquire))
    }

    /// Waits for the group's turn, and enters.
    #[inline]
    fn enter(&self, group: Group) -> LockGuard<'_> {
        self.wait(group);
        LockGuard(self)
    }

    /// Becomes a member of the group, in its turn.
    fn wait(&self, group: Group) {
        let mut pause = Pause::new();
        loop {
            let now = self.state();
            let (next, entry) = now.enter(group);
            if entry == Entry::Full {
                pause.once();
            } else if self.replace(now, next) {
                if let Entry::InPhase(phase) = entry {
                    // This load is an acquire: all effects of the members that
                    // left come before.
                    while self.state().phase() != phase {
                        pause.once();
                    }
                }
                return;
            }
        }
    }

    fn leave(&self) {
        loop {
            let now = self.state();
            if self.replace(now, now.leave()) {
                return;
            }
        }
    }

    fn replace(&self, now: State, next: State) -> bool {
        // Every change belongs to one chain of read-modify-writes, so a thread
        // that reads a phase sees all effects that came before the phase.
        (self.0)
            .compare_exchange_weak(now.0, next.0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

/// Represents membership of one group; dropping the guard leaves the group.
#[must_use]
pub(crate) struct LockGuard<'a>(&'a Groups);

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Decides how a waiter pauses. Groups leave within microseconds to a few
/// milliseconds. A waiter does not park, because it may be in the destructor of
/// a thread-local, where the standard library may have nothing to park on.
struct Pause(u32);

impl Pause {
    const fn new() -> Self {
        Self(0)
    }

    fn once(&mut self) {
        self.0 = self.0.saturating_add(1);
        if self.0 < 64 {
            core::hint::spin_loop();
        } else {
            runtime::give_way(self.0 - 64);
        }
    }
}

static HEAPS: Groups = Groups::new();

/// Enters the group of threads that destroy heaps.
#[inline]
pub(crate) fn destroying() -> LockGuard<'static> {
    HEAPS.enter(Group::Destructions)
}

/// Enters the group of threads that walk all heaps.
#[inline]
pub(crate) fn walking() -> LockGuard<'static> {
    HEAPS.enter(Group::Walks)
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::collections::HashMap;
    use std::thread;
    use std::vec::Vec;

    use super::{Entry, Group, Groups, HEAPS, State};
    use crate::Heap;

    impl State {
        const fn waiting(self, group: Group) -> usize {
            self.count(1 + group as u32)
        }
    }

    /// Waits until the lock reaches such a state.
    fn wait_for(lock: &Groups, is_reached: impl Fn(State) -> bool) {
        while !is_reached(lock.state()) {
            thread::yield_now();
        }
    }

    #[test]
    fn groups_exclude_each_other_and_admit_their_own() {
        let lock = Groups::new();
        for group in [Group::Walks, Group::Destructions] {
            let both = (lock.enter(group), lock.enter(group));
            assert_eq!(lock.state().inside(), 2);
            drop(both);
        }

        let walkers = AtomicUsize::new(0);
        let destroyers = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 0..4 {
                let (walkers, destroyers, lock) = (&walkers, &destroyers, &lock);
                scope.spawn(move || {
                    // Miri takes a minute for more.
                    for _ in 0..if cfg!(miri) { 100 } else { 2_000 } {
                        let (mine, other, group) = if number % 2 == 0 {
                            (walkers, destroyers, Group::Walks)
                        } else {
                            (destroyers, walkers, Group::Destructions)
                        };
                        let guard = lock.enter(group);
                        mine.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(other.load(Ordering::SeqCst), 0);
                        mine.fetch_sub(1, Ordering::SeqCst);
                        drop(guard);
                    }
                });
            }
        });
        assert_eq!(lock.state().inside(), 0);
    }

    /// Checks that `act` waits for a member of the other group to leave. Members of
    /// other tests may wait as well, so that the check is made several times.
    fn waits_as(group: Group, act: impl Fn() + Sync) {
        let other = match group {
            Group::Walks => Group::Destructions,
            Group::Destructions => Group::Walks,
        };
        for _ in 0..20 {
            let inside = HEAPS.enter(other);
            let has_left = AtomicBool::new(false);
            thread::scope(|scope| {
                let acts = scope.spawn(|| {
                    act();
                    has_left.load(Ordering::SeqCst)
                });
                while HEAPS.state().waiting(group) == 0 && !acts.is_finished() {
                    thread::yield_now();
                }
                has_left.store(true, Ordering::SeqCst);
                drop(inside);
                assert!(acts.join().unwrap(), "it did not wait");
            });
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "calls C")]
    fn what_ends_heaps_waits_for_walks() {
        let heap = || Heap::create().unwrap();
        waits_as(Group::Destructions, || drop(heap()));
        waits_as(Group::Destructions, || Heap::scope(|_| ()).unwrap());
        // SAFETY: the heap has no blocks, and is no thread's default.
        waits_as(Group::Destructions, || unsafe {
            heap().delete_keeping_blocks();
        });
        #[cfg(mimalloc_profiler)]
        {
            let heap = heap();
            waits_as(Group::Destructions, || heap.disable_profiling());
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "calls C")]
    fn what_walks_waits_for_heaps_that_end() {
        waits_as(Group::Walks, crate::stats::reset);
        waits_as(Group::Walks, || {
            // SAFETY: `ignore` takes any text and argument, and does nothing.
            unsafe { crate::raw::stats::print(Some(ignore), core::ptr::null_mut()) };
        });
        if crate::stats::arena_count().is_some() {
            waits_as(Group::Walks, || {
                let _ = crate::stats::arena_count();
            });
        }
    }

    unsafe extern "C" fn ignore(_: *const core::ffi::c_char, _: *mut core::ffi::c_void) {}

    /// Checks that walks that come while a destruction waits do not enter
    /// before the destruction, and the other way round.
    #[test]
    fn who_waits_goes_first() {
        for (first, second) in [
            (Group::Walks, Group::Destructions),
            (Group::Destructions, Group::Walks),
        ] {
            let lock = Groups::new();
            let turns = AtomicUsize::new(0);
            let inside = lock.enter(first);
            thread::scope(|scope| {
                let waits = scope.spawn(|| {
                    let guard = lock.enter(second);
                    let turn = turns.fetch_add(1, Ordering::SeqCst);
                    drop(guard);
                    turn
                });
                wait_for(&lock, |state| state.waiting(second) == 1);
                let late: Vec<_> = (0..3)
                    .map(|_| {
                        scope.spawn(|| {
                            let guard = lock.enter(first);
                            let turn = turns.fetch_add(1, Ordering::SeqCst);
                            drop(guard);
                            turn
                        })
                    })
                    .collect();
                wait_for(&lock, |state| state.waiting(first) == 3);
                assert_eq!(turns.load(Ordering::SeqCst), 0);
                drop(inside);
                assert_eq!(waits.join().unwrap(), 0);
                for late in late {
                    assert!(late.join().unwrap() > 0);
                }
            });
        }
    }

    /// Describes what one thread of the model is doing.
    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    enum Doing {
        Outside,
        /// Waits for the phase; later members of the other group have overtaken
        /// this thread so many times.
        Waiting(usize, u8),
        Inside,
    }

    /// Tries each order of steps of two walkers and two destroyers, until no
    /// new state is reached.
    #[test]
    fn every_order_of_steps_is_fair_and_never_stuck() {
        const GROUPS: [Group; 4] = [
            Group::Walks,
            Group::Walks,
            Group::Destructions,
            Group::Destructions,
        ];
        type Model = (State, [Doing; 4]);

        /// Moves the threads whose phase has come inside; they take no step of
        /// their own.
        fn settled((state, mut doing): Model, overtaker: Option<usize>) -> Model {
            for thread in 0..4 {
                match doing[thread] {
                    Doing::Waiting(phase, _) if phase == state.phase() => {
                        doing[thread] = Doing::Inside;
                    }
                    Doing::Waiting(phase, times)
                        if overtaker.is_some_and(|by| GROUPS[by] != GROUPS[thread]) =>
                    {
                        doing[thread] = Doing::Waiting(phase, times + 1);
                    }
                    _ => {}
                }
            }
            (state, doing)
        }

        fn steps((state, doing): Model) -> Vec<Model> {
            let mut all = Vec::new();
            for thread in 0..4 {
                let mut next = doing;
                match doing[thread] {
                    Doing::Outside => {
                        let (state, entry) = state.enter(GROUPS[thread]);
                        let (now, by) = match entry {
                            Entry::Inside => (Doing::Inside, Some(thread)),
                            Entry::InPhase(phase) => (Doing::Waiting(phase, 0), None),
                            Entry::Full => continue,
                        };
                        next[thread] = now;
                        all.push(settled((state, next), by));
                    }
                    Doing::Inside => {
                        next[thread] = Doing::Outside;
                        all.push(settled((state.leave(), next), None));
                    }
                    Doing::Waiting(..) => {}
                }
            }
            all
        }

        let start = (State::EMPTY, [Doing::Outside; 4]);
        let mut seen = HashMap::from([(start, ())]);
        let mut open = Vec::from([start]);
        while let Some(model) = open.pop() {
            let (state, doing) = model;
            let inside = |group| {
                let is_in =
                    |&thread: &usize| GROUPS[thread] == group && doing[thread] == Doing::Inside;
                (0..4).filter(is_in).count()
            };
            let (walks, destructions) = (inside(Group::Walks), inside(Group::Destructions));
            assert!(walks == 0 || destructions == 0);
            assert_eq!(walks + destructions, state.inside());
            for group in [Group::Walks, Group::Destructions] {
                let waits = |&thread: &usize| {
                    GROUPS[thread] == group && matches!(doing[thread], Doing::Waiting(..))
                };
                assert_eq!((0..4).filter(waits).count(), state.waiting(group));
            }
            for doing in doing {
                // No member of the other group enters before a member that
                // waits.
                assert!(!matches!(doing, Doing::Waiting(_, 1..)));
            }
            let next = steps(model);
            // A member is inside and can leave, or no member waits.
            assert!(walks + destructions > 0 || doing == [Doing::Outside; 4]);
            for model in next {
                if seen.insert(model, ()).is_none() {
                    open.push(model);
                }
            }
        }
        assert!(seen.len() > 50, "{}", seen.len());
    }

    #[test]
    fn full_counts_stay_right() {
        let mut state = State::EMPTY;
        let mut inside = 0_usize;
        // The bound is the most that a 32-bit word holds, and a few more.
        let most = 1 << ((usize::BITS - 2) / 3).min(12);
        while inside < most {
            match state.enter(Group::Walks) {
                (next, Entry::Inside) => (state, inside) = (next, inside + 1),
                (next, entry) => {
                    assert_eq!((next, entry), (state, Entry::Full));
                    break;
                }
            }
        }
        assert_eq!(state.inside(), inside);
        assert_eq!(state.waiting(Group::Walks), 0);
        for _ in 0..inside {
            state = state.leave();
        }
        assert_eq!(state.inside(), 0);
    }
}
