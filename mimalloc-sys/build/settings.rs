//! Turns features into the values of upstream's switches.

use crate::env;
use crate::pin::Engine;

/// Upstream's names of the settings below.
const DECIDED: &[&str] = &[
    "MI_DEBUG",
    "MI_SECURE",
    "MI_PADDING",
    "MI_GUARDED",
    "MI_PROFILE",
];

/// The values of upstream's switches, for the compiler and for dependents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) debug: u8,
    pub(crate) secure: u8,
    pub(crate) padding: bool,
    pub(crate) guarded: bool,
    pub(crate) profile: bool,
}

impl Settings {
    /// Returns whether blocks are neither padded, encoded nor checked.
    pub(crate) fn is_plain(self) -> bool {
        self.debug == 0 && self.secure == 0 && !self.padding && !self.guarded
    }

    /// Returns what to expect of a system library. No header tells how the library
    /// was compiled.
    pub(crate) fn of_system(engine: Engine) -> Self {
        Self {
            debug: 0,
            secure: 0,
            padding: false,
            guarded: false,
            profile: has_profiler(engine),
        }
    }

    /// Returns the settings that the features ask for.
    pub(crate) fn from_features(engine: Engine) -> Result<Self, String> {
        refuse_flags()?;
        let secure = secure_level();
        let asked = debug_level()?;
        // Upstream pads by itself from a level on (types.h), and dependents need to
        // know the outcome.
        let (debug, pads_from) = match engine {
            // 2.5.2's check of a segment (segment.c:328, level 3 only) forgets the
            // guard slices of secure builds, and fails at the first free.
            Engine::V2 if secure > 0 => (asked.min(2), 3),
            Engine::V2 => (asked, 3),
            Engine::V3 => (asked, 4),
        };
        let is_tracked = cfg!(feature = "valgrind") || cfg!(feature = "asan");
        Ok(Self {
            debug,
            secure,
            padding: cfg!(feature = "padding") || is_tracked || debug > 0 || secure >= pads_from,
            guarded: cfg!(feature = "guarded"),
            profile: has_profiler(engine) && !cfg!(feature = "no-profile"),
        })
    }
}

/// Fails when the user's flags for the C compiler set what a feature decides. The flags
/// would win, take hardening away, and make what dependents are told wrong.
fn refuse_flags() -> Result<(), String> {
    let flags = env::c_flags().replace("-D ", "-D").replace("-U ", "-U");
    let mut names = flags.split_whitespace().filter_map(|flag| {
        let define = flag.strip_prefix(['-', '/'])?.strip_prefix(['D', 'U'])?;
        define.split('=').next()
    });
    match names.find(|name| DECIDED.contains(name)) {
        Some(name) => Err(format!(
            "the flags for the C compiler set `{name}`, which a feature decides.\nRemove it from \
             CFLAGS, and choose the feature instead."
        )),
        None => Ok(()),
    }
}

fn has_profiler(engine: Engine) -> bool {
    match engine {
        Engine::V2 => false,
        Engine::V3 => true,
    }
}

/// Returns the highest level that a feature asks for, as features add up.
fn secure_level() -> u8 {
    let levels = [
        (5, cfg!(feature = "secure-5")),
        (4, cfg!(feature = "secure-4")),
        (3, cfg!(feature = "secure-3")),
        (2, cfg!(feature = "secure-2")),
        (1, cfg!(feature = "secure-1")),
    ];
    let asked = levels.into_iter().find(|(_, is_asked)| *is_asked);
    asked.map_or(0, |(level, _)| level)
}

/// Returns the level of checks. Cargo tells a build script nothing true about
/// `debug-assertions` (`CARGO_CFG_DEBUG_ASSERTIONS` does not follow the profile,
/// and `PROFILE` is `release` for every profile that inherits from release). Cargo
/// compiles the script itself with the profile's setting.
fn debug_level() -> Result<u8, String> {
    let veto = env::switch("MIMALLOC_SYS_NO_DEBUG")? == Some(true) || cfg!(feature = "no-debug");
    Ok(if veto || !cfg!(debug_assertions) {
        0
    } else if cfg!(feature = "debug-full") {
        3
    } else {
        u8::from(cfg!(feature = "debug"))
    })
}
