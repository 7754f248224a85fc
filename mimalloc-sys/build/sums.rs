//! Compares a source tree with the committed list of its files.
//!
//! Cargo verifies a package when it unpacks the package, and never again. Nothing
//! else would notice a function that was added to a file since.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Extensions of files that no `#include` of a compiler can mean.
const HARMLESS: &[&str] = &["md", "wprp", "man"];

/// The lines of `<engine>.sha256`: paths with their sums.
#[derive(Debug)]
pub(crate) struct Sums(BTreeMap<String, String>);

impl Sums {
    /// Reads the list at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
        let sums: Option<BTreeMap<_, _>> = text
            .lines()
            .map(|line| line.split_once("  "))
            .map(|line| line.map(|(sum, path)| (path.to_owned(), sum.to_owned())))
            .collect();
        match sums {
            Some(sums) if !sums.is_empty() => Ok(Self(sums)),
            _ => Err(format!("{} is not a list of sums", path.display())),
        }
    }

    /// Names the first way in which `tree` differs from the list. The compiler does
    /// not look at files outside of `include` and `src`.
    pub(crate) fn check(&self, tree: &Path) -> Result<(), String> {
        for part in ["include", "src"] {
            self.check_names(tree, part)?;
        }
        for (path, sum) in &self.0 {
            let file = tree.join(path);
            let is_file = fs::symlink_metadata(&file).is_ok_and(|found| found.is_file());
            if !is_file {
                return Err(format!("{path} is missing or is not a plain file"));
            }
            let bytes = fs::read(&file).map_err(|e| format!("{path} can't be read: {e}"))?;
            if sha256(&bytes) != *sum {
                return Err(format!("{path} differs"));
            }
        }
        Ok(())
    }

    /// Fails when a directory holds a file that the list lacks: the compiler would
    /// find a further header before the system's. Links aren't followed: their
    /// targets may change, or lead back.
    fn check_names(&self, tree: &Path, dir: &str) -> Result<(), String> {
        let unreadable = |e: std::io::Error| format!("{dir} can't be listed: {e}");
        for entry in fs::read_dir(tree.join(dir)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name();
            let path = format!("{dir}/{}", name.to_string_lossy());
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                self.check_names(tree, &path)?;
                continue;
            }
            let extension = Path::new(&name).extension();
            let is_harmless =
                extension.is_some_and(|found| HARMLESS.iter().any(|known| found == *known));
            if !kind.is_file() || !(is_harmless || self.0.contains_key(&path)) {
                return Err(format!("{path} is not in the list"));
            }
        }
        Ok(())
    }
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
    let mut blocks = bytes.chunks_exact(64);
    for block in &mut blocks {
        compress(&mut state, block);
    }
    // The padding is a one bit, zeros, and the length in bits at the end of a block.
    let rest = blocks.remainder();
    let mut last = [0; 128];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    let end = if rest.len() < 56 { 64 } else { 128 };
    let bits = bytes.len() as u64 * 8;
    last[end - 8..end].copy_from_slice(&bits.to_be_bytes());
    for block in last[..end].chunks_exact(64) {
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
