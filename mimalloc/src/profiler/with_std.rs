//! Takes paths of the standard library, and returns profiles as bytes. Upstream
//! writes profiles to files only, so each profile of bytes goes through a file in
//! a folder that only this user may enter, and that is removed at once.

use core::fmt;
use core::hash::{BuildHasher, Hasher};
use std::boxed::Box;
use std::fs;
use std::hash::RandomState;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::vec::Vec;

use super::pprof_mappings::completed;
use super::{Profiler, ProfilerError, ProfilerOptions};

/// Describes why there is no profile.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The profiler writes to files of its own: it was not made by
    /// [`ProfilerOptions::create_temporary`].
    HasFiles,
    /// Another thread takes a snapshot, or this thread does in a hook.
    Busy,
    /// mimalloc wrote no whole profile. mimalloc does not tell why: memory or
    /// the disk is full, or another thread takes a snapshot of another
    /// profiler.
    NotWritten,
    /// The temporary folder can't be used.
    Io(io::Error),
}

impl ProfilerOptions {
    /// Makes a profiler that writes to `<base>.0001.pb`, `<base>.0002.pb` and so
    /// on, over files that are there.
    ///
    /// Calls `mi_pprof_profiler_new`.
    ///
    /// # Errors
    ///
    /// [`ProfilerError::InvalidBase`], [`ProfilerError::OutOfMemory`] or
    /// [`ProfilerError::TooManyHeaps`].
    #[doc(alias = "mi_pprof_profiler_new")]
    pub fn create(self, base: impl AsRef<Path>) -> Result<Profiler, ProfilerError> {
        let base = base.as_ref().as_os_str();
        // Names of files are plain bytes on Unix only.
        if !cfg!(unix) && base.to_str().is_none() {
            return Err(ProfilerError::InvalidBase);
        }
        self.create_bytes(base.as_encoded_bytes())
    }

    /// Makes a profiler without files of its own, for
    /// [`Profiler::snapshot_to_vec`].
    ///
    /// The options that write snapshots at intervals have no effect, and
    /// [`Profiler::snapshot`] writes nothing.
    ///
    /// # Errors
    ///
    /// Returns [`ProfilerError::InvalidBase`] if the path of
    /// [`std::env::temp_dir`] is not Unicode or is too long, and otherwise the
    /// errors of [`create`](Self::create).
    pub fn create_temporary(mut self) -> Result<Profiler, ProfilerError> {
        // The state is random, so that other users can't guess the name.
        let random = RandomState::new().build_hasher().finish();
        let process = std::process::id();
        let name = std::format!("mimalloc-profile-{process}-{random:016x}");
        let folder = std::env::temp_dir().join(name);
        let folder = folder.to_str().ok_or(ProfilerError::InvalidBase)?;
        (self.every_allocated, self.every_in_use, self.every_seconds) = (0, 0, 0);
        let base = Path::new(folder).join("profile");
        let base = base.to_str().ok_or(ProfilerError::InvalidBase)?;
        let mut profiler = self.create_bytes(base.as_bytes())?;
        profiler.files = None;
        // A profiler is never freed.
        profiler.temporary = Some(Box::leak(Box::from(folder)));
        Ok(profiler)
    }
}

impl Profiler {
    /// Returns the profile so far, for a profiler of
    /// [`create_temporary`](ProfilerOptions::create_temporary).
    ///
    /// The bytes are what [`snapshot`](Self::snapshot) writes to a file: an
    /// uncompressed profile that `pprof` reads, or its older text format with
    /// [`text`](ProfilerOptions::text). mimalloc writes files only, so the
    /// profile is written to a file, read back and removed: in a new folder in
    /// [`std::env::temp_dir`] that only this user may enter.
    ///
    /// # Errors
    ///
    /// Returns [`SnapshotError::HasFiles`] for other profilers, and the other
    /// errors when no profile could be written or read.
    ///
    /// # Examples
    ///
    /// Answers a request for a profile of the running program:
    ///
    /// ```
    /// use mimalloc::{MiMalloc, Profiler};
    ///
    /// #[global_allocator]
    /// static GLOBAL: MiMalloc = MiMalloc;
    ///
    /// let profiler = Profiler::options().sample_rate(64 * 1024).create_temporary()?;
    /// profiler.attach()?;
    /// profiler.start();
    /// // … the program's work …
    /// let body = profiler.snapshot_to_vec()?;
    /// assert!(!body.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn snapshot_to_vec(self) -> Result<Vec<u8>, SnapshotError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

        let folder = self.temporary.ok_or(SnapshotError::HasFiles)?;
        // No thread waits here: a snapshot may call a hook of the program, which
        // may ask for another snapshot.
        let _guard = match ONE_AT_A_TIME.try_lock() {
            Ok(guard) => guard,
            Err(std::sync::TryLockError::Poisoned(guard)) => guard.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return Err(SnapshotError::Busy),
        };
        let folder = Folder::create(folder).map_err(SnapshotError::Io)?;
        self.raw.snapshot();
        let mut files = fs::read_dir(&folder.0).map_err(SnapshotError::Io)?;
        let file = files.next().ok_or(SnapshotError::NotWritten)?;
        let file = file.map_err(SnapshotError::Io)?.path();
        let profile = fs::read(&file).map_err(SnapshotError::Io)?;
        if file.extension().is_some_and(|format| format == "pb") {
            completed(profile).ok_or(SnapshotError::NotWritten)
        } else {
            Ok(profile)
        }
    }

    /// Writes the profile so far to `out`, as
    /// [`snapshot_to_vec`](Self::snapshot_to_vec) returns it.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`snapshot_to_vec`](Self::snapshot_to_vec), and
    /// those of `out` as [`SnapshotError::Io`].
    pub fn snapshot_to(self, out: &mut (impl io::Write + ?Sized)) -> Result<(), SnapshotError> {
        let profile = self.snapshot_to_vec()?;
        out.write_all(&profile).map_err(SnapshotError::Io)
    }
}

/// A folder that is removed with what is in it when the value is dropped.
struct Folder(PathBuf);

impl Folder {
    /// Makes the folder. Fails if there is such a folder: only a new one is
    /// surely this user's.
    fn create(path: &str) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(false);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        Ok(Self(PathBuf::from(path)))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The profile was read, or there is an error already.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HasFiles => f.write_str(
                "the profiler writes to files of its own; make it with `create_temporary`",
            ),
            Self::Busy => f.write_str("another snapshot is under way; try again"),
            Self::NotWritten => f.write_str(
                "mimalloc wrote no profile: memory or the temporary folder is full, or another \
                 profiler writes a snapshot",
            ),
            Self::Io(error) => write!(f, "the temporary folder can't be used: {error}"),
        }
    }
}

impl core::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}
