//! What the C headers say, read as text: nothing is compiled and nothing is
//! run, so it works the same for cross builds and for system libraries.

use std::fs;
use std::path::{Path, PathBuf};

use crate::version::{self, Parts};

/// Which line of mimalloc a library is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    V2,
    V3,
}

impl Engine {
    /// The name used in cfgs, directories and link metadata.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }

    /// The engine that a version is of, if these crates take it.
    fn of(version: Version) -> Option<Self> {
        let engine = match version.parts().0 {
            2 => Self::V2,
            3 => Self::V3,
            _ => return None,
        };
        (version.parts() >= engine.oldest()).then_some(engine)
    }

    fn oldest(self) -> Parts {
        match self {
            Self::V2 => version::OLDEST_V2,
            Self::V3 => version::OLDEST_V3,
        }
    }
}

/// `MI_MALLOC_VERSION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) u32);

impl Version {
    /// Major, minor, patch, whatever the number of digits.
    pub(crate) fn parts(self) -> Parts {
        version::parts(self.0)
    }
}

impl core::fmt::Display for Version {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        dotted(self.parts()).fmt(f)
    }
}

fn dotted((major, minor, patch): Parts) -> String {
    format!("{major}.{minor}.{patch}")
}

/// The public headers of one mimalloc, without comments.
#[derive(Debug)]
pub(crate) struct Headers {
    pub(crate) dir: PathBuf,
    pub(crate) version: Version,
    pub(crate) engine: Engine,
    text: String,
}

impl Headers {
    /// Reads the headers in `dir`. Only `mimalloc.h` must exist: the other two
    /// came with later versions.
    pub(crate) fn read(dir: &Path) -> Result<Self, String> {
        let main = dir.join("mimalloc.h");
        let text = fs::read_to_string(&main)
            .map_err(|e| format!("can't read the header {}: {e}", main.display()))?;
        let mut text = without_comments(&text);
        let version = text
            .lines()
            .find_map(|line| {
                let mut words = line.split_whitespace();
                let define =
                    (words.next(), words.next()) == (Some("#define"), Some("MI_MALLOC_VERSION"));
                if define {
                    words.next()?.parse().ok()
                } else {
                    None
                }
            })
            .map(Version)
            .ok_or_else(|| format!("{} defines no MI_MALLOC_VERSION", main.display()))?;
        let engine = Engine::of(version).ok_or_else(|| {
            format!(
                "{} is of mimalloc {version}, but only 2.x from {} on and 3.x from {} on are \
                 supported.\nTake one of those, or compile the vendored source: without the \
                 feature `system`, MIMALLOC_SYS_NO_VENDOR and MIMALLOC_SYS_SOURCE_DIR.",
                main.display(),
                dotted(Engine::V2.oldest()),
                dotted(Engine::V3.oldest()),
            )
        })?;
        for more in ["mimalloc-stats.h", "mimalloc-profile.h"] {
            if let Ok(more) = fs::read_to_string(dir.join(more)) {
                text.push('\n');
                text.push_str(&without_comments(&more));
            }
        }
        let dir = dir.to_owned();
        Ok(Self {
            dir,
            version,
            engine,
            text,
        })
    }

    /// Whether a function is declared (or defined inline).
    pub(crate) fn declares(&self, function: &str) -> bool {
        self.parameters(function).is_some()
    }

    /// How many parameters a declared function has. Uses of a function, as in
    /// macros, have as many.
    pub(crate) fn parameters(&self, function: &str) -> Option<usize> {
        self.text.match_indices(function).find_map(|(at, _)| {
            let before = self.text[..at].chars().next_back();
            let after = self.text[at + function.len()..].trim_start();
            if before.is_some_and(is_word) {
                return None;
            }
            Some(count(after.strip_prefix('(')?))
        })
    }

    /// The numbers of `mi_option_e`, names without `mi_option_`.
    pub(crate) fn options(&self) -> Vec<(String, i64)> {
        let body = self
            .text
            .split_once("enum mi_option_e")
            .and_then(|(_, rest)| rest.split_once('{'))
            .and_then(|(_, rest)| rest.split_once('}'))
            .map_or("", |(body, _)| body);
        let mut options: Vec<(String, i64)> = Vec::new();
        let mut next = 0;
        for item in body
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            let name = name.trim().trim_start_matches("mi_option_").to_owned();
            let value = value.trim().trim_start_matches("mi_option_");
            let alias = options.iter().find(|(other, _)| other == value);
            let number = alias
                .map(|(_, n)| *n)
                .or_else(|| value.parse().ok())
                .unwrap_or(next);
            next = number + 1;
            options.push((name, number));
        }
        options.retain(|(name, _)| !name.starts_with('_'));
        options
    }
}

/// The number of things between here and the closing parenthesis, by commas.
fn count(list: &str) -> usize {
    let mut depth = 0;
    let end = list.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    });
    let list = list[..end.unwrap_or(list.len())].trim();
    if list.is_empty() || list == "void" {
        return 0;
    }
    let commas = list.chars().filter(|&c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        // One parenthesis was closed above.
        c == ',' && depth == -1
    });
    commas.count() + 1
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// C without comments. The headers hold no string with `//` or `/*` in it.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//").into_iter().chain(rest.find("/*")).min() {
        out.push_str(&rest[..at]);
        let comment = &rest[at..];
        let end = if comment.starts_with("//") {
            "\n"
        } else {
            "*/"
        };
        // Keep the line break, so that `#define` lines stay apart.
        rest = comment.find(end).map_or("", |len| {
            &comment[len + if end == "\n" { 0 } else { end.len() }..]
        });
        out.push(' ');
    }
    out.push_str(rest);
    out
}
