//! Several threads: blocks that another thread frees, and threads that end.

use std::sync::mpsc::{channel as unbounded, sync_channel};
use std::thread;

use crate::random::{Random, mix};
use crate::scaled;

type Batch = Vec<Box<[u64; 8]>>;

/// Two threads hand each other batches of blocks; each frees what the other
/// allocated.
pub(crate) fn foreign_frees(scale: u64) -> u64 {
    let rounds = scaled(4_000, scale);
    let (to_right, from_left) = unbounded::<Batch>();
    let (to_left, from_right) = unbounded::<Batch>();
    let worker = move |seed: u64,
                       send: std::sync::mpsc::Sender<Batch>,
                       receive: std::sync::mpsc::Receiver<Batch>| {
        let mut sum = 0;
        for round in 0..rounds {
            let batch = (0..500).map(|i| Box::new([i ^ round ^ seed; 8])).collect();
            if send.send(batch).is_err() {
                break;
            }
            let Ok(batch) = receive.recv() else { break };
            sum = batch.iter().fold(sum, |sum, block| mix(sum, block[7]));
        }
        sum
    };
    thread::scope(|scope| {
        let left = scope.spawn(move || worker(1, to_right, from_right));
        let right = scope.spawn(move || worker(2, to_left, from_left));
        mix(joined(left.join()), joined(right.join()))
    })
}

/// One thread makes messages, the other reads and drops them.
pub(crate) fn channel(scale: u64) -> u64 {
    let messages = scaled(400_000, scale);
    let (send, receive) = sync_channel::<Vec<u8>>(1024);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut random = Random::new(15);
            for i in 0..messages {
                let mut message = Vec::with_capacity(random.size(16, 1024));
                message.extend_from_slice(&i.to_le_bytes());
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        receive.iter().fold(0, |sum, message| {
            mix(sum, u64::from(message[0]) + message.len() as u64)
        })
    })
}

/// Threads that allocate a little and end, two at a time.
pub(crate) fn short_threads(scale: u64) -> u64 {
    let work = |seed: u64| {
        let mut random = Random::new(seed);
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        for i in 0..100 {
            let mut block = Vec::with_capacity(random.size(16, 4096));
            block.push(i);
            blocks.push(block);
        }
        blocks
            .iter()
            .fold(0, |sum, block| mix(sum, u64::from(block[0])))
    };
    let mut sum = 0;
    for round in 0..scaled(1_000, scale) {
        thread::scope(|scope| {
            let one = scope.spawn(move || work(2 * round));
            let two = scope.spawn(move || work(2 * round + 1));
            sum = mix(mix(sum, joined(one.join())), joined(two.join()));
        });
    }
    sum
}

/// A thread that panicked makes the checksum differ.
fn joined(result: thread::Result<u64>) -> u64 {
    result.unwrap_or(u64::MAX)
}
