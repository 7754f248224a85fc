//! Completes what upstream leaves out of its profiles on Linux.
//!
//! A profile lists the mappings of the process, so that `pprof` can turn
//! addresses into places in files. Upstream leaves out the file offsets of the
//! mappings, and `pprof` takes the offsets for 0. In position-independent
//! programs, which Rust's are, `pprof` then shows the names of other functions.
//! This module reads each file back once and adds the offsets, from the same
//! source as upstream's other values.
//!
//! Only files of this process are touched: the addresses must be those of its
//! own mappings. Whatever can't be read or understood stays as it is.

#[allow(unused_imports, reason = "`completed` is for the standard library")]
pub(super) use imp::{Files, completed};

#[cfg(all(feature = "std", any(target_os = "linux", target_os = "android")))]
mod imp {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::boxed::Box;
    use std::ffi::{OsStr, OsString};
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;
    use std::vec::Vec;

    /// The files that a profiler writes.
    #[derive(Debug)]
    pub(crate) struct Files {
        base: OsString,
        /// Files up to this number are complete.
        complete: AtomicUsize,
    }

    impl Files {
        /// Files that are looked after for as long as the process lives, as the
        /// profiler is.
        pub(crate) fn leaked(base: &[u8]) -> Option<&'static Self> {
            let base: &OsStr = OsStrExt::from_bytes(base);
            Some(Box::leak(Box::new(Self {
                base: base.to_os_string(),
                complete: AtomicUsize::new(0),
            })))
        }

        /// Completes all files. Threads that do so at once do part of the work
        /// twice, with the same outcome.
        pub(crate) fn complete(&self) {
            let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
                return;
            };
            let maps = mappings(&maps);
            let mut number = self.complete.load(Ordering::Relaxed);
            while let Ok(profile) = fs::read(self.file(number + 1)) {
                if let Some(profile) = with_offsets(&profile, &maps) {
                    // Best effort, as upstream's own writing is.
                    let _ = fs::write(self.file(number + 1), profile);
                }
                number += 1;
            }
            // The last may be one of an earlier run, still to be written over.
            self.complete
                .fetch_max(number.saturating_sub(1), Ordering::Relaxed);
        }

        fn file(&self, number: usize) -> PathBuf {
            let mut name = self.base.clone();
            name.push(std::format!(".{number:04}.pb"));
            PathBuf::from(name)
        }
    }

    /// Returns the profile with all offsets, or `None` if it was cut short.
    pub(crate) fn completed(profile: Vec<u8>) -> Option<Vec<u8>> {
        let mut fields = Fields(&profile);
        while !fields.0.is_empty() {
            fields.next()?;
        }
        let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
            return Some(profile);
        };
        Some(with_offsets(&profile, &mappings(&maps)).unwrap_or(profile))
    }

    /// A line of `/proc/self/maps`.
    struct Mapping {
        start: u64,
        end: u64,
        offset: u64,
    }

    fn mappings(maps: &str) -> Vec<Mapping> {
        let line = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let (start, end) = words.next()?.split_once('-')?;
            let offset = words.nth(1)?;
            let hex = |digits: &str| u64::from_str_radix(digits, 16).ok();
            Some(Mapping {
                start: hex(start)?,
                end: hex(end)?,
                offset: hex(offset)?,
            })
        };
        maps.lines().filter_map(line).collect()
    }

    // Numbers of protocol buffer fields, from pprof's profile.proto.
    const PROFILE_MAPPING: u64 = 3;
    const MAPPING_START: u64 = 2;
    const MAPPING_LIMIT: u64 = 3;
    const MAPPING_OFFSET: u64 = 4;

    /// Returns the profile with offsets, or `None` when nothing is missing.
    fn with_offsets(profile: &[u8], maps: &[Mapping]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(profile.len() + 16 * maps.len());
        let mut known = false;
        let mut fields = Fields(profile);
        while !fields.0.is_empty() {
            let before = fields.0;
            let (number, value) = fields.next()?;
            let raw = &before[..before.len() - fields.0.len()];
            let offset = match (number, value) {
                (PROFILE_MAPPING, Value::Bytes(mapping)) => {
                    offset_of(mapping, maps)?.map(|offset| (mapping, offset))
                }
                _ => None,
            };
            let Some((mapping, offset)) = offset else {
                out.extend_from_slice(raw);
                continue;
            };
            known = true;
            let mut mapping = mapping.to_vec();
            push_varint(&mut mapping, MAPPING_OFFSET << 3);
            push_varint(&mut mapping, offset);
            push_varint(&mut out, PROFILE_MAPPING << 3 | 2);
            push_varint(&mut out, mapping.len() as u64);
            out.extend_from_slice(&mapping);
        }
        known.then_some(out)
    }

    /// The offset that a mapping lacks; the outer `None` when it has one already or
    /// can't be read, the inner when it is none of this process.
    fn offset_of(mapping: &[u8], maps: &[Mapping]) -> Option<Option<u64>> {
        let (mut start, mut end) = (0, 0);
        let mut fields = Fields(mapping);
        while !fields.0.is_empty() {
            match fields.next()? {
                (MAPPING_START, Value::Number(number)) => start = number,
                (MAPPING_LIMIT, Value::Number(number)) => end = number,
                (MAPPING_OFFSET, _) => return None,
                _ => {}
            }
        }
        let same = |known: &&Mapping| known.start == start && known.end == end;
        Some(maps.iter().find(same).map(|known| known.offset))
    }

    /// Iterates over the rest of a protocol buffer message.
    struct Fields<'a>(&'a [u8]);

    enum Value<'a> {
        Number(u64),
        Bytes(&'a [u8]),
    }

    impl<'a> Fields<'a> {
        /// Returns the next field's number and value, or `None` if it can't be
        /// read.
        fn next(&mut self) -> Option<(u64, Value<'a>)> {
            let tag = self.varint()?;
            let value = match tag & 7 {
                0 => Value::Number(self.varint()?),
                2 => {
                    let len = usize::try_from(self.varint()?).ok()?;
                    let (bytes, rest) = self.0.split_at_checked(len)?;
                    self.0 = rest;
                    Value::Bytes(bytes)
                }
                // pprof's messages have no other kinds.
                _ => return None,
            };
            Some((tag >> 3, value))
        }

        fn varint(&mut self) -> Option<u64> {
            let mut number = 0;
            for shift in (0..64).step_by(7) {
                let (&byte, rest) = self.0.split_first()?;
                self.0 = rest;
                number |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    return Some(number);
                }
            }
            None
        }
    }

    fn push_varint(out: &mut Vec<u8>, mut number: u64) {
        while number >= 0x80 {
            out.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const MAPS: &str = "\
            1000-5000 r-xp 00009000 fe:00 7 /bin/x\n\
            not a mapping\n\
            7000-8000 r--p 00000000 fe:00 7 /bin/x\n";

        /// A profile of a sample type, one mapping and a period.
        fn profile(start: u64, end: u64) -> Vec<u8> {
            let mut mapping = Vec::new();
            for (field, value) in [(1, 1), (MAPPING_START, start), (MAPPING_LIMIT, end)] {
                push_varint(&mut mapping, field << 3);
                push_varint(&mut mapping, value);
            }
            let mut profile = std::vec![0x0a, 2, 8, 1, 0x1a, mapping.len() as u8];
            profile.extend(mapping);
            profile.extend([0x60, 0x80, 0x20]);
            profile
        }

        #[test]
        fn own_mappings_get_their_offsets_once() {
            let maps = mappings(MAPS);
            assert_eq!(maps.len(), 2);
            let before = profile(0x1000, 0x5000);
            let after = with_offsets(&before, &maps).unwrap();
            let mut expected = before.clone();
            // One more field, number 4: a tag and 0x9000 in three bytes.
            expected[5] += 4;
            let end = expected.len() - 3;
            expected.splice(end..end, [0x20, 0x80, 0xa0, 0x02]);
            assert_eq!(after, expected);
            assert_eq!(with_offsets(&after, &maps), None);
        }

        #[test]
        fn profiles_that_were_cut_short_are_none() {
            let whole = profile(1, 2);
            assert_eq!(completed(whole.clone()), Some(whole.clone()));
            assert_eq!(completed(whole[..whole.len() - 1].to_vec()), None);
            assert_eq!(completed(whole[..7].to_vec()), None);
        }

        #[test]
        fn foreign_and_broken_profiles_stay_as_they_are() {
            let maps = mappings(MAPS);
            assert_eq!(with_offsets(&profile(0x1000, 0x6000), &maps), None);
            assert_eq!(with_offsets(&[], &maps), None);
            let whole = profile(0x1000, 0x5000);
            for len in 1..whole.len() {
                let cut = with_offsets(&whole[..len], &maps);
                // Between two fields a cut profile is still a profile.
                assert!(cut.is_none() || len == whole.len() - 3, "cut at {len}");
            }
            assert_eq!(with_offsets(&[0x0d, 1, 2, 3, 4], &maps), None);
            assert_eq!(with_offsets(&[0xff; 20], &maps), None);
        }
    }
}

#[cfg(not(all(feature = "std", any(target_os = "linux", target_os = "android"))))]
mod imp {
    /// No files: upstream's profiles are complete, or can't be read back.
    #[derive(Debug)]
    pub(crate) enum Files {}

    impl Files {
        pub(crate) fn leaked(_base: &[u8]) -> Option<&'static Self> {
            None
        }

        pub(crate) fn complete(&self) {
            match *self {}
        }
    }

    /// Returns the profile as it is.
    #[allow(dead_code, reason = "for the standard library")]
    #[allow(clippy::unnecessary_wraps, reason = "other targets look for offsets")]
    pub(crate) fn completed<T>(profile: T) -> Option<T> {
        Some(profile)
    }
}
