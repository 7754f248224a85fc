//! Blocks without structure: what one allocation and one free cost.

use crate::random::{Random, mix};
use crate::scaled;

/// Boxes of 48 bytes, each replaced when the ring comes round.
#[allow(clippy::replace_box, reason = "allocating is the work")]
pub(crate) fn fixed_boxes(scale: u64) -> u64 {
    let mut ring: Vec<Box<[u64; 6]>> = (0..1024).map(|i| Box::new([i; 6])).collect();
    let mut sum = 0;
    for i in 0..scaled(8_000_000, scale) {
        let slot = &mut ring[i as usize % 1024];
        sum = mix(sum, slot[0]);
        *slot = Box::new([i; 6]);
    }
    sum
}

/// Vectors of 8 bytes to 4 KiB, replaced in random order.
pub(crate) fn mixed_vecs(scale: u64) -> u64 {
    let mut random = Random::new(2);
    let mut slots: Vec<Vec<u8>> = (0..2048).map(|_| Vec::new()).collect();
    let mut sum = 0;
    for i in 0..scaled(3_000_000, scale) {
        let mut new = Vec::with_capacity(random.size(8, 4096));
        new.extend_from_slice(&i.to_le_bytes());
        let slot = &mut slots[random.below(2048) as usize];
        sum = mix(sum, slot.first().map_or(0, |&byte| u64::from(byte)));
        *slot = new;
    }
    sum
}

/// Blocks of 64 KiB to 4 MiB, one byte written in every OS page.
pub(crate) fn large_blocks(scale: u64) -> u64 {
    let mut random = Random::new(3);
    let mut slots: Vec<Vec<u8>> = (0..8).map(|_| Vec::new()).collect();
    let mut sum = 0;
    for i in 0..scaled(3_000, scale) {
        let mut new: Vec<u8> = Vec::with_capacity(random.size(64 << 10, 4 << 20));
        for page in new.spare_capacity_mut().chunks_mut(4096) {
            page[0].write(i as u8);
        }
        new.push(i as u8);
        let slot = &mut slots[random.below(8) as usize];
        sum = mix(sum, slot.first().map_or(0, |&byte| u64::from(byte)));
        *slot = new;
    }
    sum
}

/// Zeroed vectors of 8 bytes to 1 KiB.
pub(crate) fn zeroed_small(scale: u64) -> u64 {
    zeroed(scaled(3_000_000, scale), 1024, 8, 1024)
}

/// Zeroed vectors of 16 KiB to 1 MiB.
pub(crate) fn zeroed_large(scale: u64) -> u64 {
    zeroed(scaled(6_000, scale), 8, 16 << 10, 1 << 20)
}

/// Writes to both ends of each block, so that a block which was not zeroed
/// again would change the checksum.
fn zeroed(count: u64, live: u64, low: u64, high: u64) -> u64 {
    let mut random = Random::new(4);
    let mut slots: Vec<Vec<u8>> = (0..live).map(|_| vec![0]).collect();
    let mut sum = 0;
    for i in 0..count {
        let size = random.size(low, high);
        let mut new = vec![0; size];
        sum = mix(
            sum,
            u64::from(new[0]) + u64::from(new[size / 2]) + u64::from(new[size - 1]),
        );
        new[0] = i as u8;
        new[size / 2] = 1;
        new[size - 1] = 2;
        let slot = &mut slots[random.below(live) as usize];
        sum = mix(sum, u64::from(slot[0]));
        *slot = new;
    }
    sum
}

/// One cache line: what programs align against false sharing.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line(u64);

/// One to five cache lines, aligned to 64 bytes.
pub(crate) fn aligned_64(scale: u64) -> u64 {
    aligned(scaled(4_000_000, scale), 1024, 5, Line, |line| line.0)
}

/// One OS page.
#[repr(align(4096))]
#[derive(Clone, Copy)]
struct Page(u64);

/// One to four OS pages, aligned to a page.
pub(crate) fn aligned_4096(scale: u64) -> u64 {
    aligned(scaled(700_000, scale), 128, 4, Page, |page| page.0)
}

/// Vectors of up to `longest` elements of an over-aligned type.
fn aligned<T>(
    count: u64,
    live: u64,
    longest: u64,
    new: impl Fn(u64) -> T,
    value: impl Fn(&T) -> u64,
) -> u64 {
    let mut random = Random::new(5);
    let mut slots: Vec<Vec<T>> = (0..live).map(|_| Vec::new()).collect();
    let mut sum = 0;
    for i in 0..count {
        let mut items = Vec::with_capacity(1 + random.below(longest) as usize);
        items.push(new(i));
        // An allocator that ignored the alignment would be quick and wrong.
        assert!(items.as_ptr().is_aligned());
        let slot = &mut slots[random.below(live) as usize];
        sum = mix(sum, slot.first().map_or(0, &value));
        *slot = items;
    }
    sum
}
