//! A ring of bytes that any thread appends to without waiting, allocating or
//! thread-local storage, and one reader at a time empties.

use core::hint;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// How often a reader looks whether a writer is done: some milliseconds, in
/// which a few hundred bytes are copied many times over.
const MAX_TRIES: u32 = 1 << 20;

/// # Invariants
///
/// Positions count bytes since the start and wrap around; `start`, `written`
/// and `reserved` are in this order, at most `N` apart. `written` counts the
/// bytes that are in place, so that all are when it equals `reserved`.
pub(super) struct Ring<const N: usize> {
    bytes: [AtomicU8; N],
    start: AtomicUsize,
    written: AtomicUsize,
    reserved: AtomicUsize,
    lost: AtomicUsize,
    reading: AtomicBool,
}

impl<const N: usize> Ring<N> {
    pub(super) const fn new() -> Self {
        // Positions must stay congruent when they wrap around.
        const { assert!(N.is_power_of_two()) };
        Self {
            bytes: [const { AtomicU8::new(0) }; N],
            start: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            reading: AtomicBool::new(false),
        }
    }

    /// Appends all of `text`, or counts it as lost if it does not fit.
    pub(super) fn push(&self, text: &[u8]) {
        let mut at = self.reserved.load(Ordering::Relaxed);
        loop {
            // Acquire: the reader is done with the bytes before `start`.
            let used = at.wrapping_sub(self.start.load(Ordering::Acquire));
            if used > N || text.len() > N - used {
                if at == self.reserved.load(Ordering::Relaxed) {
                    self.lost.fetch_add(text.len(), Ordering::Relaxed);
                    return;
                }
                at = self.reserved.load(Ordering::Relaxed);
                continue;
            }
            let end = at.wrapping_add(text.len());
            match self
                .reserved
                .compare_exchange_weak(at, end, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(now) => at = now,
            }
        }
        for (i, &byte) in text.iter().enumerate() {
            self.bytes[at.wrapping_add(i) % N].store(byte, Ordering::Relaxed);
        }
        // Release: whoever sees the count sees the bytes.
        self.written.fetch_add(text.len(), Ordering::Release);
    }

    /// Hands everything to `sink` and empties the ring. Returns how many bytes
    /// were lost since the last time.
    ///
    /// Does nothing and returns 0 while another call is under way, and when a
    /// writer doesn't finish: a process that was forked while another thread
    /// wrote has no such thread.
    pub(super) fn take(&self, mut sink: impl FnMut(&[u8])) -> usize {
        if self.reading.swap(true, Ordering::Acquire) {
            return 0;
        }
        let _reading = Reading(&self.reading);
        let mut at = self.start.load(Ordering::Relaxed);
        let mut tries = 0_u32;
        let end = loop {
            let written = self.written.load(Ordering::Acquire);
            if written == self.reserved.load(Ordering::Relaxed) {
                break written;
            }
            if tries == MAX_TRIES {
                return 0;
            }
            tries += 1;
            // A writer is between reserving and writing some hundred bytes.
            hint::spin_loop();
        };
        let mut chunk = [0_u8; 256];
        while at != end {
            let len = end.wrapping_sub(at).min(chunk.len());
            for (i, byte) in chunk[..len].iter_mut().enumerate() {
                *byte = self.bytes[at.wrapping_add(i) % N].load(Ordering::Relaxed);
            }
            at = at.wrapping_add(len);
            // Release: the bytes were read before they may be overwritten.
            self.start.store(at, Ordering::Release);
            sink(&chunk[..len]);
        }
        self.lost.swap(0, Ordering::Relaxed)
    }
}

/// Lets the next reader in, also when the sink panics.
struct Reading<'a>(&'a AtomicBool);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::vec::Vec;

    use super::*;

    fn taken<const N: usize>(ring: &Ring<N>) -> (Vec<u8>, usize) {
        let mut all = Vec::new();
        let lost = ring.take(|bytes| all.extend_from_slice(bytes));
        (all, lost)
    }

    #[test]
    fn takes_what_was_pushed_and_counts_what_did_not_fit() {
        let ring = Ring::<16>::new();
        for _ in 0..10 {
            ring.push(b"0123456789");
            ring.push(b"abcdef");
            ring.push(b"x");
            assert_eq!(taken(&ring), (b"0123456789abcdef".to_vec(), 1));
            assert_eq!(taken(&ring), (Vec::new(), 0));
            ring.push(b"abc");
            assert_eq!(taken(&ring), (b"abc".to_vec(), 0));
        }
        ring.push(&[0; 17]);
        assert_eq!(taken(&ring), (Vec::new(), 17));
    }

    #[test]
    fn a_writer_that_never_finishes_holds_up_nobody() {
        let ring = Ring::<16>::new();
        // A fork leaves this state in the child if another thread was writing.
        ring.reserved.fetch_add(5, Ordering::Relaxed);
        assert_eq!(taken(&ring), (Vec::new(), 0));
        ring.push(b"0123456789abcdef");
        assert_eq!(taken(&ring), (Vec::new(), 0));
    }

    #[test]
    fn messages_of_threads_stay_whole() {
        // Miri takes a minute for more.
        const COUNT: usize = if cfg!(miri) { 200 } else { 2_000 };
        static RING: Ring<256> = Ring::new();
        let mut all = Vec::new();
        let mut lost = 0;
        thread::scope(|scope| {
            let writers: Vec<_> = (b'a'..b'd')
                .map(|letter| {
                    scope.spawn(move || {
                        for _ in 0..COUNT {
                            RING.push(&[letter; 7]);
                        }
                    })
                })
                .collect();
            while !writers.iter().all(|writer| writer.is_finished()) {
                lost += RING.take(|bytes| all.extend_from_slice(bytes));
            }
        });
        lost += RING.take(|bytes| all.extend_from_slice(bytes));
        assert_eq!(all.len() + lost, 3 * COUNT * 7);
        for message in all.chunks(7) {
            assert!(
                message.iter().all(|byte| byte == &message[0]),
                "{message:?}"
            );
        }
    }

    #[test]
    fn a_sink_that_panics_or_reads_again_does_no_harm() {
        let ring = Ring::<16>::new();
        ring.push(b"one");
        let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            ring.take(|_| panic!("on purpose"))
        }));
        assert!(panicked.is_err());
        ring.push(b"two");
        let mut inner = 0;
        ring.take(|bytes| {
            assert_eq!(bytes, b"two");
            inner += ring.take(|_| unreachable!());
        });
        assert_eq!(inner, 0);
    }
}
