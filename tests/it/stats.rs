//! Checks that the fields of the statistics are complete, and that the texts
//! can be read. Exact numbers are in `process/stats_exact.rs`.

use std::collections::HashSet;

use mimalloc::MiMalloc;
use mimalloc::stats::{MetricKind, MetricLabel, StatCount, Stats};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;
use serde_json::Value;

/// Returns the fields of `mi_stats_s` in the committed bindings.
fn of_bindings() -> Vec<&'static str> {
    let text = match mimalloc_sys::ENGINE {
        "v3" => include_str!("../../mimalloc-sys/src/bindings/v3.rs"),
        _ => include_str!("../../mimalloc-sys/src/bindings/v2.rs"),
    };
    let (_, fields) = text.split_once("pub struct mi_stats_s {").unwrap();
    let (fields, _) = fields.split_once('}').unwrap();
    fields
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'))
        .map(|(name, _)| name)
        .collect()
}

/// The fields that only the other engine counts, or neither engine.
fn left_out(field: &str) -> bool {
    field.starts_with('_')
        || matches!(field, "size" | "version")
        || match mimalloc_sys::ENGINE {
            "v3" => field.starts_with("segments"),
            _ => {
                field.starts_with("pages_reclaim")
                    || field.starts_with("pages_reabandon")
                    || field.starts_with("pages_unabandon")
            }
        }
}

fn json() -> Value {
    let mut text = String::new();
    mimalloc::stats::write_json(&mut text).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

#[test]
fn every_field_of_the_bindings_is_there() {
    let json = json();
    let json = json.as_object().unwrap();
    let bindings = of_bindings();
    assert!(bindings.len() > 30, "the bindings were not understood");
    for field in &bindings {
        assert_eq!(json.contains_key(*field), !left_out(field), "{field}");
    }
    for field in json.keys() {
        let own = ["stat_version", "mimalloc_version", "process"];
        assert!(
            own.contains(&field.as_str()) || bindings.contains(&field.as_str()),
            "{field} is not upstream's"
        );
    }
}

/// Checks that tools which read upstream's JSON can read ours.
#[test]
fn json_has_the_shape_of_upstreams() {
    // SAFETY: with a null buffer, mimalloc allocates the buffer itself.
    let text = unsafe { mimalloc_sys::mi_stats_get_json(0, core::ptr::null_mut()) };
    assert!(!text.is_null());
    // SAFETY: the call returned a C string that ends with a NUL.
    let upstream: Value =
        serde_json::from_slice(unsafe { core::ffi::CStr::from_ptr(text) }.to_bytes()).unwrap();
    // SAFETY: allocated by `mi_stats_get_json`, and not used any more.
    unsafe { mimalloc_sys::mi_free(text.cast()) };

    let ours = json();
    assert_eq!(ours["stat_version"], upstream["stat_version"]);
    assert_eq!(ours["mimalloc_version"], upstream["mimalloc_version"]);
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&ours["process"]), keys(&upstream["process"]));
    for (name, value) in ours.as_object().unwrap() {
        let theirs = &upstream[name];
        assert_eq!(value.is_number(), theirs.is_number(), "{name}");
        assert_eq!(value.is_array(), theirs.is_array(), "{name}");
        if let (Some(ours), Some(theirs)) = (value.as_array(), theirs.as_array()) {
            assert_eq!(ours.len(), theirs.len(), "{name}");
            for (bin, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                if name == "chunk_bins" {
                    assert_eq!(ours["bin"], theirs["bin"], "{name} {bin}");
                } else if bin + 1 < 74 {
                    assert_eq!(ours["block_size"], theirs["block_size"], "{name} {bin}");
                }
            }
        }
    }
}

#[test]
fn the_text_has_what_is_not_zero() {
    let stats = Stats::get().unwrap();
    let text = stats.to_string();
    assert!(text.contains("committed"), "{text}");
    assert!(!text.contains("malloc_guarded_count") || stats.malloc_guarded_count > 0);
    for line in text.lines() {
        assert!(line.len() < 80, "{line}");
    }
}

#[test]
fn serde_writes_the_same_values() {
    let stats = Stats::get().unwrap();
    let by_serde = serde_json::to_value(&stats).unwrap();
    let mut text = String::new();
    stats.write_json(&mut text).unwrap();
    let by_hand: Value = serde_json::from_str(&text).unwrap();
    for (name, value) in by_serde.as_object().unwrap() {
        match value {
            // serde writes a bin with its size or kind, so only the numbers of
            // bins can be compared.
            Value::Array(bins) => assert_eq!(bins.len(), by_hand[name].as_array().unwrap().len()),
            _ => assert_eq!(value, &by_hand[name], "{name}"),
        }
    }
    assert_eq!(
        by_serde["malloc_bins"][3]["count"]["total"],
        by_hand["malloc_bins"][3]["total"]
    );
}

/// Checks that the iterator forgets no number of the text, and adds none.
#[test]
fn metrics_are_the_numbers_of_the_json_text() {
    // Blocks, so that bins are not all zero.
    let _blocks: Vec<_> = (1..9)
        .map(|size| allocator_api2_04::vec::Vec::<u8, _>::with_capacity_in(size << 10, MiMalloc))
        .collect();
    mimalloc::collect(false);
    let stats = Stats::get().unwrap();
    let mut text = String::new();
    stats.write_json(&mut text).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    let json = json.as_object_mut().unwrap();
    json.remove("stat_version").unwrap();
    json.remove("mimalloc_version").unwrap();
    // The class that is never used has the size of the next one.
    for bins in ["malloc_bins", "page_bins"] {
        let unused = json[bins].as_array_mut().unwrap().remove(0);
        for kind in ["total", "peak", "current"] {
            assert_eq!(unused[kind], 0, "{bins}");
        }
    }
    let mut left: HashSet<String> = HashSet::new();
    for (name, value) in json.iter() {
        for place in value.as_array().unwrap_or(&vec![value.clone()]) {
            let class = place.get("block_size").or(place.get("bin"));
            let class = class.map(|class| class.to_string().replace('"', ""));
            for kind in ["total", "peak", "current"] {
                let number = match place {
                    Value::Number(number) if kind == "total" => Some(number.to_string()),
                    _ => place.get(kind).map(Value::to_string),
                };
                left.extend(number.map(|number| format!("{name} {kind} {class:?} {number}")));
            }
        }
    }
    for metric in stats.metrics() {
        let class = metric.label.map(|label| match label {
            // JSON has a letter for the kind of a chunk.
            MetricLabel::Chunk(_) => match &*label.to_string() {
                "Other" => "X".to_owned(),
                "Unused" => " ".to_owned(),
                name => name[..1].to_owned(),
            },
            _ => label.to_string(),
        });
        let (name, kind, value) = (metric.name, metric.kind, metric.value);
        let line = format!("{name} {kind} {class:?} {value}");
        assert!(left.remove(&line), "{line} is not in {text}");
    }
    assert!(left.is_empty(), "{left:?} are no metrics");
}

/// Checks what an exporter needs: no two numbers have one name.
#[test]
fn metrics_have_different_names() {
    let stats = Stats::get().unwrap();
    let mut seen = HashSet::new();
    for metric in mimalloc::stats::process_info()
        .metrics()
        .chain(stats.metrics())
    {
        assert!(
            seen.insert((metric.name, metric.kind, metric.label)),
            "{metric:?}"
        );
    }
    assert!(seen.len() > 450, "{}", seen.len());
}

#[test]
fn a_difference_has_what_happened_in_between() {
    let before = Stats::get().unwrap();
    let mut after = before.clone();
    after.mmap_calls += 3;
    after.committed.total += 4096;
    after.committed.current = 10;
    after.committed.peak = 20;
    let between = after.since(&before);
    assert_eq!(between.mmap_calls, 3);
    assert_eq!(
        between.committed,
        StatCount {
            total: 4096,
            peak: 20,
            current: 10
        }
    );
    for metric in between
        .metrics()
        .filter(|metric| metric.kind == MetricKind::Total)
    {
        let expected = match metric.name {
            "mmap_calls" => 3,
            "committed" => 4096,
            _ => 0,
        };
        assert_eq!(metric.value, expected, "{metric:?}");
    }
    // Numbers that were set back, or snapshots in the wrong order.
    let wrong = before.since(&after);
    assert_eq!((wrong.mmap_calls, wrong.committed.total), (0, 0));
    assert_eq!(wrong.committed.current, before.committed.current);
}

#[test]
fn bins_grow() {
    let stats = Stats::get().unwrap();
    let sizes: Vec<_> = stats.malloc_bins().map(|bin| bin.block_size).collect();
    assert_eq!(sizes.len(), stats.page_bins().len());
    assert_eq!(sizes[1], size_of::<usize>());
    assert_eq!(sizes.last(), Some(&0));
    assert!(sizes[1..sizes.len() - 1].is_sorted_by(|a, b| a < b));
    assert_eq!(StatCount::default().total, 0);
}

/// Reads statistics on threads that have a theap of the heaps that end.
/// Upstream crashes when it merges a theap while the heap is destroyed; the
/// crate's lock keeps the two apart.
#[test]
#[cfg(mimalloc_v3)]
fn statistics_are_read_while_heaps_come_and_go() {
    use std::sync::{Arc, mpsc};
    use std::thread;

    use mimalloc::Heap;

    const ROUNDS: usize = 400;
    thread::scope(|scope| {
        let senders: Vec<mpsc::Sender<Arc<Heap>>> = (0..3)
            .map(|_| {
                let (sender, heaps) = mpsc::channel::<Arc<Heap>>();
                scope.spawn(move || {
                    let mut text = String::new();
                    // The last thread to drop the heap destroys the heap, and
                    // the others read.
                    for heap in heaps {
                        let mut vec = allocator_api2_04::vec::Vec::new_in(&*heap);
                        vec.extend(0..100);
                        drop(vec);
                        drop(heap);
                        for _ in 0..20 {
                            Stats::get().unwrap();
                        }
                        text.clear();
                        mimalloc::stats::write_json(&mut text).unwrap();
                    }
                });
                sender
            })
            .collect();
        for _ in 0..ROUNDS {
            let heap = Arc::new(Heap::new().unwrap());
            for sender in &senders {
                sender.send(Arc::clone(&heap)).unwrap();
            }
        }
    });
}
