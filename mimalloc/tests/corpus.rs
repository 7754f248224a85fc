//! Runs the corpus example on a small directory, and checks its numbers.

#[path = "../examples/corpus/main.rs"]
#[expect(dead_code, reason = "`main` is the example's alone")]
mod corpus;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A directory of its own for each test. The end of the test removes it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mimalloc-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("below/.git")).unwrap();
        fs::create_dir_all(path.join("cache")).unwrap();
        let files: [(&str, &[u8]); 7] = [
            ("a.txt", "Heap and heap,\nÄpfel and page.\n".as_bytes()),
            ("below/b.txt", b"a page of a heap_page\n"),
            ("below/empty", b""),
            ("latin1", b"caf\xe9 heap"),
            ("zero", b"heap\0heap"),
            ("below/.git/config", b"heap"),
            ("cache/CACHEDIR.TAG", b"heap"),
        ];
        for (file, bytes) in files {
            fs::write(path.join(file), bytes).unwrap();
        }
        Self(path)
    }

    fn arg(&self) -> OsString {
        self.0.clone().into()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory that stays changes no test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the exit code, and what was printed to standard output and to
/// standard error.
fn run(args: impl IntoIterator<Item = OsString>) -> (u8, String, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let code = corpus::run(args, &mut out, &mut errors);
    let [out, errors] = [out, errors].map(|bytes| String::from_utf8(bytes).unwrap());
    (code, out, errors)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn counts_what_is_there() {
    let directory = Directory::new("counts");
    let args = [
        "--json",
        "--query",
        "HEAP",
        "--query=page heap",
        "--query",
        "äpfel",
        "--query",
        "no",
    ];
    let args = args
        .into_iter()
        .map(OsString::from)
        .chain([directory.arg()]);
    let (code, out, errors) = run(args);
    assert_eq!((code, errors.as_str()), (0, ""));

    let report = json(&out);
    assert_eq!(report["files"], 3);
    assert_eq!(report["words"], 11);
    assert_eq!(report["bytes"], 32 + 22);
    assert_eq!(report["skipped"]["not_text"], 2);
    assert_eq!(report["skipped"]["unreadable"], 0);
    assert_eq!(report["skipped"]["directories"], 2);

    // heap and äpfel page · a page of heap_page
    assert_eq!(report["index"]["words"], 7);
    assert_eq!(report["index"]["postings"], 8);
    assert!(report["index"]["size"]["bytes"].as_u64() > Some(0));
    assert_eq!(report["scratch"]["resets"], 3);
    assert_eq!(report["throw_away"]["files"], 3);
    assert_eq!(
        report["throw_away"]["blocks"],
        report["scratch"]["all_blocks"]
    );

    // The example's own count equals mimalloc's count.
    let scratch = &report["scratch"];
    assert_eq!(scratch["peak"]["blocks"], scratch["peak_held"]["blocks"]);
    let (index, held) = (&report["index"]["size"], &report["index_held"]);
    assert_eq!(index["blocks"], held["blocks"]);
    assert!(held["used"].as_u64() >= index["bytes"].as_u64());

    let queries = report["queries"].as_array().unwrap();
    let found = |i: usize| (&queries[i]["files"], &queries[i]["count"]);
    assert_eq!(found(0), (&Value::from(1), &Value::from(2)));
    assert_eq!(found(1), (&Value::from(1), &Value::from(3)));
    assert_eq!(found(2), (&Value::from(1), &Value::from(1)));
    assert_eq!(found(3), (&Value::from(0), &Value::from(0)));
    let best = &queries[2]["best"][0];
    let path = best["path"].as_str().map(Path::new);
    assert_eq!(path, Some(directory.0.join("a.txt").as_path()));
    assert_eq!(best["line"], 2);

    // Words of equal count are in alphabetical order.
    let frequent: Vec<_> = report["frequent"].as_array().unwrap().iter().collect();
    let words: Vec<_> = frequent.iter().map(|found| &found["word"]).collect();
    assert_eq!(
        words,
        ["a", "and", "heap", "page", "heap_page", "of", "äpfel"]
    );
    assert_eq!(frequent[3]["files"], 2);
}

#[test]
fn a_missing_path_is_an_error_but_not_the_end() {
    let directory = Directory::new("missing");
    let missing = directory.0.join("not here");
    let (code, out, errors) = run(["--json".into(), missing.clone().into(), directory.arg()]);
    assert_eq!(code, 1);
    assert!(errors.contains("not here"), "{errors}");

    let report = json(&out);
    assert_eq!(report["files"], 3);
    assert_eq!(report["skipped"]["unreadable"], 1);
    assert_eq!(report["problems"][0]["is_given"], true);
    assert_eq!(report["problems"][0]["path"].as_str(), missing.to_str());
}

#[test]
fn a_named_file_and_a_file_without_text_are_reported() {
    let directory = Directory::new("one");
    let (code, out, _) = run([directory.0.join("a.txt").into()]);
    assert_eq!(code, 0);
    assert!(out.contains("1 files, 32 bytes, 6 words"), "{out}");
    assert!(out.contains("query \"äpfel\""), "{out}");

    // A file that is not text has no words, and still gets a report.
    let (code, out, _) = run(["--json".into(), directory.0.join("latin1").into()]);
    assert_eq!(code, 0);
    let report = json(&out);
    assert_eq!(
        (&report["files"], &report["words"]),
        (&Value::from(0), &Value::from(0))
    );
    assert_eq!(report["queries"], Value::Array(Vec::new()));
}

#[test]
fn wrong_usage_is_told() {
    for args in [
        &["--jsno"][..],
        &["--query"],
        &["--query", "..."],
        &["--query="],
    ] {
        let (code, out, errors) = run(args.iter().map(OsString::from));
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        assert!(errors.contains("Usage: corpus"), "{errors}");
    }
    let (code, out, errors) = run(["--help".into()]);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(out.contains("Usage: corpus"), "{out}");

    // All arguments after `--` are paths.
    let (code, _, errors) = run(["--".into(), "--json".into()]);
    assert_eq!(code, 1);
    assert!(errors.contains("can't read --json"), "{errors}");
}
