//! Puts C code of this crate around some of upstream's files. Upstream's files
//! stay as they are: `src/static.c` includes all of them, and the compiler gets a
//! copy of `static.c` in which fragments stand in the place of some includes. The
//! fragments are in `patches/<engine>/`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env;
use crate::inlined::Inlined;
use crate::pin::Engine;

#[path = "../src/offsets.rs"]
mod offsets;

/// All patches of an engine.
#[derive(Debug)]
pub(crate) struct Patches {
    /// `MI_MALLOC_VERSION` of the source that the patches were written for. The
    /// build script refuses another version, however well the patches compile.
    pub(crate) version: u32,
    /// C code before all of upstream's files.
    prologue: &'static str,
    files: &'static [Patch],
    /// C code that checks upstream's types against `src/inline_alloc.rs`, on an
    /// engine with inlined allocation.
    pub(crate) inline_alloc: Option<&'static str>,
}

/// A fragment that takes the place of an include.
#[derive(Debug)]
struct Patch {
    /// Upstream's file, as `static.c` includes it.
    file: &'static str,
    /// C code that includes the file.
    fragment: &'static str,
    /// The fault that the patch corrects.
    reason: &'static str,
}

impl Patches {
    /// Returns each patched file, with the fault that the patch corrects.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.files.iter().map(|patch| (patch.file, patch.reason))
    }

    /// Returns the patches of `engine`.
    pub(crate) fn of(engine: Engine) -> &'static Self {
        match engine {
            Engine::V2 => &V2,
            Engine::V3 => &V3,
        }
    }
}

const V3: Patches = Patches {
    version: 30602,
    prologue: include_str!("patches/v3/prologue.h"),
    files: &[
        Patch {
            file: "util/threadlocal.c",
            fragment: include_str!("patches/v3/threadlocal.c"),
            reason: "lack of memory is reported as corruption, and a lock is destroyed in use",
        },
        Patch {
            file: "arena/arena-page.c",
            fragment: include_str!("patches/v3/arena-page.c"),
            reason: "a hook runs under the lock of a heap's pages, and each heap zeroes 130 KB",
        },
        Patch {
            file: "alloc/alloc.c",
            fragment: include_str!("patches/v3/alloc.c"),
            reason: "an overflow in the bytes before a canary is reported as a double free",
        },
        Patch {
            file: "alloc/alloc-generic.c",
            fragment: include_str!("patches/v3/alloc-generic.c"),
            reason: "full pages leave their theap, so that a heap can't be reset in place",
        },
        Patch {
            file: "heap/subproc.c",
            fragment: include_str!("patches/v3/subproc.c"),
            reason: "a deferred-free hook runs under the lock of the metadata",
        },
        Patch {
            file: "heap/heap.c",
            fragment: concat!(
                include_str!("patches/v3/heap.c"),
                include_str!("patches/v3/reset.c")
            ),
            reason: "a thread without memory crashes, and a thread at its end gets no theap",
        },
        Patch {
            file: "heap/process.c",
            fragment: include_str!("patches/v3/process.c"),
            reason: "nothing tells that a thread's theaps are about to be freed",
        },
        Patch {
            file: "profile/sample-profile.c",
            fragment: include_str!("patches/v3/sample-profile.c"),
            reason: "sampled blocks that end with their heap count as used for ever",
        },
    ],
    inline_alloc: Some(include_str!("patches/v3/inline_alloc.h")),
};

const V2: Patches = Patches {
    version: 20502,
    prologue: "",
    files: &[
        Patch {
            file: "heap.c",
            fragment: concat!(
                include_str!("patches/v2/heap.c"),
                include_str!("patches/v2/reset.c")
            ),
            reason: "the end of a thread frees heaps that have an owner",
        },
        Patch {
            file: "page.c",
            fragment: include_str!("patches/v2/page.c"),
            reason: "allocation in a dead heap goes to the default heap",
        },
    ],
    inline_alloc: None,
};

/// The text of `static.c`, with the patches to apply to it.
#[derive(Debug)]
pub(crate) struct TranslationUnit {
    text: String,
    patches: Option<&'static Patches>,
    /// C code behind all of upstream's files.
    epilogue: String,
}

impl TranslationUnit {
    /// Reads the `static.c` of the tree at `source`.
    pub(crate) fn read(
        source: &Path,
        patches: Option<&'static Patches>,
        inlined: Inlined,
    ) -> Result<Self, String> {
        let path = source.join("src").join("static.c");
        let text =
            fs::read_to_string(&path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
        let files = patches.map_or(&[][..], |patches| patches.files);
        let is_missing = |patch: &&Patch| !text.lines().any(|l| included(l) == Some(patch.file));
        if let Some(patch) = files.iter().find(is_missing) {
            return Err(format!(
                "{} does not include {}, which build/patches.rs patches ({}).\nRun `cargo xtask \
                 vendor`. After a bump, check whether the patch is still needed.",
                path.display(),
                patch.file,
                patch.reason
            ));
        }
        let checks = patches.and_then(|patches| patches.inline_alloc);
        let checks = checks.filter(|_| inlined != Inlined::Nothing);
        let reads_default = inlined == Inlined::AllocInDefault;
        let epilogue = checks.map(|checks| with_offsets(checks, reads_default));
        Ok(Self {
            text,
            patches,
            epilogue: epilogue.unwrap_or_default(),
        })
    }

    /// Writes the patched file into the build's own directory, with the includes
    /// that `keep` accepts.
    pub(crate) fn write(&self, name: &str, keep: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
        let mut text = String::with_capacity(self.text.len() + 16384);
        let mut prologue = self.patches.map(|patches| patches.prologue);
        for (line, number) in self.text.lines().zip(1..) {
            let file = included(line);
            if let Some(code) = prologue.filter(|_| file.is_some()) {
                text += &format!("{code}#line {number}\n");
                prologue = None;
            }
            let patch = self.patches.and_then(|patches| {
                let mut patches = patches.files.iter();
                patches.find(|patch| file == Some(patch.file))
            });
            match (file, patch) {
                // An empty line, so that messages name the right line.
                (Some(file), _) if !keep(file) => {}
                (_, Some(patch)) => text += &format!("{}#line {number}\n", patch.fragment),
                (_, None) => text += line,
            }
            text.push('\n');
        }
        text += &self.epilogue;
        let path = env::cargo_path("OUT_DIR").join(name);
        fs::write(&path, text).map_err(|e| format!("can't write {}: {e}", path.display()))?;
        Ok(path)
    }
}

/// Defines the offsets that `checks` compares.
fn with_offsets(checks: &str, reads_default: bool) -> String {
    format!(
        "#define MIMALLOC_SYS_THEAP_PAGES {}\n#define MIMALLOC_SYS_PAGE_FREE {}\n\
         #define MIMALLOC_SYS_PAGE_USED {}\n#define MIMALLOC_SYS_PAGE_FREE_IS_ZERO {}\n\
         #define MIMALLOC_SYS_DEFAULT_THEAP {}\n{checks}",
        offsets::THEAP_PAGES,
        offsets::PAGE_FREE,
        offsets::PAGE_USED,
        offsets::PAGE_FREE_IS_ZERO,
        u8::from(reads_default)
    )
}

/// Returns the C file that a line includes.
fn included(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("#include \"")?;
    let (file, _) = rest.split_once('"')?;
    file.ends_with(".c").then_some(file)
}
