//! Compares what is documented about options with mimalloc: the default of each option,
//! and whether and where mimalloc reads the option.
//!
//! The test has a process of its own and no harness: no option is set, and variables of
//! the environment are taken away first.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use mimalloc::Option as MiOption;
use mimalloc::option::{ReadWhen, Unit};
use mimalloc_tests::child;

/// Returns the number of a text such as `1 GiB`.
fn amount(text: &str) -> i64 {
    let mut words = text.split(' ');
    let number: i64 = words.next().unwrap().parse().unwrap();
    let factor = match words.next() {
        None => 1,
        Some("KiB") => 1 << 10,
        Some("MiB") => 1 << 20,
        Some("GiB") => 1 << 30,
        Some(other) => panic!("{other} in {text}"),
    };
    number * factor
}

/// Returns the number that the documentation tells for this build and target.
fn documented(option: MiOption) -> i64 {
    let text = option.default_text();
    let guarded = " in builds with guard pages and without checks, else ";
    if let Some((of_guarded, else_value)) = text.split_once(guarded) {
        let is_guarded = cfg!(mimalloc_guarded) && !has_checks();
        return amount(if is_guarded { of_guarded } else { else_value });
    }
    let (usual, other) = text.split_once("; ").unwrap_or((text, ""));
    for (end, holds) in [
        (" in builds with checks", has_checks()),
        (" on 32-bit targets", cfg!(target_pointer_width = "32")),
        (" on Android", cfg!(target_os = "android")),
        ("", false),
    ] {
        if let Some(value) = other.strip_suffix(end) {
            return amount(if holds { value } else { usual });
        }
    }
    unreachable!()
}

/// Returns whether C was compiled with checks.
fn has_checks() -> bool {
    !matches!(env!("MIMALLOC_TESTS_DEBUG"), "" | "0")
}

fn main() {
    if child::task().is_none() {
        assert!(child::command("compare").status().unwrap().success());
        println!("ok");
        return;
    }
    // An older version has other defaults.
    if cfg!(mimalloc_other_version) {
        return;
    }
    defaults();
    pages();
    reads();
}

fn defaults() {
    for &option in MiOption::ALL {
        let unit = match option.unit() {
            Unit::Kibibytes => 1024,
            _ => 1,
        };
        assert_eq!(option.get() * unit, documented(option), "{option}");
    }
}

/// Looks for the numbers of the options in the pages that explain them.
fn pages() {
    let page = include_str!("../../mimalloc/docs/memory.md");
    let line = |start: &str| page.lines().find(|line| line.starts_with(start)).unwrap();
    let delay = MiOption::PurgeDelay.get();
    let times = MiOption::ArenaPurgeMult.get();
    let sum = delay * times;
    let sum = if sum % 1000 == 0 {
        format!("{} s", sum / 1000)
    } else {
        format!("0.{} s", sum / 100)
    };
    let cell = if cfg!(mimalloc_v3) {
        format!("{sum} (`purge_delay` {delay} ms × `arena_purge_mult` {times})")
    } else {
        format!("{sum} ({delay} ms × {times})")
    };
    assert!(line("| the delay |").contains(&cell), "{cell}");
    #[cfg(mimalloc_v3)]
    {
        let size = MiOption::ArenaPurgeImmediateSize.get_size() >> 20;
        let cell = if cfg!(target_pointer_width = "32") {
            format!("; {size} MiB on 32-bit targets)")
        } else {
            format!("blocks of {size} MiB and more")
        };
        assert!(line("| purged without a delay |").contains(&cell), "{cell}");
    }
}

/// Counts the places in C that name each option, by file.
fn places(folder: &Path, found: &mut BTreeMap<String, Vec<String>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            places(&path, found);
        } else if path.extension().is_some_and(|end| end == "c") {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            for part in text.split("mi_option_").skip(1) {
                let is_part = |ch: char| ch.is_ascii_alphanumeric() || ch == '_';
                let end = part.find(|ch| !is_part(ch)).unwrap_or(part.len());
                let files = found.entry(part[..end].to_owned()).or_default();
                files.push(file.clone());
            }
        }
    }
}

/// Looks in C for where options are read, if the source is there.
fn reads() {
    let source = Path::new(env!("MIMALLOC_TESTS_INCLUDE")).with_file_name("src");
    if !source.is_dir() {
        return;
    }
    let mut found = BTreeMap::new();
    places(&source, &mut found);
    assert!(found.len() > 30, "{found:?}");
    for option in MiOption::ALL {
        // The table of options names each one in another way.
        let files = found.get(option.name());
        let is_never = option.read_when() == ReadWhen::Never;
        assert_eq!(files.is_none(), is_never, "{option}: {files:?}");
        // A heap and a theap read options when they are made.
        let at = |file| files.is_some_and(|files| files.iter().all(|name| name == file));
        if cfg!(mimalloc_v3) {
            let of_heap = option.read_when() == ReadWhen::HeapCreation;
            assert_eq!(at("heap.c"), of_heap, "{option}: {files:?}");
        }
    }
}
