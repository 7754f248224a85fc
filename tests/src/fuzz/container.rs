//! Holds containers in heaps against those of the standard library.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::BuildHasherDefault;

use allocator_api2_02::vec::Vec as Vec02;
use hashbrown::HashMap;
use mimalloc::{Heap, HeapString, SharedHeap};

use super::bytes::Bytes;

/// Hashes alike in each run, so that a failure can be repeated.
type Hasher = BuildHasherDefault<DefaultHasher>;

/// A container that owns a handle of a heap, and what should be in it.
pub(super) enum Container {
    List(Vec02<usize, SharedHeap>, Vec<usize>),
    Map(HashMap<u8, usize, Hasher, SharedHeap>, BTreeMap<u8, usize>),
    Text(HeapString<SharedHeap>, String),
}

impl Container {
    pub(super) fn new(kind: u8, heap: SharedHeap) -> Self {
        match kind % 3 {
            0 => Self::List(Vec02::new_in(heap), Vec::new()),
            1 => Self::Map(
                HashMap::with_hasher_in(Hasher::default(), heap),
                BTreeMap::new(),
            ),
            _ => Self::Text(HeapString::new_in(heap), String::new()),
        }
    }

    pub(super) fn change(&mut self, bytes: &mut Bytes<'_>) {
        let (how, count) = (bytes.byte() % 8, bytes.below(40));
        match self {
            Self::List(list, model) => match how {
                0 => {
                    list.truncate(count);
                    model.truncate(count);
                }
                1 => list.shrink_to_fit(),
                2 => list.reserve(count * 100),
                3 => assert_eq!(list.pop(), model.pop()),
                _ => {
                    list.extend(0..count);
                    model.extend(0..count);
                }
            },
            Self::Map(map, model) => match how {
                0 => {
                    map.retain(|key, _| usize::from(*key) < count);
                    model.retain(|key, _| usize::from(*key) < count);
                }
                1 => map.shrink_to_fit(),
                2 => map.reserve(count * 10),
                _ => {
                    for at in 0..count {
                        let key = bytes.byte();
                        assert_eq!(map.insert(key, at), model.insert(key, at));
                        if at % 3 == 0 {
                            let other = key.wrapping_mul(7);
                            assert_eq!(map.remove(&other), model.remove(&other));
                        }
                    }
                }
            },
            Self::Text(text, model) => match how {
                0 => {
                    text.clear();
                    model.clear();
                }
                1 => text.shrink_to_fit(),
                2 => text.reserve(count * 50),
                3 => assert_eq!(text.pop(), model.pop()),
                _ => {
                    let more = bytes.text();
                    text.push_str(&more);
                    model.push_str(&more);
                }
            },
        }
        if self.len() > 20_000 {
            self.clear();
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::List(_, model) => model.len(),
            Self::Map(_, model) => model.len(),
            Self::Text(_, model) => model.len(),
        }
    }

    fn clear(&mut self) {
        self.check_contents();
        match self {
            Self::List(list, model) => {
                list.clear();
                model.clear();
            }
            Self::Map(..) => {}
            Self::Text(text, model) => {
                text.clear();
                model.clear();
            }
        }
    }

    /// Checks the contents and drops the container.
    pub(super) fn check(self) {
        self.check_contents();
    }

    fn check_contents(&self) {
        match self {
            Self::List(list, model) => assert_eq!(**list, **model),
            Self::Map(map, model) => {
                assert_eq!(map.len(), model.len());
                for (key, value) in model {
                    assert_eq!(map.get(key), Some(value));
                }
            }
            Self::Text(text, model) => assert_eq!(**text, **model),
        }
    }
}

/// Fills containers that borrow a heap, and drops or forgets them. Returns the
/// number of blocks that were forgotten.
pub(super) fn fill_and_drop(heap: &Heap, len: usize, how: u8, is_limited: bool) -> usize {
    let mut list = Vec02::new_in(heap);
    let mut map = HashMap::with_hasher_in(Hasher::default(), heap);
    let mut text = HeapString::new_in(heap);
    let mut is_there = true;
    for at in 0..len {
        is_there &= list.try_reserve(1).is_ok() && map.try_reserve(1).is_ok();
        is_there &= text.try_push('ß').is_ok();
        if !is_there {
            break;
        }
        list.push(at);
        map.insert(at, at * 3);
    }
    assert!(is_there || is_limited, "no memory");
    if is_there {
        assert!(list.iter().copied().eq(0..len));
        assert_eq!(map.len(), len);
        assert!((0..len).all(|at| map.get(&at) == Some(&(at * 3))));
        assert!(text.chars().all(|letter| letter == 'ß') && text.len() == 2 * len);
    }
    let mut forgotten = 0;
    if how & 1 == 0 {
        forgotten += usize::from(list.capacity() != 0);
        core::mem::forget(list);
    }
    if how & 6 == 0 {
        forgotten += usize::from(text.capacity() != 0);
        let _: &mut str = text.leak();
    }
    forgotten
}
