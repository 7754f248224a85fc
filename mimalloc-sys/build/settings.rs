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
#[derive(Clone, Copy, Debug, Default)]
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
        let profile = has_profiler(engine);
        Self {
            profile,
            ..Self::default()
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
        let is_tracked = env::feature("valgrind") || env::feature("asan");
        Ok(Self {
            debug,
            secure,
            padding: env::feature("padding") || is_tracked || debug > 0 || secure >= pads_from,
            guarded: env::feature("guarded"),
            profile: has_profiler(engine) && !env::feature("no-profile"),
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
    let mut levels = (1..=5).rev();
    let asked = levels.find(|level| env::feature(&format!("secure-{level}")));
    asked.unwrap_or(0)
}

/// Returns the level of checks. Cargo tells a build script nothing true about
/// `debug-assertions` (`CARGO_CFG_DEBUG_ASSERTIONS` does not follow the profile,
/// and `PROFILE` is `release` for every profile that inherits from release). Cargo
/// compiles the script itself with the profile's setting.
fn debug_level() -> Result<u8, String> {
    let veto = env::switch("MIMALLOC_SYS_NO_DEBUG")? == Some(true) || env::feature("no-debug");
    Ok(if veto || !cfg!(debug_assertions) {
        0
    } else if env::feature("debug-full") {
        3
    } else {
        u8::from(env::feature("debug"))
    })
}
