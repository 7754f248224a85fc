//! Says what is pinned of upstream: the engines, the package that carries the source
//! of each, and the sums of its files. `xtask` and the tests of this script include
//! the file as well, so it has no dependencies.
//!
//! Cargo verifies a package when it unpacks the package, and never again. Nothing
//! but the sums would notice a function that was added to a file since.

use core::fmt::{self, Write as _};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "../src/version.rs"]
mod version;

pub(crate) use version::Parts;

/// A line of mimalloc's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    V3,
    V2,
}

impl Engine {
    /// Every engine, default first.
    pub(crate) const ALL: [Self; 2] = [Self::V3, Self::V2];

    /// Returns the name used in cfgs, files, directories and link metadata.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
        }
    }

    /// Returns the oldest version that these crates take.
    pub(crate) fn oldest(self) -> Parts {
        match self {
            Self::V3 => version::OLDEST_V3,
            Self::V2 => version::OLDEST_V2,
        }
    }

    /// Returns the engine of a version, if these crates take the version.
    pub(crate) fn of(version: Version) -> Option<Self> {
        let parts = version.parts();
        let fits = |oldest: Parts| parts.0 == oldest.0 && parts >= oldest;
        Self::ALL.into_iter().find(|engine| fits(engine.oldest()))
    }

    /// Names the versions that these crates take.
    pub(crate) fn supported() -> String {
        let [v3, v2] = Self::ALL.map(|engine| {
            let (major, minor, patch) = engine.oldest();
            format!("{major}.x from {major}.{minor}.{patch} on")
        });
        format!("{v2} and {v3}")
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value of `MI_MALLOC_VERSION`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) u32);

impl Version {
    /// Returns major, minor and patch, whatever the number of digits.
    pub(crate) fn parts(self) -> Parts {
        version::parts(self.0)
    }

    /// Reads the version out of the text of `mimalloc.h`.
    pub(crate) fn of_header(text: &str) -> Option<Self> {
        let number = text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let define = (words.next(), words.next());
            let number = words.next()?;
            (define == (Some("#define"), Some("MI_MALLOC_VERSION"))).then_some(number)
        });
        number?.parse().ok().map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.parts();
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The table of an engine in `upstream.toml`. The file belongs to this crate and is
/// flat, so it needs no TOML parser.
#[derive(Debug)]
pub(crate) struct Pin(String);

impl Pin {
    /// Reads the table of `engine` in the directory `vendor`.
    pub(crate) fn read(vendor: &Path, engine: Engine) -> Result<Self, String> {
        let text = read(&vendor.join("upstream.toml"))?;
        let head = format!("[{engine}]");
        let lines = text.lines().skip_while(|line| *line != head).skip(1);
        let lines = lines.take_while(|line| !line.starts_with('['));
        Ok(Self(lines.map(|line| format!("{line}\n")).collect()))
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Result<&str, String> {
        let mut pairs = self.0.lines().filter_map(|line| line.split_once(" = "));
        let value = pairs.find_map(|(found, value)| (found == key).then_some(value));
        let value = value.map(|value| value.trim().trim_matches('"'));
        value.ok_or_else(|| format!("upstream.toml lacks `{key}`"))
    }

    /// Returns the package that carries the source, if one does. The version is the
    /// one on which the manifest above `vendor` depends.
    pub(crate) fn carrier(&self, vendor: &Path) -> Result<Carrier, String> {
        let [package, path] = [self.get("carrier")?, self.get("path")?].map(str::to_owned);
        let manifest = read(&vendor.with_file_name("Cargo.toml"))?;
        // As a line, or as the table that `cargo vendor` makes of the line.
        let (line, table) = (format!("{package} = {{"), format!(".{package}]"));
        let is_its = |found: &&str| found.starts_with(&line) || found.ends_with(&table);
        let mut lines = manifest.lines().skip_while(|found| !is_its(found)).take(2);
        let version = lines.find_map(|line| line.split_once("version = \"="));
        let version = version.and_then(|(_, rest)| rest.split('"').next());
        let version =
            version.ok_or_else(|| format!("Cargo.toml has no exact version of {package}"));
        Ok(Carrier {
            version: version?.to_owned(),
            package,
            path,
        })
    }
}

/// A package on crates.io that contains upstream's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carrier {
    pub(crate) package: String,
    pub(crate) version: String,
    /// The source's path inside the package.
    pub(crate) path: String,
}

impl Carrier {
    /// Returns the name of a directory that holds this version.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}", self.package, self.version)
    }

    /// Has cargo find the carrier from the directory `cwd`, by a package in `scratch`
    /// that depends on the carrier alone. Unless `offline`, cargo downloads what is
    /// missing. Returns the source in the carrier.
    pub(crate) fn ask_cargo(
        &self,
        scratch: &Path,
        cwd: &Path,
        offline: bool,
    ) -> Result<PathBuf, String> {
        let manifest = scratch.join("Cargo.toml");
        let text = format!(
            "[package]\nname = \"mimalloc-source\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
             [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n[dependencies]\n\
             {} = {{ version = \"={}\", default-features = false }}\n",
            self.package, self.version
        );
        fs::create_dir_all(scratch)
            .and_then(|()| fs::write(scratch.join("lib.rs"), ""))
            .and_then(|()| fs::write(&manifest, text))
            .map_err(|e| format!("can't write {}: {e}", manifest.display()))?;
        let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let out = Command::new(program)
            .current_dir(cwd)
            .args(["metadata", "--format-version", "1", "--manifest-path"])
            .arg(&manifest)
            .args(offline.then_some("--offline"))
            .output()
            .map_err(|e| format!("can't run cargo: {e}"))?;
        if !out.status.success() {
            let stderr = String::from_utf8_lossy(&out.stderr);
            return Err(format!(
                "Cargo could not provide {}:\n{}",
                self.name(),
                stderr.trim()
            ));
        }
        // Package metadata may contain the key as well; a wrong path holds no tree.
        String::from_utf8_lossy(&out.stdout)
            .split("\"manifest_path\":\"")
            .skip(1)
            .filter_map(|rest| Some(PathBuf::from(json_string(rest)).parent()?.to_owned()))
            .map(|dir| dir.join(&self.path))
            .find(|dir| is_tree(dir))
            .ok_or_else(|| format!("The package {} has no {}.", self.name(), self.path))
    }
}

/// Reads a JSON string up to its closing quote. Of the escapes, those of quotes and
/// backslashes occur in paths.
fn json_string(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// Returns whether a directory looks like a source tree.
pub(crate) fn is_tree(dir: &Path) -> bool {
    dir.join("src/static.c").is_file() && dir.join("include/mimalloc.h").is_file()
}

/// Reads a text file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("can't read {}: {e}", path.display()))
}

/// The SHA-256 of each file of a tree, by path. The list `<engine>.sha256` has a file
/// a line, as `sha256sum` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sums(pub(crate) BTreeMap<String, String>);

impl Sums {
    /// Reads the list of `engine` in the directory `vendor`.
    pub(crate) fn read(vendor: &Path, engine: Engine) -> Result<Self, String> {
        let path = vendor.join(format!("{engine}.sha256"));
        let sums: Option<BTreeMap<_, _>> = read(&path)?.lines().map(parse_sum).collect();
        match sums {
            Some(sums) if !sums.is_empty() => Ok(Self(sums)),
            _ => Err(format!("{} is not a list of sums", path.display())),
        }
    }

    /// Sums up the files below `tree` for which `is_wanted` returns true. The function
    /// gets a path, and whether that is a plain file. Any other wanted thing is an
    /// error: the target of a link may change or lead back, and a pipe may never end.
    pub(crate) fn of(tree: &Path, is_wanted: fn(&str, bool) -> bool) -> Result<Self, String> {
        let mut sums = BTreeMap::new();
        let mut queue = vec![String::new()];
        while let Some(below) = queue.pop() {
            let unlisted = |e: std::io::Error| format!("{below} can't be listed: {e}");
            for entry in fs::read_dir(tree.join(&below)).map_err(unlisted)? {
                let entry = entry.map_err(unlisted)?;
                let path = format!("{below}{}", entry.file_name().to_string_lossy());
                let kind = entry.file_type().map_err(unlisted)?;
                if kind.is_dir() {
                    queue.push(path + "/");
                } else if is_wanted(&path, kind.is_file()) {
                    if !kind.is_file() {
                        return Err(format!("{path} is neither a file nor a directory"));
                    }
                    let bytes = fs::read(entry.path());
                    let bytes = bytes.map_err(|e| format!("{path} can't be read: {e}"))?;
                    sums.insert(path, sha256(&bytes));
                }
            }
        }
        Ok(Self(sums))
    }

    /// Names each difference between this list and the sums of a tree, sorted by path.
    pub(crate) fn compare(&self, found: &Self) -> Vec<String> {
        let mut differences = BTreeMap::new();
        for path in self.0.keys().chain(found.0.keys()) {
            let what = match (self.0.get(path), found.0.get(path)) {
                (Some(_), None) => "is missing",
                (None, Some(_)) => "is not in the list",
                (listed, is) if listed != is => "differs",
                _ => continue,
            };
            differences.insert(path, format!("{path} {what}"));
        }
        differences.into_values().collect()
    }
}

/// Reads a line of a list. Paths lead nowhere but into the tree.
fn parse_sum(line: &str) -> Option<(String, String)> {
    let (sum, path) = line.split_once("  ")?;
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_inside = path.split('/').all(|part| !part.is_empty() && part != "..");
    (is_sum && is_inside).then(|| (path.to_owned(), sum.to_owned()))
}

#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// Returns the SHA-256 of `bytes` in hexadecimal digits (FIPS 180-4).
///
/// Cargo compiles build scripts without optimisation. Plain loops over local words,
/// and shifts instead of calls of `rotate_right`, take about 25 ms for the 1.4 MB of
/// engine v3.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut state = [
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
        0x5be0cd19,
    ];
    // The padding is a one bit, zeros, and the length in bits at the end of a block.
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend((bytes.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        compress(&mut state, block);
    }
    state.iter().fold(String::new(), |mut text, word| {
        // Writing to a string doesn't fail.
        let _ = write!(text, "{word:08x}");
        text
    })
}

/// Mixes a block of 64 bytes into the state.
#[allow(clippy::manual_rotate, clippy::precedence)]
fn compress(state: &mut [u32; 8], block: &[u8]) {
    let mut w = [0_u32; 64];
    let mut i = 0;
    while i < 16 {
        let at = 4 * i;
        w[i] = u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        i += 1;
    }
    while i < 64 {
        let (x, y) = (w[i - 15], w[i - 2]);
        let s0 = (x >> 7 | x << 25) ^ (x >> 18 | x << 14) ^ (x >> 3);
        let s1 = (y >> 17 | y << 15) ^ (y >> 19 | y << 13) ^ (y >> 10);
        w[i] = w[i - 16]
            .wrapping_add(s0)
            .wrapping_add(w[i - 7])
            .wrapping_add(s1);
        i += 1;
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    i = 0;
    while i < 64 {
        let s1 = (e >> 6 | e << 26) ^ (e >> 11 | e << 21) ^ (e >> 25 | e << 7);
        let t1 = h
            .wrapping_add(s1)
            .wrapping_add(g ^ (e & (f ^ g)))
            .wrapping_add(K[i])
            .wrapping_add(w[i]);
        let s0 = (a >> 2 | a << 30) ^ (a >> 13 | a << 19) ^ (a >> 22 | a << 10);
        let t2 = s0.wrapping_add((a & b) ^ (c & (a ^ b)));
        h = g;
        g = f;
        f = e;
        e = d.wrapping_add(t1);
        d = c;
        c = b;
        b = a;
        a = t1.wrapping_add(t2);
        i += 1;
    }
    for (word, more) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(more);
    }
}
