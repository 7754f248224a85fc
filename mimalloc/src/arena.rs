//! Arenas: memory taken from the system once and kept for good.

mod error;
mod options;

use core::ffi::c_void;
use core::ptr::NonNull;
use core::time::Duration;

use mimalloc_sys as sys;

use crate::error::HeapError;
use crate::heap::Heap;
use crate::raw::{self, engine};

pub use self::error::ArenaError;
pub use self::options::{ArenaOptions, NodeOptions, RegionAttributes, SystemOptions};

/// Memory that was reserved once and is never given back, for heaps to live in.
///
/// This is a name for it: it is `Copy`, and valid until the process ends. Use
/// it to keep heaps in one place (large pages, one NUMA node, memory of your
/// own), and above all to limit them.
///
/// # A hard memory limit
///
/// A heap in an [exclusive](ArenaOptions::exclusive) arena never takes memory
/// elsewhere, and nobody else takes any there. When the arena is full, the
/// allocation fails; `try_reserve` of a collection returns that as an error,
/// and nothing else in the process notices:
///
/// ```
/// use allocator_api2::vec::Vec;
/// use mimalloc::Arena;
///
/// let arena = Arena::reserve(64 << 20)?;
/// let heap = arena.new_heap()?;
/// let mut bytes: Vec<u8, _> = Vec::new_in(&heap);
///
/// assert!(bytes.try_reserve(16 << 20).is_ok());
/// assert!(bytes.try_reserve(100 << 20).is_err());
/// bytes.extend_from_slice(b"still works");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What that limit counts: mimalloc's own tables for the arena, a slice of
/// 64 KiB for each thread that uses a heap in it (engine v3), and space that is
/// free but in pieces too small. Collections that can only abort when memory
/// runs out (`push`, `Box::new_in`) still do; use their `try_` forms.
///
/// What it leaves out: some hundred bytes to some ten KiB of mimalloc's tables
/// for each heap, which are in the main heap.
///
/// # Platform-specific behaviour
///
/// | | engine v3 | engine v2 |
/// |---|---|---|
/// | smallest size | `min_size`, 32 MiB | 1 byte |
/// | sizes are rounded | down to a multiple of 32 MiB | up to a multiple of 32 MiB |
/// | arenas at most | 160 | 132 |
/// | memory [of your own](ArenaOptions::from_static) | not with `secure-5` | not with any `secure` feature |
/// | in it, alignment at most | 64 KiB | 32 MiB |
///
/// mimalloc itself takes arenas from the same table as it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
#[doc(alias = "mi_arena_id_t")]
pub struct Arena {
    /// Never the C value for "no arena".
    id: sys::mi_arena_id_t,
}

// SAFETY: an id is only a name; engine v3's happens to be an address. Arenas
// are never unloaded, and every C function that takes one may be called on any
// thread.
unsafe impl Send for Arena {}

// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// Reserves an exclusive arena of `size` bytes, committed as it is used.
    ///
    /// Calls `mi_reserve_os_memory_ex`; [`options`](Self::options) has its
    /// other arguments.
    ///
    /// # Errors
    ///
    /// As for [`ArenaOptions::reserve`].
    #[doc(alias = "mi_reserve_os_memory")]
    pub fn reserve(size: usize) -> Result<Self, ArenaError> {
        Self::options().reserve(size)
    }

    /// The same as [`ArenaOptions::new`].
    pub fn options() -> ArenaOptions {
        ArenaOptions::new()
    }

    /// Reserves `pages` huge pages of 1 GiB spread evenly over `nodes` NUMA
    /// nodes (0: as many as there are), for all heaps to use.
    ///
    /// On an error some nodes may have got theirs already; they keep them.
    /// There is no arena to name afterwards: each node has its own.
    ///
    /// Calls `mi_reserve_huge_os_pages_interleave`.
    ///
    /// # Errors
    ///
    /// As for [`NodeOptions::reserve_huge`].
    #[doc(alias = "mi_reserve_huge_os_pages_interleave")]
    #[doc(alias = "mi_reserve_huge_os_pages")]
    pub fn reserve_huge_interleaved(
        pages: usize,
        nodes: u16,
        timeout: Option<Duration>,
    ) -> Result<(), ArenaError> {
        options::huge(pages, timeout, |timeout| {
            raw::arena::reserve_huge_interleaved(pages, usize::from(nodes), timeout).then_some(())
        })
    }

    /// Makes a heap in this arena; the same as `Heap::new_in`.
    ///
    /// # Errors
    ///
    /// As for `Heap::new`. An arena without room is found out by the heap's
    /// first allocation, not here, on engine v3.
    #[cfg(mimalloc_owned_heaps)]
    #[doc(alias = "mi_heap_new_in_arena")]
    pub fn new_heap(self) -> Result<Heap, HeapError> {
        Heap::new_in(self)
    }

    /// Makes a heap in this arena, lends it to `f`, and destroys it when `f` is
    /// done or panics. Works on every engine and platform.
    ///
    /// # Errors
    ///
    /// As for [`Heap::scope`]; `f` is then not called.
    pub fn scope<R>(self, f: impl FnOnce(&Heap) -> R) -> Result<R, HeapError> {
        let heap = Heap::create_in(self)?;
        Ok(f(&heap))
    }

    /// The arena's size in bytes, mimalloc's own tables in it included.
    ///
    /// Calls `mi_arena_area`.
    #[must_use]
    pub fn capacity(self) -> usize {
        self.area().map_or(0, NonNull::len)
    }

    /// The address range of the arena, if mimalloc knows it.
    ///
    /// Calls `mi_arena_area`.
    #[must_use]
    #[doc(alias = "mi_arena_area")]
    pub fn area(self) -> Option<NonNull<[u8]>> {
        // SAFETY: the id is that of an arena.
        unsafe { raw::arena::area(self.id) }
    }

    /// Whether `value` lies in this arena.
    ///
    /// Calls `mi_arena_contains`, or compares with [`area`](Self::area) where
    /// the library lacks it.
    #[must_use]
    #[doc(alias = "mi_arena_contains")]
    pub fn contains<T: ?Sized>(self, value: &T) -> bool {
        let ptr: *const c_void = core::ptr::from_ref(value).cast();
        // SAFETY: the id is that of an arena.
        unsafe { raw::arena::contains(self.id, ptr) }
    }

    /// The size in bytes below which there is no arena. Engine v3 only.
    ///
    /// Calls `mi_arena_min_size`.
    #[cfg(mimalloc_has_arena_limits)]
    #[must_use]
    #[doc(alias = "mi_arena_min_size")]
    pub fn min_size() -> usize {
        raw::arena::min_size()
    }

    /// The alignment in bytes of an arena's start: 256 MiB, in builds with
    /// hardening 64 KiB. Engine v3 only.
    ///
    /// Memory [brought along](ArenaOptions::from_static) that starts elsewhere
    /// loses what is before the next such address.
    ///
    /// Calls `mi_arena_min_alignment`.
    #[cfg(mimalloc_has_arena_limits)]
    #[must_use]
    #[doc(alias = "mi_arena_min_alignment")]
    pub fn min_alignment() -> usize {
        raw::arena::min_alignment()
    }

    /// The largest block in bytes that fits in an arena at all; in an exclusive
    /// one larger requests fail whatever its size. Engine v3 only.
    ///
    /// Calls `mi_arena_max_object_size`; changes with the option
    /// `arena_max_object_size`.
    #[cfg(mimalloc_has_arena_max_object_size)]
    #[must_use]
    #[doc(alias = "mi_arena_max_object_size")]
    pub fn max_object_size() -> usize {
        raw::arena::max_object_size()
    }

    /// Gives free memory in all arenas back to the system now, rather than
    /// after the purge delay. Memory that threads still hold for reuse stays;
    /// [`collect`](crate::collect) on each of them first frees that, too.
    ///
    /// The arenas keep their addresses. Calls `mi_arenas_purge`. Engine v3 only.
    #[cfg(mimalloc_has_arenas_purge)]
    #[doc(alias = "mi_arenas_purge")]
    pub fn purge_all() {
        raw::arena::purge_all();
    }

    /// The C id, for calls that this crate has no form for.
    #[must_use]
    pub fn as_raw(self) -> sys::mi_arena_id_t {
        self.id
    }

    /// The arena of a C id.
    ///
    /// # Safety
    ///
    /// - `id` was returned by a C function that made an arena, and is not the
    ///   value for "none".
    #[must_use]
    pub unsafe fn from_raw(id: sys::mi_arena_id_t) -> Self {
        Self { id }
    }

    pub(crate) fn id(self) -> sys::mi_arena_id_t {
        self.id
    }

    /// `None` for the C values that mean that there is no arena.
    fn from_id(id: sys::mi_arena_id_t) -> Option<Self> {
        engine::is_arena(id).then_some(Self { id })
    }
}

/// An arena or none, one word wide.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct MaybeArena(sys::mi_arena_id_t);

// SAFETY: a name, as `Arena` is.
unsafe impl Send for MaybeArena {}

// SAFETY: as above.
unsafe impl Sync for MaybeArena {}

impl MaybeArena {
    pub(crate) const NONE: Self = Self(engine::NO_ARENA);

    pub(crate) fn get(self) -> Option<Arena> {
        Arena::from_id(self.0)
    }
}

impl From<Arena> for MaybeArena {
    fn from(arena: Arena) -> Self {
        Self(arena.id)
    }
}
