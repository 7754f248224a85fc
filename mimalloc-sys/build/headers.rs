//! Reads the C headers as text. The script compiles and runs nothing for that, so
//! cross builds and system libraries work alike.

use std::path::{Path, PathBuf};

use crate::pin::{Engine, Version, read};

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
        let mut text = without_comments(&read(&main)?);
        let version = Version::of_header(&text)
            .ok_or_else(|| format!("{} defines no MI_MALLOC_VERSION", main.display()))?;
        let engine = Engine::of(version).ok_or_else(|| {
            format!(
                "{} is of mimalloc {version}, but only {} are supported.\nTake one of those, or \
                 compile the vendored source: without the feature `system`, \
                 MIMALLOC_SYS_NO_VENDOR and MIMALLOC_SYS_SOURCE_DIR.",
                main.display(),
                Engine::supported(),
            )
        })?;
        for more in ["mimalloc-stats.h", "mimalloc-profile.h"] {
            if let Ok(more) = read(&dir.join(more)) {
                text.push('\n');
                text.push_str(&without_comments(&more));
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            version,
            engine,
            text,
        })
    }

    /// Returns whether a function is declared or defined inline.
    pub(crate) fn declares(&self, function: &str) -> bool {
        self.parameters(function).is_some()
    }

    /// Returns the number of a declared function's parameters. A use of the
    /// function, as in a macro, has as many arguments.
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

    /// Returns the names (without `mi_option_`) and numbers of `mi_option_e`.
    pub(crate) fn options(&self) -> Vec<(String, i64)> {
        let body = self
            .text
            .split_once("enum mi_option_e")
            .and_then(|(_, rest)| rest.split_once('{'))
            .and_then(|(_, rest)| rest.split_once('}'))
            .map_or("", |(body, _)| body);
        let mut options: Vec<(String, i64)> = Vec::new();
        let mut next = 0;
        let items = body.split(',').map(str::trim);
        for item in items.filter(|item| !item.is_empty()) {
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

/// Counts the items up to the closing parenthesis, by their commas.
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

/// Removes the comments from C code. No string in the headers contains `//` or
/// `/*`.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("//").into_iter().chain(rest.find("/*")).min() {
        out.push_str(&rest[..at]);
        let comment = &rest[at..];
        // The line break stays, so that `#define` lines stay apart.
        let (end, length) = if comment.starts_with("//") {
            ("\n", 0)
        } else {
            ("*/", 2)
        };
        rest = comment.find(end).map_or("", |at| &comment[at + length..]);
        out.push(' ');
    }
    out.push_str(rest);
    out
}
