//! Finds files, and reads the text in them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::report::{Problem, Skipped};

/// The largest size of a file. Below `/proc` and the like, a file may never
/// end.
const MAX_BYTES: u64 = 256 << 20;

/// The files to index, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Corpus {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) skipped: Skipped,
    pub(crate) problems: Vec<Problem>,
    /// Which of `files` the user named; these come first.
    given: Vec<usize>,
}

/// The content of a file.
#[derive(Debug)]
pub(crate) enum Content<'buffer> {
    Words(&'buffer str),
    /// The file holds no text. `Skipped` has counted it.
    Skipped,
}

/// Returns this workspace, and the C source that the build compiled if the
/// source is elsewhere.
pub(crate) fn default_roots() -> Vec<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A package without its workspace indexes the package.
    let workspace = package
        .parent()
        .filter(|parent| parent.join("mimalloc-sys/vendor/upstream.toml").is_file());
    let mut roots = vec![workspace.unwrap_or(package).to_owned()];
    // The headers of a system library lie in a directory with others.
    let headers = Path::new(mimalloc::ffi::build::INCLUDE_DIR);
    let source = headers.parent().filter(|_| mimalloc::ffi::VENDORED);
    let source = source.filter(|source| !is_inside(source, &roots[0]));
    roots.extend(source.map(Path::to_owned));
    roots
}

/// Returns whether a path is below another, with links resolved.
fn is_inside(path: &Path, root: &Path) -> bool {
    match (path.canonicalize(), root.canonicalize()) {
        (Ok(path), Ok(root)) => path.starts_with(root),
        _ => false,
    }
}

/// Finds all files at and below `roots`. The order is always the same.
pub(crate) fn find(roots: &[PathBuf]) -> Corpus {
    let mut corpus = Corpus::default();
    for root in roots {
        // A root may be a link. An error names a root that can't be reached.
        match fs::metadata(root) {
            Ok(found) if found.is_dir() => corpus.enter(root, true),
            Ok(_) => {
                corpus.given.push(corpus.files.len());
                corpus.files.push(root.clone());
            }
            Err(error) => corpus.problem(root, &error, true),
        }
    }
    corpus
}

impl Corpus {
    /// Adds the files of a directory. A deep tree takes no stack.
    fn enter(&mut self, root: &Path, is_given: bool) {
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            let is_given = is_given && directory == root;
            let mut entries = match entries(&directory) {
                Ok(entries) => entries,
                Err(error) => {
                    self.problem(&directory, &error, is_given);
                    continue;
                }
            };
            entries.sort();
            let first = directories.len();
            for path in entries {
                match fs::symlink_metadata(&path) {
                    Ok(found) if found.is_dir() && is_left_out(&path) => {
                        self.skipped.directories += 1;
                    }
                    Ok(found) if found.is_dir() => directories.push(path),
                    Ok(found) if found.is_file() => self.files.push(path),
                    // Links lead out of the tree or in circles. Devices and
                    // pipes hold no text.
                    Ok(_) => self.skipped.special += 1,
                    Err(error) => self.problem(&path, &error, false),
                }
            }
            // The loop takes the last directory first.
            directories[first..].reverse();
        }
    }

    /// Reads a file into `buffer`, or notes why the file can't be indexed.
    pub(crate) fn read<'buffer>(
        &mut self,
        id: usize,
        buffer: &'buffer mut Vec<u8>,
    ) -> Content<'buffer> {
        let Some(path) = self.files.get(id) else {
            return Content::Skipped;
        };
        if let Err(error) = read_file(path, buffer) {
            let path = path.clone();
            self.problem(&path, &error, self.given.contains(&id));
            return Content::Skipped;
        }
        if buffer.len() as u64 > MAX_BYTES {
            self.skipped.too_large += 1;
            return Content::Skipped;
        }
        match text(buffer) {
            Some(text) => Content::Words(text),
            None => {
                self.skipped.not_text += 1;
                Content::Skipped
            }
        }
    }

    fn problem(&mut self, path: &Path, error: &io::Error, is_given: bool) {
        self.skipped.unreadable += 1;
        self.problems.push(Problem {
            path: path.display().to_string(),
            error: error.to_string(),
            is_given,
        });
    }
}

/// Reads a file, but no more than shows that the file is too large.
pub(crate) fn read_file(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(buffer)?;
    Ok(())
}

/// Returns the bytes as text, or `None` if they are something else.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    // A NUL is valid UTF-8, but marks a binary file.
    core::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

fn is_left_out(directory: &Path) -> bool {
    directory.file_name().is_some_and(|name| name == ".git")
        || directory.join("CACHEDIR.TAG").is_file()
}
