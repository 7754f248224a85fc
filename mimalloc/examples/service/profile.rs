//! Profiles of the running server.

use std::fs;
use std::io;
use std::path::PathBuf;

use mimalloc::Profiler;
use tokio::sync::Mutex;

/// Samples the allocations of the whole process, when asked.
pub(crate) struct Profile {
    profiler: Profiler,
    /// The folder into which mimalloc writes.
    folder: PathBuf,
    turn: Mutex<()>,
}

impl Profile {
    /// Makes a profiler that takes about one sample in 64 KiB, but does not start it:
    /// a heap with samples is never reset in place.
    ///
    /// Returns an error if the process has a profiler already.
    pub(crate) fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = std::env::temp_dir().join(format!("service-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let profile = Self {
            profiler: Profiler::options()
                .sample_rate(64 << 10)
                .create(folder.join("heap"))?,
            folder,
            turn: Mutex::new(()),
        };
        profile.profiler.attach()?;
        Ok(profile)
    }

    /// Samples while `wait` runs, and returns the profile of all such times, as
    /// protocol buffers for `pprof`. One profile is made at a time.
    pub(crate) async fn during(&self, wait: impl Future<Output = ()>) -> io::Result<Vec<u8>> {
        let _turn = self.turn.lock().await;
        // The value also stops sampling when the client hangs up.
        let _sampling = Sampling::start(self.profiler);
        wait.await;
        tokio::task::block_in_place(|| {
            self.profiler.snapshot();
            let entry = fs::read_dir(&self.folder)?.next();
            let file = entry.ok_or(io::ErrorKind::NotFound)??.path();
            let bytes = fs::read(&file);
            fs::remove_file(&file)?;
            bytes
        })
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // The system cleans its folder of temporary files.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

struct Sampling(Profiler);

impl Sampling {
    fn start(profiler: Profiler) -> Self {
        profiler.start();
        Self(profiler)
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        self.0.stop();
    }
}
