//! Checks what the short examples print.
//!
//! The test has no harness, because the harness would print among the lines of
//! an example. The program starts itself again for each example: an example
//! prints to standard output, and its options apply to a whole process.

// The `main` of each example is `pub(crate)` for this test.
#[path = "../examples/global.rs"]
mod global;
#[allow(dead_code, reason = "the test asks for pictures, not for files")]
#[path = "../examples/heap_map.rs"]
mod heap_map;
#[path = "../examples/info.rs"]
mod info;
#[path = "../examples/memory_limit.rs"]
mod memory_limit;
#[path = "../examples/request_heap.rs"]
mod request_heap;

use std::env;
use std::process::Command;

fn main() {
    match env::args().nth(1).as_deref() {
        Some("global") => global::main(),
        Some("info") => info::main(),
        Some("memory_limit") => memory_limit::main().unwrap(),
        Some("request_heap") => request_heap::main().unwrap(),
        _ => {
            global_prints_counts_and_what_mimalloc_says();
            request_heap_answers_every_request();
            memory_limit_refuses_only_the_greedy_document();
            info_has_every_option();
            heap_map_shows_every_block();
            println!("ok");
        }
    }
}

/// Returns the lines that an example prints, with a purge delay for mimalloc
/// in the environment or without one.
fn lines(example: &str, purge_delay: Option<&str>) -> Vec<String> {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(example);
    command.env_remove("MIMALLOC_PURGE_DELAY");
    if let Some(delay) = purge_delay {
        command.env("MIMALLOC_PURGE_DELAY", delay);
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn global_prints_counts_and_what_mimalloc_says() {
    let found = lines("global", None);
    assert_eq!(found.len(), 8, "{found:?}");
    assert_eq!(found[0], "    10 numbers of 1 digits");
    assert_eq!(found[4], " 90000 numbers of 5 digits");
    assert_eq!(found[5], format!("mimalloc {}", mimalloc::version()));
    assert_eq!(found[6], "purge delay: 100 ms");
    let committed = found[7].strip_prefix("committed: ").unwrap();
    let committed = committed.strip_suffix(" KiB").unwrap();
    // 100,000 strings of 24 bytes each and what they point to.
    assert!(committed.parse::<usize>().unwrap() > 100_000 * 24 / 1024);

    let found = lines("global", Some("7"));
    assert_eq!(found[6], "purge delay: 7 ms");
}

fn request_heap_answers_every_request() {
    let expected = [
        "3 times \"the\", 4 others",
        "3 times \"a\", 2 others",
        "no words",
    ];
    assert_eq!(lines("request_heap", None), expected);
}

fn memory_limit_refuses_only_the_greedy_document() {
    let expected = [
        "abababcc",
        "\"1 small, 2000000000 bomb\" failed: out of memory",
        "okokokokok",
        "\"2 x, many y\" failed: invalid digit found in string",
    ];
    assert_eq!(lines("memory_limit", None), expected);
}

/// Returns what the example `info` prints. `variable` is an environment variable
/// of mimalloc's.
fn info(arguments: &[&str], variable: Option<(&str, &str)>) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg("info").args(arguments);
    for option in mimalloc::Option::ALL {
        command.env_remove(option.env_name());
    }
    command.envs(variable);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "info: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn info_has_every_option() {
    let json = |variable| -> serde_json::Value {
        serde_json::from_str(&info(&["--json"], variable)).unwrap()
    };
    let plain = json(None);
    assert_eq!(
        plain["mimalloc"]["version"],
        mimalloc::version().to_string()
    );
    assert_eq!(plain["mimalloc"]["engine"], mimalloc::ffi::ENGINE);
    let options = plain["options"].as_object().unwrap();
    let text = info(&[], None);
    for option in mimalloc::Option::ALL {
        if option.is_supported() {
            let found = &options[option.name()];
            assert_eq!(found["variable"], option.env_name());
            let start = format!("  {option} = {} ", found["value"]);
            assert!(text.contains(&start), "no {start:?} in:\n{text}");
        }
    }
    // The example `global`, which is a part of this program, sets this option.
    let delay = &options["purge_delay"];
    assert_eq!(delay["value"], 100);
    let by = if delay["default"] == "100" {
        "default"
    } else {
        "the program or the build"
    };
    assert_eq!(delay["set_by"], by);
    assert_eq!(options["max_errors"]["set_by"], "default");
    assert!(
        text.contains("  max_errors = 32 (number), by default "),
        "{text}"
    );

    // Sizes are bytes in the environment, and names have any case.
    let changed = json(Some(("mimalloc_arena_reserve", "64M")));
    let reserve = &changed["options"]["arena_reserve"];
    assert_eq!(reserve["value"], 64 << 10);
    assert_eq!(reserve["unit"], "KiB");
    assert_eq!(reserve["environment"], "64M");
    assert_eq!(reserve["set_by"], "the environment (\"64M\")");
    let text = info(&[], Some(("MIMALLOC_MAX_ERRORS", "7")));
    assert!(
        text.contains("  max_errors = 7 (number), by the environment (\"7\") (default 32; "),
        "{text}"
    );

    // The facts of the build script are there.
    let build = &plain["build"];
    let has = |list: &str, name: &str| build[list].as_array().unwrap().contains(&name.into());
    for (feature, is_on) in [
        ("std", cfg!(feature = "std")),
        ("serde", cfg!(feature = "serde")),
    ] {
        assert_eq!(has("features of mimalloc", feature), is_on, "{feature}");
    }
    assert_eq!(
        has("features of mimalloc-sys", "secure-4"),
        cfg!(feature = "secure-4")
    );
    if mimalloc::ffi::VENDORED {
        let arguments = build["C arguments"].as_array().unwrap();
        let level = |argument: &serde_json::Value| {
            let level = argument.as_str()?.strip_prefix("-DMI_SECURE=")?;
            level.parse::<u8>().ok()
        };
        let level = arguments.iter().find_map(level).unwrap();
        assert_eq!(level > 0, has("features of mimalloc-sys", "secure-1"));
        assert!(!build["C compiler"].as_str().unwrap().is_empty());
    }
}

fn heap_map_shows_every_block() {
    // Four of five words are left, in an index and a list.
    for (words, blocks) in [
        (0, "0"),
        (100, "82"),
        (20_000, "16,002"),
        (150_000, "120,002"),
    ] {
        let svg = heap_map::picture(words).unwrap();
        let total = format!(">{blocks} blocks in use have ");
        assert_eq!(svg.matches(&total).count(), 1, "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
        // Each group is a run of blocks of one size, and says so.
        let hints = svg.matches("<title>blocks of ").count();
        assert_eq!(svg.matches("<g ").count(), hints);
        assert_eq!(hints > 0, words > 0);
        assert!(svg.len() < 400_000, "{} bytes for {words} words", svg.len());
    }
}
