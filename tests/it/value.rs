//! Makes plain references into a heap.

use core::cell::Cell;

use mimalloc::{AllocError, Heap};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

#[test]
fn values_of_all_layouts_find_room() {
    #[derive(Debug, PartialEq, Clone, Copy)]
    #[repr(align(256))]
    struct Wide(u8);

    let heap = Heap::new().unwrap();
    let byte = heap.alloc(7_u8).unwrap();
    let wide = heap.alloc(Wide(3)).unwrap();
    let none: &mut () = heap.alloc(()).unwrap();
    let large = heap.alloc_with(|| [5_u64; 10_000]).unwrap();
    *byte += 1;
    large[9_999] = 6;
    assert_eq!((*byte, *wide, *none, large[0]), (8, Wide(3), (), 5));
    assert_eq!(core::ptr::from_ref(wide).addr() % 256, 0);
    assert!(heap.contains(byte) && heap.contains(wide) && heap.contains(large));
}

#[test]
fn slices_and_strings_are_copies() {
    let heap = Heap::new().unwrap();
    let text = heap.alloc_str("größer").unwrap();
    text.make_ascii_uppercase();
    assert_eq!(text, "GRößER");
    assert_eq!(heap.alloc_str("").unwrap(), "");

    let numbers = heap.alloc_slice_copy(&[1_u32, 2, 3]).unwrap();
    numbers.reverse();
    assert_eq!(numbers, [3, 2, 1]);
    assert!(heap.alloc_slice_copy::<u64>(&[]).unwrap().is_empty());
    assert_eq!(heap.alloc_slice_copy(&[(), ()]).unwrap().len(), 2);

    let squares = heap.alloc_slice_with(1_000, |n| n * n).unwrap();
    assert!(
        squares
            .iter()
            .enumerate()
            .all(|(n, square)| *square == n * n)
    );
}

#[test]
fn graphs_point_within_the_heap() {
    struct Node<'heap> {
        id: usize,
        next: Cell<Option<&'heap Node<'heap>>>,
    }

    let heap = Heap::new().unwrap();
    let mut last: Option<&Node> = None;
    for id in 0..1_000 {
        let next = Cell::new(last);
        last = Some(heap.alloc(Node { id, next }).unwrap());
    }
    let mut ids = Vec::new();
    while let Some(node) = last {
        ids.push(node.id);
        last = node.next.get();
    }
    assert!(ids.into_iter().rev().eq(0..1_000));
}

#[test]
fn what_cannot_be_is_an_error() {
    let heap = Heap::new().unwrap();
    let huge = heap.alloc_slice_with(usize::MAX, |_| 0_u64);
    assert_eq!(huge, Err(AllocError));
    let large = heap.alloc_slice_with(isize::MAX as usize, |_| 0_u8);
    assert_eq!(large, Err(AllocError));
    assert!(AllocError.to_string().contains("out of memory"));
}

#[test]
fn a_panic_while_making_a_value_harms_nothing() {
    let mut heap = Heap::new().unwrap();
    let outcome = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        heap.alloc_slice_with(10, |n| assert!(n < 5)).is_ok()
            && heap.alloc_with(|| -> u8 { panic!("as planned") }).is_ok()
    }));
    assert!(outcome.is_err());
    heap.reset().unwrap();
    assert_eq!(heap.alloc(1_u8), Ok(&mut 1));
}
