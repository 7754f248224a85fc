//! How an arena is made.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::time::Duration;

use mimalloc_sys as sys;

use super::{Arena, ArenaError, NONE};

/// What an arena is to be like. Made by [`Arena::options`].
///
/// ```
/// use mimalloc::Arena;
///
/// let arena = Arena::options().commit(true).allow_large_pages(true).reserve(64 << 20)?;
/// assert_eq!(arena.capacity(), 64 << 20);
/// # Ok::<(), mimalloc::ArenaError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ArenaOptions {
    commit: bool,
    large_pages: bool,
    exclusive: bool,
    node: Option<u16>,
}

/// What [`ArenaOptions::manage`] is told about the memory.
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
    /// An exclusive arena, committed as it is used, without large pages.
    pub fn new() -> Self {
        Self {
            commit: false,
            large_pages: false,
            exclusive: true,
            node: None,
        }
    }

    /// Whether to commit all of it at once. Costs the memory, where the system
    /// counts it, and spares a system call for each part used first.
    pub fn commit(mut self, commit: bool) -> Self {
        self.commit = commit;
        self
    }

    /// Whether to use large pages (2 MiB on x86-64) if the system has some
    /// left. They are always committed, and never given back. Ignored in builds
    /// that have no use for them: see [`ArenaError::Pinned`].
    pub fn allow_large_pages(mut self, allow: bool) -> Self {
        self.large_pages = allow;
        self
    }

    /// Whether only heaps made in this arena may use it. Otherwise all may.
    pub fn exclusive(mut self, exclusive: bool) -> Self {
        self.exclusive = exclusive;
        self
    }

    /// The NUMA node that memory [brought along](Self::manage) is on. Memory
    /// from the system is on the node of the thread that first touches it.
    pub fn numa_node(mut self, node: Option<u16>) -> Self {
        self.node = node;
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
        init_thread();
        let mut id = NONE;
        // SAFETY: `id` may be written; the rest may be anything.
        let code = unsafe {
            sys::mi_reserve_os_memory_ex(
                size,
                self.commit,
                self.large_pages && !cfg!(mimalloc_protects_pages),
                self.exclusive,
                &raw mut id,
            )
        };
        match (code, Arena::from_id(id)) {
            (0, Some(arena)) => Ok(arena),
            _ => Err(out_of_memory()),
        }
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
    /// as for [`reserve`](Self::reserve), [`ArenaError::Pinned`] in builds that can't use such memory,
    /// else [`ArenaError::OutOfMemory`].
    pub fn from_static(self, memory: &'static mut [MaybeUninit<u8>]) -> Result<Arena, ArenaError> {
        let len = memory.len();
        let start = NonNull::from(memory).cast::<u8>();
        let foreign = RegionAttributes {
            committed: true,
            pinned: true,
            zeroed: false,
        };
        // SAFETY: the memory is borrowed for good, so it is nobody else's, and
        // may be read and written; pinned memory is not unmapped or protected.
        unsafe { self.manage(start, len, foreign) }
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
    /// - They are as `foreign` says. Large pages imply that they are committed.
    /// - Unless they are pinned, they are whole pages of private, anonymous
    ///   memory: mimalloc may decommit, discard and protect them.
    #[doc(alias = "mi_manage_os_memory_ex")]
    #[doc(alias = "mi_manage_os_memory")]
    pub unsafe fn manage(
        self,
        start: NonNull<u8>,
        len: usize,
        foreign: RegionAttributes,
    ) -> Result<Arena, ArenaError> {
        if foreign.pinned && cfg!(mimalloc_protects_pages) {
            return Err(ArenaError::Pinned);
        }
        check_size(len)?;
        check_range(start, len)?;
        check_entries(len)?;
        init_thread();
        let mut id = NONE;
        // SAFETY: the caller hands the memory over for good, as described.
        let done = unsafe {
            sys::mi_manage_os_memory_ex(
                start.as_ptr().cast(),
                len,
                foreign.committed,
                foreign.pinned,
                foreign.zeroed,
                node(self.node),
                self.exclusive,
                &raw mut id,
            )
        };
        match (done, Arena::from_id(id)) {
            (true, Some(arena)) => Ok(arena),
            _ => Err(out_of_memory()),
        }
    }
}

impl Default for ArenaOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs a reservation of huge pages, and says why it failed.
pub(super) fn huge(
    pages: usize,
    timeout: Option<Duration>,
    reserve: impl FnOnce(usize) -> c_int,
) -> Result<(), ArenaError> {
    if pages == 0 {
        // C calls that a success, without an arena.
        return Err(ArenaError::NoPages);
    }
    if cfg!(mimalloc_protects_pages) {
        return Err(ArenaError::Pinned);
    }
    check_entries(pages.saturating_mul(1 << 30))?;
    // 0 is no limit for C.
    let millis = timeout.map_or(0, |timeout| {
        usize::try_from(timeout.as_millis()).map_or(usize::MAX, |millis| millis.max(1))
    });
    init_thread();
    #[cfg(feature = "std")]
    let started = std::time::Instant::now();
    if reserve(millis) == 0 {
        return Ok(());
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

/// Engine v2 takes random numbers for addresses from the thread's heap, and
/// crashes when the thread has not allocated yet: what it finds instead is
/// constant.
fn init_thread() {
    // SAFETY: may be called at any time, and any number of times.
    unsafe { sys::mi_thread_init() };
}

/// The C form of a NUMA node.
pub(super) fn node(node: Option<u16>) -> c_int {
    node.map_or(-1, c_int::from)
}

/// Sizes for which C only has "out of memory".
fn check_size(size: usize) -> Result<(), ArenaError> {
    let minimum = min_size();
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
    let alignment = min_alignment();
    let skipped = start.as_ptr().addr().wrapping_neg() & (alignment - 1);
    // Engine v3 wants a whole alignment left of a range that starts elsewhere.
    let needed = match skipped {
        0 => min_size(),
        _ if cfg!(mimalloc_v3) => alignment.max(min_size()),
        _ => MIN_STEP,
    };
    if len < needed || len - needed < skipped {
        return Err(ArenaError::Misaligned {
            alignment,
            minimum: skipped.saturating_add(needed),
        });
    }
    Ok(())
}

/// Both engines hand arenas out in steps of 32 MiB on 64-bit systems.
const MIN_STEP: usize = 32 << 20;

fn min_size() -> usize {
    #[cfg(mimalloc_has_arena_limits)]
    {
        Arena::min_size()
    }
    #[cfg(not(mimalloc_has_arena_limits))]
    {
        1
    }
}

fn min_alignment() -> usize {
    #[cfg(mimalloc_has_arena_limits)]
    {
        Arena::min_alignment()
    }
    #[cfg(not(mimalloc_has_arena_limits))]
    {
        MIN_STEP
    }
}

/// What a failure means whose size was in order.
fn out_of_memory() -> ArenaError {
    if table_is_full() {
        ArenaError::TableFull
    } else {
        ArenaError::OutOfMemory
    }
}

/// Entries in upstream's table of arenas (`MI_MAX_ARENAS`).
const ENTRIES: u64 = if cfg!(mimalloc_v3) { 160 } else { 132 };

/// Asks the statistics, as C itself has one code for every failure.
fn table_is_full() -> bool {
    taken_entries().is_some_and(|taken| taken >= ENTRIES)
}

/// Entries of the table that are taken, if the library tells.
fn taken_entries() -> Option<u64> {
    #[cfg(mimalloc_has_stats)]
    {
        crate::Stats::get().ok().map(|stats| stats.arena_count)
    }
    #[cfg(not(mimalloc_has_stats))]
    {
        None
    }
}

/// Keeps engine v3 from making an arena of as much as its table has room for
/// and calling that a success.
fn check_entries(size: usize) -> Result<(), ArenaError> {
    /// What one entry holds (`MI_ARENA_MAX_SIZE`).
    const EACH: usize = if cfg!(target_pointer_width = "64") {
        1 << (34 % usize::BITS)
    } else {
        1 << 30
    };
    if cfg!(mimalloc_v2) || size <= EACH {
        return Ok(());
    }
    let needed = size.div_ceil(EACH) as u64;
    if needed > ENTRIES / 2 {
        return Err(ArenaError::TooLarge);
    }
    match taken_entries() {
        Some(taken) if taken.saturating_add(needed) > ENTRIES => Err(ArenaError::TableFull),
        _ => Ok(()),
    }
}
