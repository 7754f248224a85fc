//! Gathers everything that differs between mimalloc's engines.
//!
//! Each engine has one module with the same names and the same contracts. The
//! rest of the crate calls `engine::…` and does not ask which engine is linked.
//! Public items that exist on one engine only are in files of their own, such as
//! `heap/v3.rs`, and call functions that only this engine's module has.
//!
//! | names | what differs |
//! |---|---|
//! | [`count_in`], [`count_in_adopted`], [`count_out`] | engine v3 has a limit on live heaps |
//! | [`prepare_heaps`], [`keep`], [`give_up`] | engine v2 ends a thread's heaps with the thread |
//! | [`new_heap_in`], [`destroy`], [`delete`] | which C function does it |
//! | [`contains`], [`any_heap_contains`] | which C function does it, and what it takes |
//! | [`default_heap`] | engine v3 has theaps, engine v2 heaps, as defaults |
//! | [`LocalBackend`], [`local_backend`] | a theap on engine v3, the heap itself on v2 |
//! | `guarded` | settings of a theap on engine v3, of a heap on v2 |
//! | [`malloc_small`], [`zalloc_small`], [`take_small`] | engine v3 has entries that take words, and one without a call |
//! | [`destroying`], [`walking`] | engine v3 needs a lock |
//! | [`take_in_frees`] | engine v2 does not before a visit |
//! | [`collecting`], [`is_collect_on_purpose`] | engine v2 forces deferred frees when a thread ends |
//! | [`initialize_thread`], [`ADMITS_ALL_THREADS`], [`thread_can_make_heaps`] | what C does on a thread for which there is no memory |
//! | [`FREES_BY_SIZE`], [`free_small`], [`ALIGNS_LARGE_BLOCKS`], [`MISALIGNS`], [`MISTAKES_LARGE_SIZES`] | entries and faults of the linked version |
//! | [`merge_stats`], [`bin_size`] | engine v2 does not merge by itself, and does not tell |
//! | [`arena_contains`], [`arena_min_size`], [`arena_min_alignment`] | engine v2 does not tell |
//! | [`NO_ARENA`], [`is_arena`], [`ARENA_ENTRIES`], [`ARENA_ENTRY_SIZE`], [`region_needed`] | kinds of ids, and the table of arenas |

#[cfg(mimalloc_v2)]
mod v2;
#[cfg(mimalloc_v3)]
mod v3;

#[cfg(mimalloc_v2)]
pub(crate) use v2::*;
#[cfg(mimalloc_v3)]
pub(crate) use v3::*;
