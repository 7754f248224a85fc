//! Linked structures: many small blocks of one size that die together.

use std::rc::Rc;

use crate::random::{Random, mix};
use crate::scaled;

struct Node {
    value: u64,
    left: Option<Box<Node>>,
    right: Option<Box<Node>>,
}

impl Node {
    fn build(depth: u32, random: &mut Random) -> Box<Node> {
        let mut child = || (depth > 0).then(|| Node::build(depth - 1, random));
        let (left, right) = (child(), child());
        Box::new(Node {
            value: random.next(),
            left,
            right,
        })
    }

    fn sum(&self) -> u64 {
        let side = |node: &Option<Box<Node>>| node.as_ref().map_or(0, |node| node.sum());
        mix(side(&self.left).wrapping_add(side(&self.right)), self.value)
    }
}

/// Trees of 131,071 nodes, far larger than any cache of free blocks.
pub(crate) fn deep(scale: u64) -> u64 {
    build_and_drop(scaled(25, scale), 16)
}

/// Trees of 127 nodes.
pub(crate) fn short(scale: u64) -> u64 {
    build_and_drop(scaled(40_000, scale), 6)
}

fn build_and_drop(count: u64, depth: u32) -> u64 {
    let mut random = Random::new(6);
    (0..count).fold(0, |sum, _| mix(sum, Node::build(depth, &mut random).sum()))
}

struct Cell {
    value: u64,
    next: Option<Rc<Cell>>,
}

/// Persistent lists that share their tails, as functional programs have them.
pub(crate) fn rc_list(scale: u64) -> u64 {
    let mut random = Random::new(7);
    let mut lists: Vec<Option<Rc<Cell>>> = vec![None; 64];
    let mut sum = 0;
    for _ in 0..scaled(60_000, scale) {
        // A new list starts as the tail of some other one.
        let mut list = lists[random.below(64) as usize].clone();
        for _ in 0..random.below(100) {
            list = list.and_then(|cell| cell.next.clone());
        }
        for _ in 0..random.below(100) {
            list = Some(Rc::new(Cell {
                value: random.next(),
                next: list,
            }));
        }
        sum = mix(sum, list.as_ref().map_or(0, |cell| cell.value));
        let old = core::mem::replace(&mut lists[random.below(64) as usize], list);
        release(old);
    }
    lists.into_iter().for_each(release);
    sum
}

/// Drops a list without recursion, up to the first cell that is shared.
fn release(mut list: Option<Rc<Cell>>) {
    while let Some(cell) = list.and_then(Rc::into_inner) {
        list = cell.next;
    }
}
