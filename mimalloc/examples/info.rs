//! Prints what a bug report needs: the version, how mimalloc was built, each
//! option, and the machine.
//!
//! ```text
//! cargo run --example info
//! cargo run --example info -- --json
//! ```
//!
//! Run the example with the features, the profile and the environment of your
//! program. The example does not see the options that your program sets itself.

use std::{env, fs};

use mimalloc::option::{ReadWhen, Unit};
use mimalloc::{MAX_HEAPS, Option as MiOption};
use serde_json::{Map, Value, json};

pub(crate) fn main() {
    let sections = [
        ("mimalloc", library()),
        ("build", build()),
        ("options", options()),
        ("system", system()),
        ("limits", limits()),
        ("process", process()),
    ];
    if env::args().any(|argument| argument == "--json") {
        let all = sections.map(|(name, section)| (name.to_owned(), section));
        let all = Value::Object(Map::from_iter(all));
        println!("{all:#}");
        return;
    }
    for (name, section) in sections {
        println!("{name}");
        match &section {
            Value::Object(lines) if name == "options" => lines.iter().for_each(print_option),
            Value::Object(lines) => lines.iter().for_each(print_line),
            other => println!("  {other}"),
        }
    }
}

/// Prints a name and a value; each part of a list has a line.
fn print_line((name, value): (&String, &Value)) {
    match value {
        Value::Array(parts) if parts.is_empty() => println!("  {name}: none"),
        Value::Array(parts) => {
            println!("  {name}:");
            parts.iter().for_each(|part| println!("    {}", word(part)));
        }
        Value::Object(lines) => {
            println!("  {name}:");
            for (name, value) in lines {
                println!("    {name}: {}", word(value));
            }
        }
        value => println!("  {name}: {}", word(value)),
    }
}

fn print_option((name, option): (&String, &Value)) {
    let [value, unit, default, variable, read, by] =
        ["value", "unit", "default", "variable", "read", "set_by"].map(|key| word(&option[key]));
    println!("  {name} = {value} {unit}, by {by} (default {default}; {variable}; read {read})");
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

fn library() -> Value {
    json!({
        "version": mimalloc::version().to_string(),
        "version of the headers": mimalloc::ffi::HEADER_VERSION,
        "engine": mimalloc::ffi::ENGINE,
        "crate": env!("CARGO_PKG_VERSION"),
        "library": if mimalloc::ffi::VENDORED { "compiled with the program" } else { "of the system" },
        "headers": mimalloc::ffi::build::INCLUDE_DIR,
        "replaces malloc": mimalloc::is_redirected(),
    })
}

fn own_features() -> impl Iterator<Item = &'static str> {
    let features = [
        ("std", cfg!(feature = "std")),
        ("allocator-api2-02", cfg!(feature = "allocator-api2-02")),
        ("allocator-api2-04", cfg!(feature = "allocator-api2-04")),
        ("nightly", cfg!(feature = "nightly")),
        ("serde", cfg!(feature = "serde")),
    ];
    let on = features.into_iter().filter(|(_, is_on)| *is_on);
    on.map(|(name, _)| name)
}

fn build() -> Value {
    use mimalloc::ffi::build;

    // Each other feature of mimalloc is one of mimalloc-sys.
    let features: Vec<_> = own_features().collect();
    let patches = build::PATCHES.iter();
    let patches: Map<_, _> = patches
        .map(|&(file, reason)| (file.to_owned(), json!(reason)))
        .collect();
    json!({
        "features of mimalloc": features,
        "features of mimalloc-sys": build::FEATURES,
        "C compiler": build::COMPILER,
        "C arguments": build::ARGUMENTS,
        "patches": patches,
        "heaps allocate without a call": build::INLINES_ALLOC,
        "MiMalloc allocates without a call": build::READS_DEFAULT_THEAP,
        "debug assertions": cfg!(debug_assertions),
    })
}

fn options() -> Value {
    let supported = MiOption::ALL.iter().filter(|option| option.is_supported());
    let options = supported.map(|&option| {
        let environment = environment(option);
        let lines = json!({
            "value": option.get(),
            "unit": unit(option.unit()),
            "default": option.default_text(),
            "variable": option.env_name(),
            "environment": environment,
            "read": read(option.read_when()),
            "set_by": set_by(option, environment),
        });
        (option.name().to_owned(), lines)
    });
    Value::Object(options.collect())
}

/// Returns the value of an option's environment variable. mimalloc ignores the
/// case of the name.
fn environment(option: MiOption) -> Option<String> {
    let variables = env::vars_os();
    let same = |(name, _): &(std::ffi::OsString, _)| {
        name.to_string_lossy()
            .eq_ignore_ascii_case(option.env_name())
    };
    let (_, value) = variables.into_iter().find(same)?;
    Some(value.to_string_lossy().into_owned())
}

/// Says who set an option, as far as that can be known: mimalloc does not tell.
fn set_by(option: MiOption, environment: Option<String>) -> String {
    if let Some(value) = environment {
        return format!("the environment ({value:?})");
    }
    match default_value(option) {
        Some(default) if default == option.get() => "default".to_owned(),
        Some(_) => "the program or the build".to_owned(),
        None => "default, the program or the build".to_owned(),
    }
}

/// Returns the default as mimalloc stores it, if it is the same for all builds.
fn default_value(option: MiOption) -> Option<i64> {
    let mut words = option.default_text().split(' ');
    let number: i64 = words.next()?.parse().ok()?;
    let factor = match words.next() {
        None => 1,
        Some("KiB") => 1 << 10,
        Some("MiB") => 1 << 20,
        Some("GiB") => 1 << 30,
        Some(_) => return None,
    };
    let stored = match option.unit() {
        Unit::Kibibytes => 1024,
        _ => 1,
    };
    words.next().is_none().then_some(number * factor / stored)
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Flag => "(flag)",
        Unit::Level => "(level)",
        Unit::Bytes => "B",
        Unit::Kibibytes => "KiB",
        Unit::Milliseconds => "ms",
        Unit::Seconds => "s",
        Unit::Percent => "%",
        _ => "(number)",
    }
}

fn read(when: ReadWhen) -> &'static str {
    match when {
        ReadWhen::Startup => "before main",
        ReadWhen::HeapCreation => "for each new heap",
        ReadWhen::TheapCreation => "for each thread and heap",
        ReadWhen::ArenaCreation => "for each new arena",
        ReadWhen::Live => "each time",
        ReadWhen::Exit => "at the end",
        _ => "never",
    }
}

fn system() -> Value {
    let read = |path: &str| {
        let text = fs::read_to_string(path).ok()?;
        Some(text.trim().to_owned())
    };
    let memory = read("/proc/meminfo").unwrap_or_default();
    let line = |name: &str| {
        let mut lines = memory.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned())
    };
    json!({
        "target": format!("{} {}", env::consts::ARCH, env::consts::OS),
        "pointer bits": usize::BITS,
        "kernel": read("/proc/sys/kernel/osrelease"),
        "processors": std::thread::available_parallelism().ok().map(usize::from),
        "page size": page_size(),
        "memory": line("MemTotal"),
        "memory available": line("MemAvailable"),
        "NUMA nodes": read("/sys/devices/system/node/online"),
        "huge page size": line("Hugepagesize"),
        "huge pages": line("HugePages_Total"),
        "huge pages free": line("HugePages_Free"),
        "transparent huge pages": read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "overcommit": read("/proc/sys/vm/overcommit_memory"),
        "mappings at most": read("/proc/sys/vm/max_map_count"),
    })
}

/// Returns the size of a page, if Linux tells.
fn page_size() -> Option<usize> {
    const AT_PAGESZ: usize = 6;
    const WORD: usize = size_of::<usize>();

    let words = fs::read("/proc/self/auxv").ok()?;
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).ok();
    words.chunks_exact(2 * WORD).find_map(|pair| {
        let (key, value) = pair.split_at(WORD);
        (word(key) == Some(AT_PAGESZ)).then(|| word(value))?
    })
}

fn limits() -> Value {
    let of_process = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let of_process = of_process.lines().filter_map(|line| {
        let (name, rest) = line.split_at_checked(26)?;
        let soft = rest.split_whitespace().next()?;
        let kept = [
            "Max address space",
            "Max data size",
            "Max locked memory",
            "Max resident set",
        ];
        kept.contains(&name.trim())
            .then(|| (name.trim().to_lowercase(), json!(soft)))
    });
    let mut limits: Map<_, _> = of_process.collect();
    let of_group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    limits.insert(
        "max memory of the cgroup".to_owned(),
        json!(of_group.as_deref().map(str::trim)),
    );
    limits.insert("heaps at most".to_owned(), json!(MAX_HEAPS));
    limits.insert(
        "small block at most".to_owned(),
        json!(mimalloc::ffi::MI_SMALL_SIZE_MAX),
    );
    Value::Object(limits)
}

fn process() -> Value {
    let numbers = mimalloc::stats::process_info().metrics().map(|metric| {
        let name = format!("{}_{}", metric.name, metric.kind);
        (name, json!(metric.value))
    });
    Value::Object(numbers.collect())
}
