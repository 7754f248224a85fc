//! Checks that the fields of the statistics are complete, and that the texts
//! can be read. Exact numbers are in `process/stats_exact.rs`.

use mimalloc::stats::{StatCount, Stats};
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

#[test]
fn json_as_a_c_string_is_whole() {
    let text = mimalloc::MiMalloc::stats_json().unwrap();
    let value: Value = serde_json::from_slice(text.to_bytes()).unwrap();
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&value), keys(&json()));
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
