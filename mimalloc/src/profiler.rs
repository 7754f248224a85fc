//! The built-in sampling heap profiler.

use core::ffi::CStr;
use core::fmt;
use core::num::NonZeroUsize;
use core::time::Duration;

use crate::heap::Heap;
use crate::raw::engine;
use crate::raw::profiler::{self, RawProfiler};
use pprof_mappings::Files;

mod pprof_mappings;
#[cfg(feature = "std")]
pub(crate) mod with_std;

/// Samples the heap with mimalloc's own profiler: takes the call stack of one
/// allocation about every so many bytes, and writes profiles for `pprof`.
///
/// Attach one to the [process](Self::attach) or to [one
/// heap](Self::attach_heap), start it, and write a [snapshot](Self::snapshot)
/// whenever you like: to a file, or with `snapshot_to_vec` as bytes. A profile
/// has four values for each call stack: objects
/// and bytes allocated so far, and those in use.
///
/// ```no_run
/// use mimalloc::Profiler;
///
/// #[global_allocator]
/// static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;
///
/// let profiler = Profiler::options().sample_rate(64 * 1024).create("/tmp/server")?;
/// profiler.attach()?;
/// profiler.start();
/// // … the program's work …
/// profiler.snapshot(); // /tmp/server.0001.pb
/// # Ok::<(), mimalloc::ProfilerError>(())
/// ```
///
/// # Caveats
///
/// - **Profiles hold addresses, not names.** Also give `pprof` the program:
///   `pprof -http=: target/release/server /tmp/server.0001.pb`, on the machine
///   that wrote the profile. Build the program with `debug =
///   "line-tables-only"` or more.
/// - The values are those of the samples, not scaled up to all allocations.
///   Bytes are counted when a mimalloc page, 64 KiB for small blocks, is used
///   up: rates below that give few more samples.
/// - A thread notices the profiler with its next slow allocation, which is
///   about one in a thousand. The thread that starts the profiler notices at
///   once.
/// - Stacks are taken where the C library or the compiler's unwinder can: on
///   glibc, macOS and Windows. Elsewhere profiles come out empty.
/// - The environment variable `MIMALLOC_PROFILE=<base>` attaches a profiler to
///   any program that links mimalloc; [`attach`](Self::attach) then fails.
///
/// A profiler is never freed: sampled blocks refer to it for as long as they
/// live. Each takes about 200 KiB, so reuse one profiler. Engine v3 only.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "mi_profiler_t")]
pub struct Profiler {
    raw: RawProfiler,
    files: Option<&'static Files>,
    /// The folder for files that are read back at once.
    #[allow(dead_code, reason = "only read with the standard library")]
    temporary: Option<&'static str>,
}

/// Describes a profiler to make. Returned by [`Profiler::options`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ProfilerOptions {
    rate: usize,
    every_allocated: usize,
    every_in_use: usize,
    every_seconds: usize,
    text: bool,
}

/// Says why a profiler could not be made or attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProfilerError {
    /// There is no memory for it.
    OutOfMemory,
    /// As many heaps as can be are live ([`MAX_HEAPS`](crate::MAX_HEAPS)); a
    /// profiler has one of its own.
    TooManyHeaps,
    /// The base of the file names is empty, has a NUL byte, is not Unicode
    /// where it must be, or is longer than [`ProfilerOptions::MAX_BASE_LEN`].
    InvalidBase,
    /// The heap, or the process, has a profiler already.
    Attached,
}

impl ProfilerOptions {
    /// The longest base of file names, in bytes.
    pub const MAX_BASE_LEN: usize = 1000;

    /// Returns options for a sample every 512 KiB, and snapshots only on
    /// request.
    pub fn new() -> Self {
        Self {
            rate: 512 * 1024,
            every_allocated: 0,
            every_in_use: 0,
            every_seconds: 0,
            text: false,
        }
    }

    /// Sets the mean bytes of allocation between samples, at least 1. Smaller
    /// is more
    /// exact and slower: each sample takes a call stack.
    pub fn sample_rate(mut self, bytes: usize) -> Self {
        // C would sample each allocation for ever at 0.
        self.rate = bytes.max(1);
        self
    }

    /// Writes a snapshot whenever that many more bytes were allocated.
    pub fn snapshot_every_allocated(mut self, bytes: NonZeroUsize) -> Self {
        self.every_allocated = bytes.get();
        self
    }

    /// Writes a snapshot whenever that many more bytes are in use.
    pub fn snapshot_every_in_use(mut self, bytes: NonZeroUsize) -> Self {
        self.every_in_use = bytes.get();
        self
    }

    /// Writes a snapshot about that often: with the first sample after it, in
    /// whole seconds, one at least.
    pub fn snapshot_every(mut self, interval: Duration) -> Self {
        // A day is the most that C's own options take.
        self.every_seconds =
            usize::try_from(interval.as_secs().clamp(1, 24 * 60 * 60)).unwrap_or(1);
        self
    }

    /// Sets whether to write `pprof`'s older text format, in files that end in
    /// `.heap`, instead of protocol buffers.
    pub fn text(mut self, text: bool) -> Self {
        self.text = text;
        self
    }

    /// Makes a profiler like `create`, for a base that is a C string.
    ///
    /// # Errors
    ///
    /// Returns the errors of `create`.
    pub fn create_c(self, base: &CStr) -> Result<Profiler, ProfilerError> {
        self.create_bytes(base.to_bytes())
    }

    fn create_bytes(self, base: &[u8]) -> Result<Profiler, ProfilerError> {
        if base.is_empty() || base.len() > Self::MAX_BASE_LEN || base.contains(&0) {
            return Err(ProfilerError::InvalidBase);
        }
        // C cuts an extension off, whatever it is, and looks at it for the
        // format: with one of ours the base stays whole.
        let extension: &[u8] = if self.text { b".heap" } else { b".pb" };
        let mut name = [0; Self::MAX_BASE_LEN + 8];
        name[..base.len()].copy_from_slice(base);
        name[base.len()..base.len() + extension.len()].copy_from_slice(extension);
        // Ends at the first of the zero bytes that are left.
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| ProfilerError::InvalidBase)?;
        engine::count_in().map_err(|_| ProfilerError::TooManyHeaps)?;
        let Some(raw) = RawProfiler::new(
            self.rate,
            name,
            self.every_allocated,
            self.every_in_use,
            self.every_seconds,
        ) else {
            engine::count_out();
            return Err(ProfilerError::OutOfMemory);
        };
        let files = if self.text { None } else { Files::leaked(base) };
        Ok(Profiler {
            raw,
            files,
            temporary: None,
        })
    }
}

impl Default for ProfilerOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl Profiler {
    /// Returns the default options, like [`ProfilerOptions::new`].
    pub fn options() -> ProfilerOptions {
        ProfilerOptions::new()
    }

    /// Attaches the profiler to all heaps, now and in future, that have none of
    /// their own. There is no way to detach it; [`stop`](Self::stop) it.
    ///
    /// A profiler that was running stops.
    ///
    /// Calls `mi_profile`.
    ///
    /// # Errors
    ///
    /// [`ProfilerError::Attached`] when the process has one already, this one
    /// or another.
    #[doc(alias = "mi_profile")]
    #[doc(alias = "mi_subproc_profile")]
    pub fn attach(self) -> Result<(), ProfilerError> {
        let attached = self.raw.attach();
        attached.then_some(()).ok_or(ProfilerError::Attached)
    }

    /// Attaches the profiler to one heap, for as long as that lives. One
    /// profiler may serve several heaps.
    ///
    /// A profiler that was running stops.
    ///
    /// Calls `mi_heap_profile`.
    ///
    /// # Errors
    ///
    /// [`ProfilerError::Attached`] when the heap has one already, its own or
    /// the process's, or had its profiling
    /// [switched off](Heap::disable_profiling).
    #[doc(alias = "mi_heap_profile")]
    pub fn attach_heap(self, heap: &Heap) -> Result<(), ProfilerError> {
        // SAFETY: the reference to the heap keeps the heap alive, and the
        // profiler is never freed (upstream.md: profiler lifetime).
        let attached = unsafe { self.raw.attach_heap(heap.as_raw()) };
        attached.then_some(()).ok_or(ProfilerError::Attached)
    }

    /// Starts sampling. Returns whether it was on already.
    ///
    /// Calls `mi_profiler_start`.
    #[doc(alias = "mi_profiler_start")]
    #[allow(clippy::must_use_candidate, reason = "mostly called for its effect")]
    pub fn start(self) -> bool {
        self.raw.start()
    }

    /// Stops sampling. Returns whether it was on. Blocks that are freed while
    /// it is off stay in the profile as in use.
    ///
    /// A snapshot under way on another thread may switch it on again.
    ///
    /// Calls `mi_profiler_stop`.
    #[doc(alias = "mi_profiler_stop")]
    #[allow(clippy::must_use_candidate, reason = "mostly called for its effect")]
    pub fn stop(self) -> bool {
        self.raw.stop()
    }

    /// Writes the profile so far to the next file.
    ///
    /// mimalloc does that as well as it can and does not tell: there is no file
    /// when it can't be made, when memory is short, or when a snapshot is under
    /// way on another thread.
    ///
    /// On Linux upstream leaves something out that `pprof` needs to find the
    /// names of a position-independent program, as Rust's are. With the feature
    /// `std` this adds it, to this profile and to those written by themselves
    /// before; without, link the program with `-C relocation-model=static`.
    ///
    /// Calls `mi_profiler_snapshot`.
    #[doc(alias = "mi_profiler_snapshot")]
    pub fn snapshot(self) {
        self.raw.snapshot();
        if let Some(files) = self.files {
            files.complete();
        }
    }
}

impl Heap {
    /// Keeps profilers from sampling this heap, including one that is already
    /// attached. This cannot be undone.
    ///
    /// Calls `mi_heap_profile_disable`.
    #[doc(alias = "mi_heap_profile_disable")]
    pub fn disable_profiling(&self) {
        // SAFETY: the reference to the heap keeps the heap alive during the
        // call.
        unsafe { profiler::disable(self.as_raw()) };
    }
}

impl fmt::Display for ProfilerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => f.write_str("no memory for a profiler"),
            Self::TooManyHeaps => write!(
                f,
                "a profiler needs a heap, and {} are live; drop some",
                crate::MAX_HEAPS
            ),
            Self::InvalidBase => write!(
                f,
                "the base of profile names must have 1 to {} bytes and no NUL byte",
                ProfilerOptions::MAX_BASE_LEN
            ),
            Self::Attached => f.write_str(
                "there is a profiler already (MIMALLOC_PROFILE in the environment makes one)",
            ),
        }
    }
}

impl core::error::Error for ProfilerError {}
