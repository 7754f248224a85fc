//! Options for making an arena.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::time::Duration;

use super::{Arena, ArenaError};
use crate::raw::arena::{self as c, PROTECTS_PAGES, Region};
use crate::raw::engine;
use crate::raw::runtime::Stopwatch;

/// Describes an arena to make. Returned by [`Arena::options`].
///
/// A setting that only some memory takes leads to a type that makes only such
/// arenas, so no setting is without effect:
///
/// | memory | made by | settings |
/// |---|---|---|
/// | of the system | [`reserve`](Self::reserve) | [`commit`](Self::commit), [`allow_large_pages`](Self::allow_large_pages) |
/// | huge pages | [`reserve_huge`](Self::reserve_huge) | [`numa_node`](Self::numa_node) |
/// | of the program's own | [`from_static`](Self::from_static), [`manage`](Self::manage) | [`numa_node`](Self::numa_node) |
///
/// ```
/// use mimalloc::Arena;
///
/// let arena = Arena::options().commit(true).allow_large_pages(true).reserve(64 << 20)?;
/// assert_eq!(arena.capacity(), 64 << 20);
/// # Ok::<(), mimalloc::ArenaError>(())
/// ```
///
/// A setting that does not go with a way of making an arena does not compile:
///
/// ```compile_fail
/// # use mimalloc::Arena;
/// let _ = Arena::options().numa_node(Some(0)).reserve(64 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct ArenaOptions {
    exclusive: bool,
}

/// Describes an arena in memory of the system, like [`ArenaOptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct SystemOptions {
    exclusive: bool,
    commit: bool,
    large_pages: bool,
}

/// Describes an arena on a NUMA node, like [`ArenaOptions`]: of huge pages, or
/// in memory of the program's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct NodeOptions {
    exclusive: bool,
    node: Option<u16>,
}

/// Describes the memory that [`NodeOptions::manage`] gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionAttributes {
    /// The memory can be read and written already. Otherwise mimalloc commits
    /// the memory, page by page, as it commits the system's memory.
    pub committed: bool,
    /// The memory can't be decommitted or protected, like large pages or memory
    /// that is not the system's own. mimalloc then only reads and writes it.
    pub pinned: bool,
    /// The memory is all zero.
    pub zeroed: bool,
}

impl ArenaOptions {
    /// Returns options for an exclusive arena.
    pub fn new() -> Self {
        Self { exclusive: true }
    }

    /// Sets whether only heaps made in the arena may use the arena. If not, all
    /// heaps may.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Sets whether to commit all of the memory at once; see
    /// [`SystemOptions::commit`].
    pub fn commit(self, commit: bool) -> SystemOptions {
        self.system().commit(commit)
    }

    /// Sets whether to use large pages; see
    /// [`SystemOptions::allow_large_pages`].
    pub fn allow_large_pages(self, allow: bool) -> SystemOptions {
        self.system().allow_large_pages(allow)
    }

    /// Sets the NUMA node; see [`NodeOptions::numa_node`].
    pub fn numa_node(self, node: Option<u16>) -> NodeOptions {
        self.node().numa_node(node)
    }

    /// Reserves an arena of `size` bytes from the system, committed as it is used,
    /// without large pages.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`SystemOptions::reserve`].
    pub fn reserve(self, size: usize) -> Result<Arena, ArenaError> {
        self.system().reserve(size)
    }

    /// Reserves `pages` huge pages of 1 GiB on any NUMA node.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`NodeOptions::reserve_huge`].
    pub fn reserve_huge(
        self,
        pages: usize,
        timeout: Option<Duration>,
    ) -> Result<Arena, ArenaError> {
        self.node().reserve_huge(pages, timeout)
    }

    /// Turns memory of the program's own into an arena.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`NodeOptions::from_static`].
    pub fn from_static(self, memory: &'static mut [MaybeUninit<u8>]) -> Result<Arena, ArenaError> {
        self.node().from_static(memory)
    }

    /// Turns any memory into an arena.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`NodeOptions::from_static`].
    ///
    /// # Safety
    ///
    /// - The `len` bytes from `start` are one mapping or allocation that stays
    ///   valid until the process ends, and that no other code uses from now on.
    /// - The memory is as `attributes` say. Large pages imply that the memory
    ///   is committed.
    /// - Unless the memory is pinned, it consists of whole pages of private,
    ///   anonymous memory: mimalloc may decommit, discard and protect them.
    pub unsafe fn manage(
        self,
        start: NonNull<u8>,
        len: usize,
        attributes: RegionAttributes,
    ) -> Result<Arena, ArenaError> {
        // SAFETY: the caller promises the same list: memory that is valid for
        // ever, used by no other code, and as described by `attributes`.
        unsafe { self.node().manage(start, len, attributes) }
    }

    fn system(self) -> SystemOptions {
        SystemOptions {
            exclusive: self.exclusive,
            commit: false,
            large_pages: false,
        }
    }

    fn node(self) -> NodeOptions {
        NodeOptions {
            exclusive: self.exclusive,
            node: None,
        }
    }
}

impl Default for ArenaOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemOptions {
    /// Sets whether only heaps made in the arena may use the arena. If not, all
    /// heaps may.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Sets whether to commit all of the memory at once. The system then counts
    /// all of the memory where it counts committed memory, and the first use of
    /// each part needs no system call.
    pub fn commit(mut self, commit: bool) -> Self {
        self.commit = commit;
        self
    }

    /// Sets whether to use large pages (2 MiB on x86-64) if the system has any
    /// left. Large pages are always committed, and never given back. Builds
    /// that can't use large pages take ordinary ones: see
    /// [`ArenaError::Pinned`].
    pub fn allow_large_pages(mut self, allow: bool) -> Self {
        self.large_pages = allow;
        self
    }

    /// Reserves an arena of `size` bytes from the system.
    ///
    /// Calls `mi_reserve_os_memory_ex`.
    ///
    /// # Errors
    ///
    /// Returns [`ArenaError::TooSmall`] and [`ArenaError::TooLarge`] for
    /// impossible sizes, [`ArenaError::TableFull`] when there are too many
    /// arenas, and otherwise [`ArenaError::OutOfMemory`].
    ///
    /// # Platform-specific behaviour
    ///
    /// Engine v3 takes an entry in its table of arenas for each 16 GiB (1 GiB
    /// on 32-bit systems). A size that takes more than half of the table is too
    /// large. A size that takes more entries than are left finds the table
    /// full. If another thread takes entries at the same moment, the arena may
    /// have fewer entries: see [`capacity`](Arena::capacity).
    #[doc(alias = "mi_reserve_os_memory_ex")]
    pub fn reserve(self, size: usize) -> Result<Arena, ArenaError> {
        check_size(size)?;
        check_entries(size)?;
        let large_pages = self.large_pages && !PROTECTS_PAGES;
        let id = c::reserve(size, self.commit, large_pages, self.exclusive);
        Arena::from_id(id).ok_or_else(out_of_memory)
    }
}

impl NodeOptions {
    /// Sets whether only heaps made in the arena may use the arena. If not, all
    /// heaps may.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Sets the NUMA node that huge pages are taken from, or that the program's
    /// own memory is on. `None` stands for any node. Other memory of the system
    /// is on the node of the thread that first touches it.
    pub fn numa_node(mut self, node: Option<u16>) -> Self {
        self.node = node;
        self
    }

    /// Reserves `pages` huge pages of 1 GiB.
    ///
    /// Such pages must have been set aside in the system beforehand. `timeout`
    /// counts in milliseconds; `None` is no limit. When the timeout ends the
    /// search after some pages were found, the arena has these pages: see
    /// [`capacity`](Arena::capacity).
    ///
    /// Calls `mi_reserve_huge_os_pages_at_ex`.
    ///
    /// # Errors
    ///
    /// Returns [`ArenaError::NoPages`] if `pages` is 0,
    /// [`ArenaError::NoHugePages`] or [`ArenaError::TimedOut`] if no page was
    /// found, [`ArenaError::TooLarge`] and [`ArenaError::TableFull`] like
    /// [`ArenaOptions::reserve`], and [`ArenaError::Pinned`] in builds that
    /// can't use huge pages.
    #[doc(alias = "mi_reserve_huge_os_pages_at_ex")]
    #[doc(alias = "mi_reserve_huge_os_pages_at")]
    pub fn reserve_huge(
        self,
        pages: usize,
        timeout: Option<Duration>,
    ) -> Result<Arena, ArenaError> {
        huge(pages, timeout, |timeout| {
            let id = c::reserve_huge(pages, self.c_node(), timeout, self.exclusive);
            Arena::from_id(id)
        })
    }

    /// Turns memory of the program's own into an arena: a large static, a
    /// leaked box, a mapping that is never undone.
    ///
    /// mimalloc only reads and writes the memory. The parts before the first
    /// multiple of `Arena::min_alignment` and after the last multiple of 32 MiB
    /// stay unused. With engine v3's usual 256 MiB, the memory must be
    /// generously large or happen to be aligned. [`capacity`](Arena::capacity)
    /// returns the size that is left.
    ///
    /// Calls `mi_manage_os_memory_ex`.
    ///
    /// # Errors
    ///
    /// Returns [`ArenaError::TooSmall`] and [`ArenaError::Misaligned`] when
    /// there is too little memory, [`ArenaError::TooLarge`] and
    /// [`ArenaError::TableFull`] like [`reserve`](ArenaOptions::reserve),
    /// [`ArenaError::Pinned`] in builds that can't use such memory, and
    /// otherwise [`ArenaError::OutOfMemory`].
    pub fn from_static(self, memory: &'static mut [MaybeUninit<u8>]) -> Result<Arena, ArenaError> {
        let len = memory.len();
        let start = NonNull::from(memory).cast::<u8>();
        let attributes = RegionAttributes {
            committed: true,
            pinned: true,
            zeroed: false,
        };
        // SAFETY: the memory is borrowed mutably for `'static`, so no other
        // code uses it, and it may be read and written. It is passed as pinned,
        // so mimalloc does not unmap or protect it.
        unsafe { self.manage(start, len, attributes) }
    }

    /// Turns any memory into an arena. For the safe case see
    /// [`from_static`](Self::from_static).
    ///
    /// Calls `mi_manage_os_memory_ex`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`from_static`](Self::from_static).
    ///
    /// # Safety
    ///
    /// - The `len` bytes from `start` are one mapping or allocation that stays
    ///   valid until the process ends, and that no other code uses from now on.
    /// - The memory is as `attributes` say. Large pages imply that the memory
    ///   is committed.
    /// - Unless the memory is pinned, it consists of whole pages of private,
    ///   anonymous memory: mimalloc may decommit, discard and protect them.
    #[doc(alias = "mi_manage_os_memory_ex")]
    #[doc(alias = "mi_manage_os_memory")]
    pub unsafe fn manage(
        self,
        start: NonNull<u8>,
        len: usize,
        attributes: RegionAttributes,
    ) -> Result<Arena, ArenaError> {
        if attributes.pinned && PROTECTS_PAGES {
            return Err(ArenaError::Pinned);
        }
        check_size(len)?;
        check_range(start, len)?;
        check_entries(len)?;
        let region = Region {
            start,
            len,
            committed: attributes.committed,
            pinned: attributes.pinned,
            zeroed: attributes.zeroed,
            node: self.c_node(),
        };
        // SAFETY: the caller promises that the memory is as described, valid
        // for ever, and used by no other code (upstream.md: arena lifetime).
        let id = unsafe { c::manage(&region, self.exclusive) };
        Arena::from_id(id).ok_or_else(out_of_memory)
    }

    /// Returns the C form of the NUMA node.
    fn c_node(self) -> c_int {
        self.node.map_or(-1, c_int::from)
    }
}

/// Reserves huge pages, and says why a reservation failed.
pub(super) fn huge<T>(
    pages: usize,
    timeout: Option<Duration>,
    reserve: impl FnOnce(usize) -> Option<T>,
) -> Result<T, ArenaError> {
    if pages == 0 {
        // C calls this a success, without an arena.
        return Err(ArenaError::NoPages);
    }
    if PROTECTS_PAGES {
        return Err(ArenaError::Pinned);
    }
    check_entries(pages.saturating_mul(1 << 30))?;
    // 0 is no limit for C.
    let millis = timeout.map_or(0, |timeout| {
        usize::try_from(timeout.as_millis()).map_or(usize::MAX, |millis| millis.max(1))
    });
    let stopwatch = Stopwatch::start();
    if let Some(reserved) = reserve(millis) {
        return Ok(reserved);
    }
    if table_is_full() {
        return Err(ArenaError::TableFull);
    }
    if timeout.is_some_and(|timeout| stopwatch.has_reached(timeout)) {
        return Err(ArenaError::TimedOut);
    }
    Err(ArenaError::NoHugePages)
}

/// Returns the error of a size for which C only has "out of memory".
fn check_size(size: usize) -> Result<(), ArenaError> {
    let minimum = c::min_size();
    if size < minimum {
        return Err(ArenaError::TooSmall { minimum });
    }
    if isize::try_from(size).is_err() {
        return Err(ArenaError::TooLarge);
    }
    Ok(())
}

/// Checks that enough of a range is left once its start is aligned.
fn check_range(start: NonNull<u8>, len: usize) -> Result<(), ArenaError> {
    let alignment = c::min_alignment();
    let skipped = start.as_ptr().addr().wrapping_neg() & (alignment - 1);
    let needed = match skipped {
        0 => c::min_size(),
        _ => engine::region_needed(c::min_size(), alignment),
    };
    if len < needed || len - needed < skipped {
        return Err(ArenaError::Misaligned {
            alignment,
            minimum: skipped.saturating_add(needed),
        });
    }
    Ok(())
}

/// Returns the error of a failed reservation whose size was valid.
fn out_of_memory() -> ArenaError {
    if table_is_full() {
        ArenaError::TableFull
    } else {
        ArenaError::OutOfMemory
    }
}

/// Asks the statistics, because C has one code for every failure.
fn table_is_full() -> bool {
    crate::stats::arena_count().is_some_and(|taken| taken >= engine::ARENA_ENTRIES)
}

/// Keeps engine v3 from making an arena that is only as large as its table has
/// room for, and calling this a success.
fn check_entries(size: usize) -> Result<(), ArenaError> {
    let Some(entry_size) = engine::ARENA_ENTRY_SIZE.filter(|&entry_size| size > entry_size) else {
        return Ok(());
    };
    let needed = size.div_ceil(entry_size) as u64;
    if needed > engine::ARENA_ENTRIES / 2 {
        return Err(ArenaError::TooLarge);
    }
    match crate::stats::arena_count() {
        Some(taken) if taken.saturating_add(needed) > engine::ARENA_ENTRIES => {
            Err(ArenaError::TableFull)
        }
        _ => Ok(()),
    }
}
