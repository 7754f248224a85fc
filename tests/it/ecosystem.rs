//! Uses collections of other crates in our allocators.

use hashbrown::{DefaultHashBuilder, HashSet, HashTable};
use mimalloc::{Heap, MiMalloc, SharedHeap};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

#[test]
fn hashbrown_sets_and_tables_live_in_heaps() {
    let heap = Heap::new().unwrap();
    let hasher = DefaultHashBuilder::default();
    let mut set = HashSet::with_hasher_in(hasher.clone(), &heap);
    let mut other = HashSet::with_hasher_in(hasher, SharedHeap::new().unwrap());
    let mut table = HashTable::new_in(MiMalloc);
    for n in 0..5_000_u64 {
        set.insert(n);
        other.insert(n * 2);
        table.insert_unique(n, n, |n| *n);
    }
    set.retain(|n| n % 5 == 0);
    set.shrink_to_fit();
    assert_eq!(set.len(), 1_000);
    assert_eq!(other.clone().into_iter().max(), Some(9_998));
    assert!(table.find(77, |n| *n == 77).is_some());
    assert!(heap.contains(set.get(&5).unwrap()));
    assert!(set.try_reserve(usize::MAX >> 4).is_err());
}

/// Lets smallvec 2 spill into our heaps.
#[cfg(feature = "ecosystem")]
#[test]
fn smallvec_spills_into_heaps() {
    use smallvec::SmallVec;

    let heap = Heap::new().unwrap();
    let mut list: SmallVec<u32, 4, &Heap> = SmallVec::new_in(&heap);
    list.extend(0..4);
    assert!(!list.spilled() && !heap.contains::<[u32]>(&list));
    list.extend(4..1_000);
    assert!(list.spilled() && heap.contains::<[u32]>(&list));
    list.truncate(100);
    list.shrink_to_fit();
    assert!(list.iter().copied().eq(0..100));
    assert!(list.try_reserve(usize::MAX >> 4).is_err());
}

/// Takes the chunks of a bump arena from our heaps.
#[cfg(feature = "ecosystem")]
#[test]
fn blink_alloc_takes_its_chunks_from_heaps() {
    use blink_alloc::{Blink, BlinkAlloc};

    let heap = Heap::new().unwrap();
    let mut blink = Blink::new_in(BlinkAlloc::new_in(&heap));
    for round in 0..10 {
        let numbers: &mut [u64] = blink.copy_slice(&[round; 5_000]);
        assert!(heap.contains(&*numbers));
        assert_eq!(numbers[4_999], round);
        blink.reset();
    }
}

/// Takes the chunks of another bump arena from our heaps, through its wrapper for
/// each version of the trait.
#[cfg(feature = "ecosystem")]
#[test]
fn bump_scope_takes_its_chunks_from_heaps() {
    use bump_scope::Bump;
    use bump_scope::alloc::compat::{AllocatorApi2V02Compat, AllocatorApi2V04Compat};

    let heap = Heap::new().unwrap();
    let mut old: Bump<_> = Bump::new_in(AllocatorApi2V02Compat(&heap));
    let mut new: Bump<_> = Bump::new_in(AllocatorApi2V04Compat(&heap));
    for round in 0..10_u64 {
        let numbers = [
            old.alloc_slice_copy(&[round; 5_000]),
            new.alloc_slice_copy(&[round; 5_000]),
        ];
        for numbers in numbers {
            assert!(heap.contains::<[u64]>(&numbers));
            assert_eq!(numbers[4_999], round);
        }
        old.reset();
        new.reset();
    }
}

/// Makes a box and a list of each version of allocator-api2 in a heap.
#[test]
fn both_versions_of_allocator_api2_have_boxes_and_lists() {
    let heap = Heap::new().unwrap();
    let old = allocator_api2_02::boxed::Box::new_in(1_u64, &heap);
    let new = allocator_api2_04::boxed::Box::new_in(2_u64, &heap);
    let mut list = allocator_api2_02::vec::Vec::new_in(&heap);
    let mut other = allocator_api2_04::vec::Vec::new_in(&heap);
    list.push(*old);
    other.push(*new);
    assert!(heap.contains(&*old) && heap.contains(&*new));
    assert!(heap.contains(list.as_slice()) && heap.contains(other.as_slice()));
    assert_eq!((list[0], other[0]), (1, 2));
}

/// Makes one collection of each crate in one of our allocators.
#[cfg(feature = "ecosystem")]
macro_rules! each_form_takes {
    ($allocator:expr) => {{
        use bump_scope::alloc::compat::{AllocatorApi2V02Compat, AllocatorApi2V04Compat};

        let mut map = hashbrown::HashMap::new_in($allocator);
        map.insert(1_u32, 2_u32);
        let mut old = allocator_api2_02::vec::Vec::new_in($allocator);
        old.push(map[&1]);
        let new = allocator_api2_04::boxed::Box::new_in(old[0], $allocator);
        let mut small = smallvec::SmallVec::<u32, 1, _>::new_in($allocator);
        small.extend([*new, 3]);
        let blink = blink_alloc::Blink::new_in(blink_alloc::BlinkAlloc::new_in($allocator));
        let sum = blink.put(small[0] + small[1]);
        let bump: bump_scope::Bump<_> =
            bump_scope::Bump::new_in(AllocatorApi2V02Compat($allocator));
        let other: bump_scope::Bump<_> =
            bump_scope::Bump::new_in(AllocatorApi2V04Compat($allocator));
        let sum = bump.alloc(*sum + 1);
        assert_eq!(*other.alloc(*sum + 1), 7);
    }};
}

#[cfg(feature = "ecosystem")]
#[test]
fn each_form_takes_each_allocator() {
    each_form_takes!(MiMalloc);
    let heap = Heap::new().unwrap();
    each_form_takes!(&heap);
    let shared = SharedHeap::new().unwrap();
    each_form_takes!(shared.clone());
    heap.with_local(|local| each_form_takes!(local));
    #[cfg(mimalloc_owned_heaps)]
    {
        let pool = mimalloc::HeapPool::new();
        let pooled = pool.take().unwrap();
        each_form_takes!(&*pooled);
    }
}
