//! Checks how the build script reads headers: which versions the script
//! accepts, and which functions the script finds.

#[allow(dead_code, reason = "the build script uses the rest")]
#[path = "../build/headers.rs"]
mod headers;
#[allow(dead_code, reason = "the build script uses the rest")]
#[path = "../build/pin.rs"]
mod pin;

use std::fs;
use std::path::PathBuf;

use headers::Headers;
use pin::Engine;

/// Reads a `mimalloc.h` of this version that contains `text`.
fn read(name: &str, number: u32, text: &str) -> Result<Headers, String> {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("headers-{name}-{number}"));
    fs::create_dir_all(&dir).unwrap();
    let header = format!("#define MI_MALLOC_VERSION {number} // x\n{text}\n");
    fs::write(dir.join("mimalloc.h"), header).unwrap();
    Headers::read(&dir)
}

#[test]
fn versions_from_the_oldest_on_are_taken() {
    for (number, engine) in [
        (209, Engine::V2),
        (217, Engine::V2),
        (224, Engine::V2),
        (20502, Engine::V2),
        (30302, Engine::V3),
        (30403, Engine::V3),
        (30602, Engine::V3),
    ] {
        assert_eq!(
            read("taken", number, "").unwrap().engine,
            engine,
            "{number}"
        );
    }
}

/// Checks the floor of engine v3. Heaps of 3.1 and before belong to a thread,
/// which the safe layer does not expect.
#[test]
fn older_versions_are_refused_by_their_right_name() {
    for (number, name) in [
        (182, "1.8.2"),
        (207, "2.0.7"),
        (301, "3.0.1"),
        (3012, "3.0.12"),
        (316, "3.1.6"),
        (3208, "3.2.8"),
        (30301, "3.3.1"),
        (40000, "4.0.0"),
    ] {
        let error = read("refused", number, "").unwrap_err();
        assert!(
            error.contains(&format!("is of mimalloc {name},")),
            "{error}"
        );
        assert!(
            error.contains("2.x from 2.0.9 on and 3.x from 3.3.2 on"),
            "{error}"
        );
        assert!(error.contains("compile the vendored source"), "{error}");
    }
}

/// Checks that the number of parameters tells functions apart. `mi_stats_get`
/// had another parameter up to 2.2, and a call with the wrong parameters writes
/// to a random address.
#[test]
fn parameters_tell_functions_of_one_name_apart() {
    let text = "
        mi_decl_export void* mi_malloc(size_t size) mi_attr_alloc_size(1);
        void  mi_stats_get( size_t stats_size, mi_stats_t* stats ) mi_attr_noexcept;
        bool mi_visit(void (*f)(int a, int b), void* arg);
        #define mi_heap_calloc_tp(tp,hp,n) ((tp*)mi_heap_calloc(hp,n,sizeof(tp)))
        void mi_none(void); void mi_empty();
        // void mi_commented(int);
        void my_mi_other(int); ";
    let headers = read("parameters", 224, text).unwrap();
    for (function, parameters) in [
        ("mi_malloc", Some(1)),
        ("mi_stats_get", Some(2)),
        ("mi_visit", Some(2)),
        ("mi_heap_calloc", Some(3)),
        ("mi_none", Some(0)),
        ("mi_empty", Some(0)),
        ("mi_commented", None),
        ("mi_other", None),
        ("mi_mall", None),
    ] {
        assert_eq!(headers.parameters(function), parameters, "{function}");
        assert_eq!(headers.declares(function), parameters.is_some());
    }
}
