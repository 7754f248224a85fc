//! Arenas: memory taken from the system once and kept for good.

mod error;
mod options;
#[cfg(mimalloc_v3)]
mod v3;

use core::ffi::c_void;
use core::ptr::NonNull;
use core::time::Duration;

use mimalloc_sys as sys;

use crate::error::HeapError;
use crate::heap::Heap;
use crate::raw::{self, engine};

pub use self::error::ArenaError;
pub use self::options::{ArenaOptions, NodeOptions, RegionAttributes, SystemOptions};

/// Names memory that was reserved once and is never given back. Heaps may live
/// in the memory.
///
/// `Arena` is a `Copy` handle that stays valid until the process ends. An arena
/// keeps heaps in one place (large pages, one NUMA node, memory of the
/// program's own), and above all limits them.
///
/// # A hard memory limit
///
/// A heap in an [exclusive](ArenaOptions::exclusive) arena never takes memory
/// elsewhere, and no other heap takes memory there. When the arena is full, the
/// allocation fails. `try_reserve` of a collection returns the failure as an
/// error, and the rest of the process is not affected:
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
/// The limit includes mimalloc's own tables for the arena, a slice of 64 KiB
/// for each thread that uses a heap in the arena (engine v3), and free space in
/// pieces that are too small. Collections that can only abort when memory runs
/// out (`push`, `Box::new_in`) still abort; use their `try_` forms.
///
/// The limit excludes mimalloc's tables for each heap, which are in the main
/// heap. They take from about 100 bytes to about 10 KiB.
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

// SAFETY: an id is only a name, although engine v3's is an address. The arena
// lives until the process ends (upstream.md: arena lifetime), and each C
// function that takes an id may be called on any thread.
unsafe impl Send for Arena {}

// SAFETY: as for `Send`: an id is a name without state of its own, and C
// functions may use one id on several threads at once.
unsafe impl Sync for Arena {}

impl Arena {
    /// Reserves an exclusive arena of `size` bytes, which is committed as it is
    /// used.
    ///
    /// Calls `mi_reserve_os_memory_ex`; [`options`](Self::options) has its
    /// other arguments.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ArenaOptions::reserve`].
    #[doc(alias = "mi_reserve_os_memory")]
    pub fn reserve(size: usize) -> Result<Self, ArenaError> {
        Self::options().reserve(size)
    }

    /// Returns options for an exclusive arena, like [`ArenaOptions::new`].
    pub fn options() -> ArenaOptions {
        ArenaOptions::new()
    }

    /// Reserves `pages` huge pages of 1 GiB for all heaps, spread evenly over
    /// `nodes` NUMA nodes. 0 stands for all nodes of the machine.
    ///
    /// If this fails, pages that were already reserved on some nodes stay
    /// reserved. No arena is returned, because each node has its own.
    ///
    /// Calls `mi_reserve_huge_os_pages_interleave`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`NodeOptions::reserve_huge`].
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

    /// Makes a heap in this arena, lends the heap to `f`, and destroys the heap
    /// when `f` returns or panics. Works on every engine and platform.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Heap::scope`]. In this case `f` is not called.
    pub fn scope<R>(self, f: impl FnOnce(&Heap) -> R) -> Result<R, HeapError> {
        let heap = Heap::create_in(self)?;
        Ok(f(&heap))
    }

    /// Returns the arena's size in bytes, including mimalloc's own tables.
    ///
    /// Calls `mi_arena_area`.
    #[must_use]
    pub fn capacity(self) -> usize {
        self.area().map_or(0, NonNull::len)
    }

    /// Returns the address range of the arena, if mimalloc knows it.
    ///
    /// Calls `mi_arena_area`.
    #[must_use]
    #[doc(alias = "mi_arena_area")]
    pub fn area(self) -> Option<NonNull<[u8]>> {
        // SAFETY: an `Arena` holds the id of an arena, which is never unloaded
        // (upstream.md: arena lifetime).
        unsafe { raw::arena::area(self.id) }
    }

    /// Returns whether `value` lies in this arena.
    ///
    /// Calls `mi_arena_contains`, or compares with [`area`](Self::area) where
    /// the library lacks it.
    #[must_use]
    #[doc(alias = "mi_arena_contains")]
    pub fn contains<T: ?Sized>(self, value: &T) -> bool {
        let ptr: *const c_void = core::ptr::from_ref(value).cast();
        // SAFETY: an `Arena` holds the id of an arena, which is never unloaded
        // (upstream.md: arena lifetime). The address is only compared.
        unsafe { raw::arena::contains(self.id, ptr) }
    }

    /// Returns the C id, for C functions that this crate does not wrap.
    #[must_use]
    pub fn as_raw(self) -> sys::mi_arena_id_t {
        self.id
    }

    /// Makes an `Arena` from a C id.
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

    /// Returns `None` for the C values that mean that there is no arena.
    fn from_id(id: sys::mi_arena_id_t) -> Option<Self> {
        engine::is_arena(id).then_some(Self { id })
    }
}

/// An arena or none, one word wide.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct MaybeArena(sys::mi_arena_id_t);

// SAFETY: the value is an id or null, a name without state, like `Arena`.
unsafe impl Send for MaybeArena {}

// SAFETY: the value is an id or null, a name without state, like `Arena`.
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
