//! Checks text in heaps against `String`, and what happens when memory runs out.

use core::fmt::{self, Write as _};
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};

use allocator_api2_04::alloc::{AllocError as TraitError, Allocator};
use allocator_api2_04::boxed::Box;
use allocator_api2_04::vec::Vec as HeapVec;
use mimalloc::{AllocError, Heap, HeapString, MiMalloc, SharedHeap, format_in, try_format_in};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::{NewHeap as _, NewShared as _};

/// Gives out memory up to a limit, then none.
struct Limited<'a> {
    heap: &'a Heap,
    limit: usize,
}

// SAFETY: the heap allocates and frees all blocks.
unsafe impl Allocator for Limited<'_> {
    fn allocate(
        &self,
        layout: core::alloc::Layout,
    ) -> Result<core::ptr::NonNull<[u8]>, TraitError> {
        if layout.size() > self.limit {
            return Err(TraitError);
        }
        self.heap.allocate(layout)
    }

    unsafe fn deallocate(&self, block: core::ptr::NonNull<u8>, layout: core::alloc::Layout) {
        // SAFETY: the caller promises a block of this allocator, so of the heap.
        unsafe { self.heap.deallocate(block, layout) }
    }
}

/// Does the same with a string in a heap and with one of the standard library.
fn model<A: Allocator + Clone>(alloc: A, seed: u64) {
    const PIECES: [&str; 6] = ["", "a", "ß", "日本", "🦀 and more", "0123456789abcdef"];

    let mut random = fastrand::Rng::with_seed(seed);
    let mut ours = HeapString::new_in(alloc);
    let mut std = String::new();
    for _ in 0..2_000 {
        let piece = random.choice(PIECES).unwrap();
        match random.u8(0..12) {
            0 => {
                ours.push_str(piece);
                std.push_str(piece);
            }
            1 => {
                ours.try_push_str(piece).unwrap();
                std.push_str(piece);
            }
            2 | 3 => {
                let ch = random.char(..);
                ours.push(ch);
                std.push(ch);
            }
            4 | 5 => assert_eq!(ours.pop(), std.pop()),
            6 => {
                let len = random.usize(0..=std.len() + 2);
                // Also beyond the end, and not within a character.
                if len > std.len() || std.is_char_boundary(len) {
                    ours.truncate(len);
                    std.truncate(len);
                }
            }
            7 => {
                write!(ours, "{piece:>4}{:?}", piece.len()).unwrap();
                write!(std, "{piece:>4}{:?}", piece.len()).unwrap();
            }
            8 => {
                ours.extend(piece.chars().rev());
                std.extend(piece.chars().rev());
            }
            9 => ours.shrink_to_fit(),
            10 => {
                ours.make_ascii_uppercase();
                std.make_ascii_uppercase();
            }
            _ if std.len() > 200 => {
                ours.clear();
                std.clear();
            }
            _ => ours = ours.clone(),
        }
        assert_eq!(ours, std);
        assert!(core::str::from_utf8(ours.as_bytes()).is_ok());
        assert!(ours.capacity() >= ours.len());
    }
    assert_eq!(&*ours.into_boxed_str(), std.as_str());
}

#[test]
fn text_is_that_of_the_standard_library() {
    let heap = Heap::new().unwrap();
    model(&heap, 1);
    model(MiMalloc, 2);
    heap.with_local(|local| model(local, 3));
    model(SharedHeap::new().unwrap(), 4);
}

#[test]
fn cutting_a_character_panics_and_leaves_the_text() {
    let mut text = HeapString::from_str_in("a\u{fc}b", MiMalloc);
    catch_unwind(AssertUnwindSafe(|| text.truncate(2))).unwrap_err();
    assert_eq!(text, "a\u{fc}b");
    text.truncate(3);
    assert_eq!(text, "a\u{fc}");
}

#[test]
fn text_lives_in_its_heap() {
    let heap = Heap::new().unwrap();
    let empty = HeapString::new_in(&heap);
    assert_eq!((empty.capacity(), &*empty), (0, ""));
    let mut text = HeapString::with_capacity_in(100, &heap);
    assert!(text.capacity() >= 100 && text.is_empty());
    text.push_str("here");
    assert!(heap.contains(text.as_str()));
    let copy = text.clone();
    assert!(heap.contains(copy.as_str()));
    assert_ne!(copy.as_ptr(), text.as_ptr());
    assert!(std::ptr::eq(*text.allocator(), &raw const heap));
    let boxed: Box<str, _> = text.into();
    assert!(heap.contains(&*boxed));
    assert_eq!(&*boxed, "here");
    let kept: &mut str = copy.leak();
    kept.make_ascii_uppercase();
    assert_eq!(kept, "HERE");
    assert!(heap.contains(kept));
    // An empty text has no block.
    assert_eq!(&*empty.into_boxed_str(), "");
    assert_eq!(HeapString::new_in(&heap).leak(), "");
}

#[test]
fn bytes_go_in_and_out_without_a_copy() {
    let mut bytes = HeapVec::new_in(MiMalloc);
    bytes.extend_from_slice("gr\u{fc}n".as_bytes());
    let start = bytes.as_ptr();
    let text = HeapString::from_utf8(bytes).unwrap();
    assert_eq!(text, "gr\u{fc}n");
    let mut bytes = text.into_bytes();
    assert_eq!(bytes.as_ptr(), start);
    bytes.pop();
    bytes.pop();
    // Half a character.
    let (bytes, error) = HeapString::from_utf8(bytes).unwrap_err();
    assert_eq!((error.valid_up_to(), bytes.len()), (2, 3));
}

#[test]
fn maps_find_text_by_str() {
    let heap = Heap::new().unwrap();
    let text = format_in!(&heap, "k{}", 1);
    let state = RandomState::new();
    assert_eq!(state.hash_one(&text), state.hash_one("k1"));
    let mut map = hashbrown::HashMap::new();
    map.insert(text, 1);
    assert_eq!(map.get("k1"), Some(&1));
    let mut tree = BTreeMap::new();
    for word in ["b", "a", "c"] {
        tree.insert(HeapString::from_str_in(word, &heap), word);
    }
    assert_eq!(tree.get("b"), Some(&"b"));
    assert!(tree.values().copied().eq(["a", "b", "c"]));
    let other: HeapString = "b".into();
    let text: &str = other.as_ref();
    assert_eq!(text, "b");
    assert!(tree.contains_key(&*other));
    assert!(other > format_in!(&heap, "a") && "b" == other);
    assert_eq!(other, format_in!(&heap, "b"));
    assert_ne!(other, format_in!(&heap, "a"));
    let std = String::from("b");
    assert_eq!(other, std);
    assert_eq!(std, other);
    assert_eq!(HeapString::<MiMalloc>::default(), "");
    let mut sum = other;
    sum += "c";
    sum.extend(["d", "e"]);
    assert_eq!(String::from(sum), "bcde");
}

#[test]
fn formatting_is_that_of_str() {
    let text = HeapString::from_str_in("a\n", MiMalloc);
    assert_eq!(
        format!("{text:?} {text:>4}|"),
        format!("{:?} {:>4}|", "a\n", "a\n")
    );
    assert_eq!(format_in!(MiMalloc, "no arguments"), "no arguments");
    assert_eq!(format_in!(MiMalloc, "{0} {x}", 1, x = 2), "1 2");
    assert_eq!(try_format_in!(MiMalloc, "{:03}", 7).unwrap(), "007");
    assert_eq!(serde_json::to_string(&text).unwrap(), r#""a\n""#);

    struct Fails;
    impl fmt::Display for Fails {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    assert_eq!(try_format_in!(MiMalloc, "{Fails}"), Err(fmt::Error));
    catch_unwind(|| format_in!(MiMalloc, "{Fails}")).unwrap_err();
}

#[test]
fn no_memory_is_an_error_and_leaves_the_text() {
    let heap = Heap::new().unwrap();
    let limited = || Limited {
        heap: &heap,
        limit: 64,
    };
    let long = "x".repeat(65);
    let mut text = HeapString::try_from_str_in("start", limited()).unwrap();
    assert_eq!(text.try_push_str(&long), Err(AllocError));
    assert_eq!(text.try_reserve(usize::MAX), Err(AllocError));
    assert_eq!(text, "start");
    // What fits is there, as after any other writer's error.
    assert_eq!(write!(text, " and {long}"), Err(fmt::Error));
    assert_eq!(text, "start and ");
    while text.try_push('\u{1f980}').is_ok() {}
    assert!(text.len() > 60 - 4 && text.ends_with('\u{1f980}'));
    assert!(HeapString::try_with_capacity_in(65, limited()).is_err());
    assert!(HeapString::try_from_str_in(&long, limited()).is_err());
    assert_eq!(try_format_in!(limited(), "{long}{long}"), Err(fmt::Error));
}
