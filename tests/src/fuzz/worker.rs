//! Holds a thread that does jobs for a world.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use mimalloc::MiMalloc;

use super::bytes::Bytes;
use super::{DEFAULT, World, use_heap};
use crate::live::{Block, Live};
use crate::subject::Api04;
#[cfg(mimalloc_v3)]
use {super::slot::Owner, crate::subject::Api02, mimalloc::SharedHeap};

/// Says what a thread should do. The numbers name blocks in messages.
pub(super) enum Job {
    /// Free these blocks.
    Free(Vec<Block>),
    /// Make blocks in the default heap.
    Blocks(u64, Vec<u8>),
    /// Run a program.
    World(u64, Vec<u8>),
    /// Use a heap alone, and give it back.
    #[cfg(mimalloc_v3)]
    Use(u64, Owner, bool, Vec<u8>),
    /// Use a heap together with other threads.
    #[cfg(mimalloc_v3)]
    Share(u64, SharedHeap, Vec<u8>),
}

/// Is what a job leads to.
#[derive(Default)]
pub(super) struct Done {
    pub(super) operations: u64,
    pub(super) blocks: Vec<Block>,
    #[cfg(mimalloc_v3)]
    pub(super) heap: Option<(u64, Owner)>,
}

impl Done {
    fn new(operations: u64, blocks: Vec<Block>) -> Self {
        Self {
            operations,
            blocks,
            #[cfg(mimalloc_v3)]
            heap: None,
        }
    }
}

impl Job {
    fn run(self) -> Done {
        match self {
            Self::Free(blocks) => {
                for block in blocks {
                    block.free(&Api04(MiMalloc), 0);
                }
                Done::default()
            }
            Self::Blocks(number, program) => {
                let mut live = Live::new(number);
                let operations = use_heap(
                    &Api04(MiMalloc),
                    DEFAULT,
                    false,
                    &mut live,
                    &mut Bytes::new(&program),
                );
                Done::new(operations, live.take_all_in(DEFAULT))
            }
            Self::World(number, program) => {
                let mut world = World::new(number, None);
                world.run(&mut Bytes::new(&program));
                Done::new(world.finish(), Vec::new())
            }
            #[cfg(mimalloc_v3)]
            Self::Use(number, owner, is_limited, program) => {
                let mut live = Live::new(number);
                let mut operations = 0;
                owner.with_subject(program.first().copied().unwrap_or(0), |subject| {
                    let bytes = &mut Bytes::new(&program);
                    operations = use_heap(subject, number, is_limited, &mut live, bytes);
                });
                Done {
                    operations,
                    blocks: live.take_all_in(number),
                    heap: Some((number, owner)),
                }
            }
            #[cfg(mimalloc_v3)]
            Self::Share(number, heap, program) => {
                let mut live = Live::new(number);
                let bytes = &mut Bytes::new(&program);
                let operations = use_heap(&Api02(&heap), number, false, &mut live, bytes);
                Done::new(operations, live.take_all_in(number))
            }
        }
    }
}

/// A thread that does one job after the other. Ends when it is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    /// Is there until `drop`.
    jobs: Option<Sender<Job>>,
    done: Receiver<Done>,
    pending: usize,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start() -> Self {
        let (jobs, to_do) = channel::<Job>();
        let (finished, done) = channel();
        let thread = thread::spawn(move || {
            for job in to_do {
                if finished.send(job.run()).is_err() {
                    break;
                }
            }
        });
        Self {
            jobs: Some(jobs),
            done,
            pending: 0,
            thread: Some(thread),
        }
    }

    pub(super) fn send(&mut self, job: Job) {
        let jobs = self.jobs.as_ref().expect("the thread runs");
        jobs.send(job).expect("the thread did not fail");
        self.pending += 1;
    }

    /// Waits until the thread has done its jobs.
    pub(super) fn settle(&mut self, mut take: impl FnMut(Done)) {
        while self.pending != 0 {
            take(self.done.recv().expect("the thread did not fail"));
            self.pending -= 1;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let outcome = thread.join();
            // A panic of the world would hide this one.
            if !thread::panicking() {
                outcome.expect("the thread did not fail");
            }
        }
    }
}
