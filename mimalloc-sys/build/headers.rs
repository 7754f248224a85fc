//! What the C headers say, read as text: nothing is compiled and nothing is
//! run, so it works the same for cross builds and for system libraries.

use std::fs;
use std::path::{Path, PathBuf};

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

    fn of(major: u32) -> Option<Self> {
        match major {
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }
}

/// `MI_MALLOC_VERSION`. Up to 2.2 it was written with one digit each for minor
/// and patch (209 is 2.0.9), later with two (20502 is 2.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) u32);

impl Version {
    /// Major, minor, patch, whatever the number of digits.
    pub(crate) fn parts(self) -> (u32, u32, u32) {
        let base = if self.0 < 10_000 { 10 } else { 100 };
        (self.0 / (base * base), self.0 / base % base, self.0 % base)
    }
}

impl core::fmt::Display for Version {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (major, minor, patch) = self.parts();
        write!(f, "{major}.{minor}.{patch}")
    }
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
        let engine = Engine::of(version.parts().0).ok_or_else(|| {
            format!(
                "{} is of mimalloc {version}, but only 2.x (from 2.0.9) and 3.x are supported",
                main.display()
            )
        })?;
        if engine == Engine::V2 && version.parts() < (2, 0, 9) {
            return Err(format!(
                "{} is of mimalloc {version}, but 2.0.9 is the oldest that is supported",
                main.display()
            ));
        }
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
        self.text.match_indices(function).any(|(at, _)| {
            let before = self.text[..at].chars().next_back();
            let after = self.text[at + function.len()..].trim_start();
            !before.is_some_and(is_word) && after.starts_with('(')
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
