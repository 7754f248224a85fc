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

/// Computes the numbers of a larger corpus in another way: with regular lists, line by
/// line, and without a heap.
#[test]
fn the_numbers_are_those_of_another_count() {
    use std::collections::{BTreeMap, BTreeSet};

    const WORDS: [&str; 12] = [
        "Page", "page", "heap_2", "HEAP_2", "arena", "theap", "Äpfel", "äpfel", "x", "9", "block",
        "size_of",
    ];
    const BETWEEN: [&str; 5] = [" ", "\n", ", ", "\n\n", " -- "];

    let directory = Directory::new("other-count");
    let folder = directory.0.join("generated");
    fs::create_dir_all(&folder).unwrap();
    // Small numbers that look random, and are the same in each run.
    let mut state = 7_u32;
    let mut number = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % below
    };
    let (mut bytes, mut total) = (0, 0);
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    let mut files: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut first_lines: BTreeMap<(String, usize), usize> = BTreeMap::new();
    for file in 0..9 {
        let count = 40 + 30 * file;
        let parts = (0..count).map(|_| (WORDS[number(12)], BETWEEN[number(5)]));
        let text: String = parts.flat_map(|(word, between)| [word, between]).collect();
        for (line, words) in text.split('\n').enumerate() {
            for word in words.split([' ', ',', '-']).filter(|word| !word.is_empty()) {
                let word = word.to_lowercase();
                total += 1;
                *all.entry(word.clone()).or_default() += 1;
                files.entry(word.clone()).or_default().insert(file);
                first_lines.entry((word, file)).or_insert(line + 1);
            }
        }
        bytes += text.len();
        fs::write(folder.join(format!("{file}.txt")), text).unwrap();
    }

    let args = ["--json", "--query", "ARENA", "--query", "heap_2 äpfel"];
    let args = args.into_iter().map(OsString::from);
    let (code, out, errors) = run(args.chain([folder.into()]));
    assert_eq!((code, errors.as_str()), (0, ""));
    let report = json(&out);
    assert_eq!(report["files"], 9);
    assert_eq!(
        (&report["words"], &report["bytes"]),
        (&total.into(), &bytes.into())
    );
    assert_eq!(report["index"]["words"], all.len());
    let postings: usize = files.values().map(BTreeSet::len).sum();
    assert_eq!(report["index"]["postings"], postings);
    for found in report["frequent"].as_array().unwrap() {
        let word = found["word"].as_str().unwrap();
        assert_eq!(found["count"], all[word], "{word}");
        assert_eq!(found["files"], files[word].len(), "{word}");
    }
    let counts = report["frequent"].as_array().unwrap().iter();
    let counts: Vec<_> = counts.map(|found| found["count"].as_u64()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");

    let queries = report["queries"].as_array().unwrap();
    assert_eq!(queries[0]["files"], files["arena"].len());
    assert_eq!(queries[0]["count"], all["arena"]);
    let both = files["heap_2"].intersection(&files["äpfel"]).count();
    assert_eq!(queries[1]["files"], both);
    for best in queries[0]["best"].as_array().unwrap() {
        let path = Path::new(best["path"].as_str().unwrap());
        let file = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        assert_eq!(best["line"], first_lines[&("arena".to_owned(), file)]);
    }
    let scratch = &report["scratch"];
    assert_eq!(scratch["resets"], 9);
    // Each file has a table, and a word and its lines for each of its words.
    assert_eq!(scratch["all_blocks"], 2 * postings + 9);
    assert_eq!(scratch["peak"]["blocks"], 2 * all.len() + 1);
}
