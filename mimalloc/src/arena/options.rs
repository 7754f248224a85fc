//! How an arena is made.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::time::Duration;

use super::{Arena, ArenaError};
use crate::raw::arena::{self as c, PROTECTS_PAGES, Region};
use crate::raw::engine;

/// Makes arenas: what all ways of making one have in common. Made by
/// [`Arena::options`].
///
/// What only some ways take is set by a method that leads to a type with those
/// ways only, so that no setting is without effect:
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

/// [`ArenaOptions`] for memory of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct SystemOptions {
    exclusive: bool,
    commit: bool,
    large_pages: bool,
}

/// [`ArenaOptions`] for huge pages and for memory of the program's own, which are
/// on a NUMA node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct NodeOptions {
    exclusive: bool,
    node: Option<u16>,
}

/// What [`NodeOptions::manage`] is told about the memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegionAttributes {
    /// It can be read and written already. If not, mimalloc makes it so, page
    /// by page, by the means that the system has for its own memory.
    pub committed: bool,
    /// It can't be decommitted or protected, as with large pages or memory that
    /// is not the system's own: mimalloc then only ever reads and writes it.
    pub pinned: bool,
    /// It is all zero.
    pub zeroed: bool,
}

impl ArenaOptions {
    /// Returns options for an exclusive arena.
    pub fn new() -> Self {
        Self { exclusive: true }
    }

    /// Sets whether only heaps made in the arena may use it. Otherwise all may.
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
    /// As for [`SystemOptions::reserve`].
    pub fn reserve(self, size: usize) -> Result<Arena, ArenaError> {
        self.system().reserve(size)
    }

    /// Reserves `pages` huge pages of 1 GiB, at any NUMA node.
    ///
    /// # Errors
    ///
    /// As for [`NodeOptions::reserve_huge`].
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
    /// As for [`NodeOptions::from_static`].
    pub fn from_static(self, memory: &'static mut [MaybeUninit<u8>]) -> Result<Arena, ArenaError> {
        self.node().from_static(memory)
    }

    /// Turns any memory into an arena.
    ///
    /// # Errors
    ///
    /// As for [`NodeOptions::from_static`].
    ///
    /// # Safety
    ///
    /// As for [`NodeOptions::manage`].
    pub unsafe fn manage(
        self,
        start: NonNull<u8>,
        len: usize,
        attributes: RegionAttributes,
    ) -> Result<Arena, ArenaError> {
        // SAFETY: as the caller promises.
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
    /// Sets whether only heaps made in the arena may use it. Otherwise all may.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Sets whether to commit all of the memory at once. That costs the memory,
    /// where the system counts it, and spares a system call for each part used
    /// first.
    pub fn commit(mut self, commit: bool) -> Self {
        self.commit = commit;
        self
    }

    /// Sets whether to use large pages (2 MiB on x86-64) if the system has some
    /// left. They are always committed, and never given back. Builds that have no
    /// use for large pages take others: see [`ArenaError::Pinned`].
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
    /// [`ArenaError::TooSmall`] and [`ArenaError::TooLarge`] for sizes that
    /// can't be, [`ArenaError::TableFull`] when there are too many arenas, else
    /// [`ArenaError::OutOfMemory`].
    ///
    /// # Platform-specific behaviour
    ///
    /// Engine v3 takes an entry in its table of arenas for each 16 GiB (1 GiB on
    /// 32-bit systems). A size that takes more than half of the table is too
    /// large, and one that takes more than is left finds the table full. Should
    /// another thread take entries at the same moment, the arena may have fewer
    /// of them: see [`capacity`](Arena::capacity).
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
    /// Sets whether only heaps made in the arena may use it. Otherwise all may.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// Sets the NUMA node that huge pages are taken from, any for `None`; or that
    /// the program's own memory is on. Other memory from the system is on the node
    /// of the thread that first touches it.
    pub fn numa_node(mut self, node: Option<u16>) -> Self {
        self.node = node;
        self
    }

    /// Reserves `pages` huge pages of 1 GiB.
    ///
    /// Such pages must have been set aside in the system beforehand. When
    /// `timeout` (to the millisecond; `None` is no limit) ends the search early
    /// but some pages were found, the arena has those: see
    /// [`capacity`](Arena::capacity).
    ///
    /// Calls `mi_reserve_huge_os_pages_at_ex`.
    ///
    /// # Errors
    ///
    /// [`ArenaError::NoPages`] for none, [`ArenaError::NoHugePages`] and
    /// [`ArenaError::TimedOut`] when none could be had,
    /// [`ArenaError::TooLarge`] and [`ArenaError::TableFull`] as for
    /// [`ArenaOptions::reserve`], and [`ArenaError::Pinned`] in builds that
    /// can't use such pages.
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
    /// mimalloc will only read and write it. What comes before the first
    /// `Arena::min_alignment` and after the last multiple of 32 MiB is left
    /// unused; with engine v3's usual 256 MiB that takes either luck or a
    /// generous size. [`capacity`](Arena::capacity) tells what is left.
    ///
    /// Calls `mi_manage_os_memory_ex`.
    ///
    /// # Errors
    ///
    /// [`ArenaError::TooSmall`] and [`ArenaError::Misaligned`] when there is
    /// too little of it, [`ArenaError::TooLarge`] and [`ArenaError::TableFull`]
    /// as for [`reserve`](ArenaOptions::reserve), [`ArenaError::Pinned`] in builds that can't use such memory,
    /// else [`ArenaError::OutOfMemory`].
    pub fn from_static(self, memory: &'static mut [MaybeUninit<u8>]) -> Result<Arena, ArenaError> {
        let len = memory.len();
        let start = NonNull::from(memory).cast::<u8>();
        let attributes = RegionAttributes {
            committed: true,
            pinned: true,
            zeroed: false,
        };
        // SAFETY: the memory is borrowed for good, so it is nobody else's, and
        // may be read and written; pinned memory is not unmapped or protected.
        unsafe { self.manage(start, len, attributes) }
    }

    /// Turns any memory into an arena. For the safe case see
    /// [`from_static`](Self::from_static).
    ///
    /// Calls `mi_manage_os_memory_ex`.
    ///
    /// # Errors
    ///
    /// As for [`from_static`](Self::from_static).
    ///
    /// # Safety
    ///
    /// - The `len` bytes from `start` are one mapping or allocation that stays
    ///   valid until the process ends, and that nobody else uses from now on.
    /// - They are as `attributes` say. Large pages imply that they are committed.
    /// - Unless they are pinned, they are whole pages of private, anonymous
    ///   memory: mimalloc may decommit, discard and protect them.
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
        // SAFETY: the caller hands the memory over for good, as described.
        let id = unsafe { c::manage(&region, self.exclusive) };
        Arena::from_id(id).ok_or_else(out_of_memory)
    }

    /// The C form of the NUMA node.
    fn c_node(self) -> c_int {
        self.node.map_or(-1, c_int::from)
    }
}

/// Runs a reservation of huge pages, and says why it failed.
pub(super) fn huge<T>(
    pages: usize,
    timeout: Option<Duration>,
    reserve: impl FnOnce(usize) -> Option<T>,
) -> Result<T, ArenaError> {
    if pages == 0 {
        // C calls that a success, without an arena.
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
    #[cfg(feature = "std")]
    let started = std::time::Instant::now();
    if let Some(reserved) = reserve(millis) {
        return Ok(reserved);
    }
    if table_is_full() {
        return Err(ArenaError::TableFull);
    }
    #[cfg(feature = "std")]
    if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
        return Err(ArenaError::TimedOut);
    }
    Err(ArenaError::NoHugePages)
}

/// Sizes for which C only has "out of memory".
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

/// Whether enough of a range is left once its start is aligned.
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

/// What a failure means whose size was in order.
fn out_of_memory() -> ArenaError {
    if table_is_full() {
        ArenaError::TableFull
    } else {
        ArenaError::OutOfMemory
    }
}

/// Asks the statistics, as C itself has one code for every failure.
fn table_is_full() -> bool {
    crate::stats::arena_count().is_some_and(|taken| taken >= engine::ARENA_ENTRIES)
}

/// Keeps engine v3 from making an arena of as much as its table has room for
/// and calling that a success.
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
