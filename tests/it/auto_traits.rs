//! Checks by name which types may be sent and shared, and how large the handles
//! are.
//!
//! A type that is `Send` by accident is unsound, and a type that stops being
//! `Send` is a breaking change. No other test would show either.

use core::panic::{RefUnwindSafe, UnwindSafe};
use std::fmt::Debug;
use std::hash::Hash;

use allocator_api2_02::vec::Vec as Vec02;
use allocator_api2_04::vec::Vec as Vec04;
use mimalloc::arena::{ArenaOptions, NodeOptions, RegionAttributes, SystemOptions};
use mimalloc::hooks::{ErrorCode, ErrorKind, ErrorPolicy, Output};
use mimalloc::option::{OptionErrorKind, ReadWhen, Unit};
use mimalloc::stats::{Metric, MetricKind, MetricLabel, MetricUnit, ProcessInfo};
use mimalloc::{
    AllocError, Areas, Arena, ArenaError, Blocks, Heap, HeapArea, HeapBlock, HeapCString,
    HeapError, HeapString, HeapUsage, LocalHeap, MiMalloc, OptionError, SharedHeap, Version,
};

fn debug<T: Debug + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}
fn anywhere<T: Send + Sync>() {}
fn plain<T: Copy + Eq + Hash + Send + Sync>() {}
fn copied<T: Copy + PartialEq + Send + Sync>() {}
fn error<T: core::error::Error + Copy + Eq + Send + Sync>() {}

/// Fails to compile when the type has the trait, because two traits would fit.
macro_rules! assert_not {
    ($type:ty: $trait:path) => {
        const _: fn() = || {
            trait Ambiguous<Case> {
                fn pick() {}
            }
            struct HasIt;
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $trait> Ambiguous<HasIt> for T {}
            <$type as Ambiguous<_>>::pick();
        };
    };
}

#[test]
fn types_go_where_they_may() {
    macro_rules! every {
        ($check:ident: $($type:ty),+ $(,)?) => { $(debug::<$type>(); $check::<$type>();)+ };
    }
    every!(plain: MiMalloc, Arena, Version, ErrorCode, ErrorKind, ErrorPolicy);
    every!(plain: mimalloc::Option, OptionErrorKind, Unit, ReadWhen);
    every!(plain: Metric, MetricKind, MetricLabel, MetricUnit);
    every!(copied: RegionAttributes, HeapArea, HeapBlock, HeapUsage, Output);
    every!(copied: ArenaOptions, SystemOptions, NodeOptions);
    every!(anywhere: ProcessInfo, HeapCString, HeapCString<MiMalloc>);
    every!(error: AllocError, ArenaError, HeapError, OptionError);
    debug::<Heap>();
    debug::<SharedHeap>();
    debug::<Areas<'static>>();
    debug::<Blocks<'static>>();
    anywhere::<Vec02<u8, MiMalloc>>();
    anywhere::<Vec04<u8, MiMalloc>>();
    every!(anywhere: HeapString, HeapString<MiMalloc>);

    #[cfg(mimalloc_v3)]
    {
        every!(anywhere: Heap, SharedHeap);
        every!(anywhere: Vec02<u8, SharedHeap>, Vec04<u8, SharedHeap>, Vec02<u8, Heap>);
        anywhere::<&Heap>();
        every!(anywhere: Areas<'static>, Blocks<'static>);
        anywhere::<Vec02<u8, &Heap>>();
        anywhere::<HeapCString<&Heap>>();
        anywhere::<HeapString<&Heap>>();
    }
    #[cfg(mimalloc_owned_heaps)]
    {
        use mimalloc::{HeapPool, HeapPoolOptions, PooledHeap};
        every!(copied: HeapPoolOptions);
        debug::<HeapPool>();
        debug::<PooledHeap<'static>>();
        #[cfg(mimalloc_v3)]
        {
            every!(anywhere: HeapPool, PooledHeap<'static>);
            anywhere::<Vec02<u8, PooledHeap<'static>>>();
            anywhere::<Vec02<u8, &PooledHeap<'static>>>();
        }
    }
    #[cfg(not(mimalloc_other_version))]
    {
        use mimalloc::stats::{Bin, ChunkKind, StatCount, Stats, StatsError};
        every!(copied: Bin, StatCount);
        every!(plain: ChunkKind);
        every!(anywhere: Stats);
        every!(error: StatsError);
    }
    #[cfg(all(mimalloc_profile, not(mimalloc_other_version)))]
    {
        use mimalloc::{Profiler, ProfilerError, ProfilerOptions};
        every!(anywhere: Profiler);
        every!(anywhere: ProfilerOptions);
        every!(error: ProfilerError);
    }
}

assert_not!(LocalHeap<'static>: Send);
assert_not!(LocalHeap<'static>: Sync);
assert_not!(Vec02<u8, LocalHeap<'static>>: Send);
assert_not!(Heap: Clone);
assert_not!(HeapCString: Clone);

#[cfg(any(mimalloc_v2, not(mimalloc_other_version)))]
mod default_guard {
    use mimalloc::DefaultGuard;

    assert_not!(DefaultGuard<'static>: Send);
    assert_not!(DefaultGuard<'static>: Sync);
    assert_not!(DefaultGuard<'static>: Clone);
}

#[cfg(mimalloc_owned_heaps)]
mod pool {
    use mimalloc::PooledHeap;

    assert_not!(PooledHeap<'static>: Clone);
}

#[cfg(all(mimalloc_v2, mimalloc_owned_heaps))]
mod pool_v2 {
    use mimalloc::{HeapPool, PooledHeap};

    assert_not!(HeapPool: Send);
    assert_not!(HeapPool: Sync);
    assert_not!(PooledHeap<'static>: Send);
    assert_not!(PooledHeap<'static>: Sync);
}

#[cfg(mimalloc_v2)]
mod v2 {
    use super::*;

    assert_not!(Heap: Send);
    assert_not!(Heap: Sync);
    assert_not!(SharedHeap: Send);
    assert_not!(SharedHeap: Sync);
    assert_not!(Areas<'static>: Send);
    assert_not!(Blocks<'static>: Send);
    assert_not!(HeapCString<&'static Heap>: Send);
    assert_not!(HeapCString<&'static Heap>: Sync);
    assert_not!(Vec02<u8, &'static Heap>: Send);
    assert_not!(Vec02<u8, SharedHeap>: Send);
}

/// Checks that the list above names every public type.
#[test]
fn every_type_has_an_answer() {
    let here = include_str!("auto_traits.rs");
    let public = [
        include_str!("../../mimalloc/src/lib.rs"),
        include_str!("../../mimalloc/src/arena.rs"),
        include_str!("../../mimalloc/src/option/mod.rs"),
        include_str!("../../mimalloc/src/stats/mod.rs"),
        include_str!("../../mimalloc/src/hooks/mod.rs"),
    ];
    let mut found = 0;
    for statement in public.iter().flat_map(|text| text.split(';')) {
        let Some((_, names)) = statement.split_once("\npub use ") else {
            continue;
        };
        let words = names.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        // Names of functions, paths and constants are not in camel case.
        let types = words.filter(|word| {
            word.starts_with(|c: char| c.is_ascii_uppercase())
                && word.contains(|c: char| c.is_ascii_lowercase())
        });
        for name in types {
            found += 1;
            let mentioned = here.match_indices(name).filter(|(at, _)| {
                let after = here[at + name.len()..].chars().next();
                !after.is_some_and(|c| c.is_ascii_alphanumeric())
            });
            // A type occurs once in the imports and once in a check.
            let wanted = if name == "Option" { 1 } else { 2 };
            assert!(mentioned.count() >= wanted, "add `{name}` to this file");
        }
    }
    assert!(
        found > 30,
        "only {found} types seen: has the form of the re-exports changed?"
    );
}

#[test]
fn handles_are_small() {
    let word = size_of::<usize>();
    assert_eq!(size_of::<MiMalloc>(), 0);
    for (size, name) in [
        (size_of::<&Heap>(), "&Heap"),
        (size_of::<SharedHeap>(), "SharedHeap"),
        (size_of::<Option<SharedHeap>>(), "Option<SharedHeap>"),
        (size_of::<LocalHeap<'_>>(), "LocalHeap"),
        (size_of::<HeapCString>(), "HeapCString"),
        (
            size_of::<Option<HeapCString<&Heap>>>(),
            "Option<HeapCString<&Heap>>",
        ),
    ] {
        assert_eq!(size, word, "{name}");
    }
    assert!(size_of::<Arena>() <= word);
    // A heap holds its arena and, on v3, its number.
    assert!(size_of::<Heap>() <= 3 * word);
    assert_eq!(size_of::<Option<Heap>>(), size_of::<Heap>());
    assert_eq!(size_of::<Vec02<u8, MiMalloc>>(), 3 * word);
    assert_eq!(size_of::<Vec04<u8, &Heap>>(), 4 * word);
}
