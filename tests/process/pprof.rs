//! Reads a profile as `pprof` does, for the tests of the profiler: protocol
//! buffers, mappings, and the symbols of the program.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use mimalloc::MiMalloc;
use object::{Object, ObjectSegment};
use prost::Message;

#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

/// Runs `test` with a directory for its profiles.
pub(crate) fn in_folder(name: &str, test: impl FnOnce(&Path)) {
    let folder = format!("{name}-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    test(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Allocates with the global allocator, so that samples contain the name of
/// this function.
#[inline(never)]
#[allow(clippy::vec_box, reason = "each is to be a sample of its own")]
pub(crate) fn keep_many_boxes() -> Vec<Box<[u64; 8]>> {
    let boxes = (0..100_000).map(|n| Box::new([n; 8])).collect();
    // Without work after the call, the compiler would turn the call into a
    // jump.
    std::hint::black_box(boxes)
}

/// The messages of pprof's `profile.proto` that mimalloc writes.
mod proto {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Profile {
        #[prost(message, repeated, tag = "1")]
        pub(crate) sample_type: Vec<ValueType>,
        #[prost(message, repeated, tag = "2")]
        pub(crate) sample: Vec<Sample>,
        #[prost(message, repeated, tag = "3")]
        pub(crate) mapping: Vec<Mapping>,
        #[prost(message, repeated, tag = "4")]
        pub(crate) location: Vec<Location>,
        #[prost(string, repeated, tag = "6")]
        pub(crate) string_table: Vec<String>,
        #[prost(int64, tag = "12")]
        pub(crate) period: i64,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct ValueType {
        #[prost(int64, tag = "1")]
        pub(crate) kind: i64,
        #[prost(int64, tag = "2")]
        pub(crate) unit: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Sample {
        #[prost(uint64, repeated, tag = "1")]
        pub(crate) location_id: Vec<u64>,
        #[prost(int64, repeated, tag = "2")]
        pub(crate) value: Vec<i64>,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct Mapping {
        #[prost(uint64, tag = "1")]
        pub(crate) id: u64,
        #[prost(uint64, tag = "2")]
        pub(crate) memory_start: u64,
        #[prost(uint64, tag = "3")]
        pub(crate) memory_limit: u64,
        #[prost(uint64, tag = "4")]
        pub(crate) file_offset: u64,
        #[prost(int64, tag = "5")]
        pub(crate) filename: i64,
    }

    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub(crate) struct Location {
        #[prost(uint64, tag = "1")]
        pub(crate) id: u64,
        #[prost(uint64, tag = "2")]
        pub(crate) mapping_id: u64,
        #[prost(uint64, tag = "3")]
        pub(crate) address: u64,
    }
}

/// A profile and the function names that `pprof` would find.
pub(crate) struct Profile {
    pub(crate) raw: proto::Profile,
    #[allow(dead_code, reason = "not all tests ask")]
    pub(crate) types: Vec<String>,
    names: HashMap<u64, String>,
}

impl Profile {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self::parse(&bytes)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let raw = proto::Profile::decode(bytes).unwrap();
        let string = |index: i64| &raw.string_table[usize::try_from(index).unwrap()];
        let types = raw.sample_type.iter().map(|of| string(of.kind).clone());
        let mappings: HashMap<_, _> = raw.mapping.iter().map(|map| (map.id, map)).collect();
        let mut names = HashMap::new();
        for location in &raw.location {
            let Some(mapping) = mappings.get(&location.mapping_id) else {
                continue;
            };
            assert!(mapping.memory_start <= location.address);
            assert!(location.address < mapping.memory_limit);
            // A return address is behind its call, so this looks up the byte
            // before.
            let in_file = location.address - 1 - mapping.memory_start + mapping.file_offset;
            let name = PROGRAM.with(|program| {
                let is_ours = Path::new(string(mapping.filename)) == program.path;
                is_ours.then(|| program.name_at(in_file)).flatten()
            });
            names.extend(name.map(|name| (location.id, name)));
        }
        Self {
            types: types.collect(),
            names,
            raw,
        }
    }

    /// Returns whether any sample has the function on its stack.
    #[allow(dead_code, reason = "not all tests ask")]
    pub(crate) fn has(&self, function: &str) -> bool {
        self.names.values().any(|name| name.contains(function))
    }

    /// Returns the sums of the samples with the function on their stack.
    pub(crate) fn of(&self, function: &str) -> [i64; 4] {
        let mut sums = [0; 4];
        let on_stack = |id: &u64| {
            let name = self.names.get(id);
            name.is_some_and(|name| name.contains(function))
        };
        for sample in &self.raw.sample {
            if sample.location_id.iter().any(on_stack) {
                for (sum, value) in sums.iter_mut().zip(&sample.value) {
                    *sum += value;
                }
            }
        }
        assert!(
            sums[0] > 0,
            "no {function} among {:#?}",
            self.names.values()
        );
        sums
    }
}

thread_local! {
    /// Read once: a profile has thousands of addresses.
    static PROGRAM: Program = Program::read();
}

/// The file of this program.
struct Program {
    path: PathBuf,
    symbols: addr2line::Loader,
    segments: Vec<(u64, u64, u64)>,
}

impl Program {
    fn read() -> Self {
        let path = std::env::current_exe().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let segments = file.segments().map(|segment| {
            let (offset, size) = segment.file_range();
            (offset, size, segment.address())
        });
        Self {
            segments: segments.collect(),
            symbols: addr2line::Loader::new(&path).unwrap(),
            path,
        }
    }

    /// Returns the function at an offset in the file.
    fn name_at(&self, offset: u64) -> Option<String> {
        let within = |(start, size, _): &&(u64, u64, u64)| (*start..start + size).contains(&offset);
        let (start, _, address) = self.segments.iter().find(within)?;
        let symbol = self.symbols.find_symbol(offset - start + address)?;
        Some(addr2line::demangle_auto(symbol.into(), None).into_owned())
    }
}
