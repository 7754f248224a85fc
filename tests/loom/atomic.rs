//! Stands in for `core::sync::atomic` with atomics that loom knows.
//!
//! loom's atomics belong to one execution of a model, and can't be made in constants.
//! So each atomic here is made at its first use in an execution.

use std::cell::Cell;
use std::sync::atomic as real;

pub use loom::sync::atomic::{Ordering, fence};

/// Counts the executions of models.
static EXECUTION: real::AtomicUsize = real::AtomicUsize::new(1);

/// Runs a model in each order. One model runs at a time.
pub fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        EXECUTION.fetch_add(1, real::Ordering::SeqCst);
        WAITS.store(0, real::Ordering::SeqCst);
        model();
    });
}

/// Counts how often a thread waited in an execution.
static WAITS: real::AtomicUsize = real::AtomicUsize::new(0);

/// Lets another thread run. Two threads that wait would let each other run for ever, so
/// that an execution in which threads wait often has no more branches.
pub fn wait() {
    const MOST: usize = 8;
    if WAITS.fetch_add(1, real::Ordering::SeqCst) == MOST {
        loom::skip_branch();
    }
    loom::thread::yield_now();
}

macro_rules! atomics {
    ($($name:ident of $value:ty;)+) => {$(
        /// Is made at its first use in an execution.
        #[derive(Debug)]
        pub struct $name {
            first: $value,
            /// The execution, and its atomic. loom runs one thread at a time.
            now: Cell<(usize, Option<&'static loom::sync::atomic::$name>)>,
        }

        // SAFETY: loom runs all threads of a model on one thread of the system, and
        // `check` runs one model at a time.
        unsafe impl Sync for $name {}

        impl $name {
            pub const fn new(first: $value) -> Self {
                Self { first, now: Cell::new((0, None)) }
            }

            /// Returns the atomic of this execution. An execution's atomics are few,
            /// and are leaked: loom takes them back itself.
            fn get(&self) -> &'static loom::sync::atomic::$name {
                let execution = EXECUTION.load(real::Ordering::SeqCst);
                match self.now.get() {
                    (of, Some(atomic)) if of == execution => return atomic,
                    _ => {}
                }
                let atomic = loom::sync::atomic::$name::new(self.first);
                let atomic: &'static _ = Box::leak(Box::new(atomic));
                self.now.set((execution, Some(atomic)));
                atomic
            }

            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                self.get().load(order)
            }

            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.get().store(value, order);
            }

            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.get().swap(value, order)
            }

            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                now: $value,
                next: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.get().compare_exchange_weak(now, next, success, failure)
            }
        }
    )+};
}

atomics! {
    AtomicBool of bool;
    AtomicU8 of u8;
    AtomicUsize of usize;
}

impl AtomicUsize {
    #[track_caller]
    pub fn fetch_add(&self, value: usize, order: Ordering) -> usize {
        self.get().fetch_add(value, order)
    }

    #[track_caller]
    pub fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
        self.get().fetch_sub(value, order)
    }
}
