//! Puts the standard library's own collections into our allocators, and uses
//! all flavours of the trait in one build. The tests need a nightly compiler:
//!
//! - `cargo +nightly test -p mimalloc-tests --features nightly`
//! - `cargo +nightly test -p mimalloc-tests --features api2-nightly`, as if
//!   another crate had turned allocator-api2 0.2's trait into core's.

#![feature(allocator_api, btreemap_alloc)]

use std::alloc::Allocator;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use mimalloc::{Heap, MiMalloc, SharedHeap};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

/// Uses every collection in one allocator.
fn collections<A: Allocator + Clone>(allocator: &A) {
    let new = || allocator.clone();
    let mut list = Vec::new_in(new());
    list.extend(0..5_000_u32);
    list.retain(|n| n % 3 != 0);
    list.shrink_to_fit();
    list.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!((list[0], list.len()), (4_999, 3_333));

    let boxed: Box<[u32], A> = list.clone().into_boxed_slice();
    assert_eq!(boxed.len(), 3_333);
    let zeroed = Box::<[u64], A>::new_zeroed_slice_in(1_000, new());
    // SAFETY: all bytes are zero, and zero is a value of `u64`.
    assert!(unsafe { zeroed.assume_init() }.iter().all(|n| *n == 0));

    let mut map = BTreeMap::new_in(new());
    let mut set = BTreeSet::new_in(new());
    for n in 0..2_000_u64 {
        map.insert(n.reverse_bits(), Box::new_in([n; 4], new()));
        set.insert(n % 100);
    }
    map.retain(|_, value| value[0] % 2 == 0);
    assert_eq!((map.len(), set.len()), (1_000, 100));
    assert_eq!(map[&2_u64.reverse_bits()][3], 2);

    let mut queue = VecDeque::new_in(new());
    for n in 0..3_000_u32 {
        queue.push_back(n);
        if n % 2 == 0 {
            queue.pop_front();
        }
    }
    assert_eq!((queue[0], queue.len()), (1_500, 1_500));

    let shared = Rc::new_in(list, new());
    let weak = Rc::downgrade(&shared);
    assert_eq!(weak.upgrade().unwrap()[0], 4_999);
    drop(shared);
    assert!(weak.upgrade().is_none());

    #[repr(align(256))]
    struct Aligned(u8);
    let aligned = Arc::new_in(Aligned(7), new());
    assert_eq!((&raw const *aligned).addr() % 256, 0);
    assert_eq!(Arc::clone(&aligned).0, 7);

    assert!(Vec::<u8, A>::new_in(new()).try_reserve(1 << 60).is_err());
}

#[test]
fn std_collections_live_in_every_allocator() {
    collections(&MiMalloc);
    let heap = Heap::new().unwrap();
    collections(&&heap);
    let shared = SharedHeap::new().unwrap();
    collections(&shared);
    assert_eq!(shared.handle_count(), 1);
    heap.with_local(|local| collections(&local));
}

#[test]
fn std_collections_own_their_heap() {
    let mut list = Vec::new_in(Heap::new().unwrap());
    list.extend(0..1_000_u32);
    assert!(list.allocator().contains(list.as_slice()));

    // A leaked box leaks its heap, so that the reference stays valid.
    let kept: &'static mut u64 = Box::leak(Box::new_in(7, Heap::new().unwrap()));
    *kept += 1;
    assert_eq!(*kept, 8);
    let pinned = Box::pin_in(9, SharedHeap::new().unwrap());
    assert_eq!(*pinned, 9);
}

#[cfg(mimalloc_v3)]
#[test]
fn reference_counts_cross_threads_with_their_heap() {
    let text = {
        let heap = SharedHeap::new().unwrap();
        Arc::new_in(vec![1, 2, 3], heap)
    };
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let text = Arc::clone(&text);
            std::thread::spawn(move || text.iter().sum::<i32>())
        })
        .collect();
    drop(text);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 6);
    }
}

/// Uses one heap through three traits. When another crate has made one of them
/// core's, two traits are left.
#[test]
fn all_flavours_work_in_one_build() {
    use hashbrown::{DefaultHashBuilder, HashMap};

    let heap = Heap::new().unwrap();
    let mut of_std = Vec::new_in(&heap);
    let mut of_02 = allocator_api2_02::vec::Vec::new_in(&heap);
    let mut of_04 = allocator_api2_04::vec::Vec::new_in(&heap);
    let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), &heap);
    for n in 0..1_000 {
        of_std.push(n);
        of_02.push(n);
        of_04.push(n);
        map.insert(n, n);
    }
    assert!(heap.contains(of_std.as_slice()) && heap.contains(of_02.as_slice()));
    assert!(heap.contains(of_04.as_slice()) && heap.contains(&map[&999]));
    assert!(of_std.iter().eq(of_02.iter()) && of_std.iter().eq(of_04.iter()));
}

/// Runs the model on core's trait.
mod model {
    use core::alloc::Layout;
    use core::ptr::NonNull;

    use super::*;
    use mimalloc_tests::{Limits, Model, Subject};

    struct Core<A>(A);

    impl<A: Allocator> Subject for Core<A> {
        fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
            let block = self.0.allocate(layout).ok()?;
            assert_eq!(block.len(), layout.size());
            Some(block.cast())
        }

        fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
            Some(self.0.allocate_zeroed(layout).ok()?.cast())
        }

        unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
            // SAFETY: this function has the contract of the trait's function.
            unsafe { self.0.deallocate(ptr, layout) }
        }

        unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
            // SAFETY: this function has the contract of the trait's function.
            Some(unsafe { self.0.grow(ptr, old, new) }.ok()?.cast())
        }

        unsafe fn grow_zeroed(
            &self,
            ptr: NonNull<u8>,
            old: Layout,
            new: Layout,
        ) -> Option<NonNull<u8>> {
            // SAFETY: this function has the contract of the trait's function.
            Some(unsafe { self.0.grow_zeroed(ptr, old, new) }.ok()?.cast())
        }

        unsafe fn shrink(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
            // SAFETY: this function has the contract of the trait's function.
            Some(unsafe { self.0.shrink(ptr, old, new) }.ok()?.cast())
        }
    }

    #[test]
    fn every_allocator_holds() {
        let heap = Heap::new().unwrap();
        for seed in 1..3 {
            Model::new(seed, Limits::default()).run(&Core(MiMalloc));
            Model::new(seed, Limits::default()).run(&Core(&heap));
            Model::new(seed, Limits::default()).run(&Core(SharedHeap::new().unwrap()));
            heap.with_local(|local| Model::new(seed, Limits::default()).run(&Core(local)));
        }
    }
}
