//! Unit tests of what `xtask` shares with the build script, and of `source.rs`.

use std::fs;
use std::path::Path;

use crate::pin::{Engine, Pin, Sums, Version};
use crate::source;

#[test]
fn numbers_are_read_as_upstream_writes_them() {
    let texts = "2.0.9 2.1.7 2.2.4 2.3.0 2.5.2 3.1.6 3.0.12 3.2.8 3.3.0 3.6.2";
    let numbers = [209, 217, 224, 20300, 20502, 316, 3012, 3208, 30300, 30602];
    for (number, text) in numbers.into_iter().zip(texts.split(' ')) {
        let header = format!("#define MI_MALLOC_VERSION {number} // x\n");
        let version = Version::of_header(&header).unwrap();
        assert_eq!((version.0, &*version.to_string()), (number, text));
    }
    assert_eq!(Version::of_header("#define MI_MALLOC_VERSION x\n"), None);
}

#[test]
fn trees_older_than_the_crates_take_are_refused() {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("include")).unwrap();
    for (number, complaint) in [
        ("30302", ""),
        ("316", "3.1.6, which engine v3 can't be"),
        ("3208", "3.x from 3.3.2 on"),
        ("30301", "3.x from 3.3.2 on"),
        ("224", "2.2.4, which engine v3 can't be"),
    ] {
        let header = format!("#define MI_MALLOC_VERSION {number}\n");
        fs::write(tree.path().join("include/mimalloc.h"), &header).unwrap();
        let found = source::version(Engine::V3, tree.path());
        let found = found.map_or_else(|error| error.to_string(), |_| String::new());
        assert_eq!(found.is_empty(), complaint.is_empty(), "{number}");
        assert!(found.contains(complaint), "{found}");
    }
}

#[test]
fn pins_are_read_by_table() {
    let temp = tempfile::tempdir().unwrap();
    let vendor = temp.path().join("vendor");
    fs::create_dir(&vendor).unwrap();
    let text = "# carrier = \"no\"\n[v3]\r\nversion = \"3.6.1\"\r\ncarrier = \"c\"\r\n\
                path = \"c_src\"\r\n\r\n[v2]\nversion = \"2.5.2\"\n";
    fs::write(vendor.join("upstream.toml"), text).unwrap();
    let [v3, v2] = Engine::ALL.map(|engine| Pin::read(&vendor, engine).unwrap());
    assert_eq!(
        [v3.get("version"), v2.get("version")],
        [Ok("3.6.1"), Ok("2.5.2")]
    );
    assert_eq!(
        v2.carrier(&vendor).unwrap_err(),
        "upstream.toml lacks `carrier`"
    );
    for (manifest, expected) in [
        (
            "cc = \"1\"\nc = { version = \"=0.7.3\", a = 1 }\r\n",
            Ok("c-0.7.3"),
        ),
        (
            "[cc]\n[x.\"y\".dependencies.c]\nversion = \"=0.7.4\"\n",
            Ok("c-0.7.4"),
        ),
        (
            "c = { version = \"0.7.3\" }\n",
            Err("Cargo.toml has no exact version of c"),
        ),
    ] {
        fs::write(temp.path().join("Cargo.toml"), manifest).unwrap();
        let name = v3.carrier(&vendor).map(|carrier| carrier.name());
        assert_eq!(name.as_deref().map_err(String::as_str), expected);
    }
}

/// Reads a list; `A` stands for a sum.
fn sums(vendor: &Path, text: &str) -> Result<Sums, String> {
    let text = text.replace('A', &"a".repeat(64));
    fs::write(vendor.join("v3.sha256"), text).unwrap();
    Sums::read(vendor, Engine::V3)
}

#[test]
fn malformed_lists_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let read = |text| sums(temp.path(), text);
    assert_eq!(read("A  LICENSE\nA  src/a b.c\n").unwrap().0.len(), 2);
    for wrong in [
        "",
        "A LICENSE",
        "abc  LICENSE",
        "A  ../x",
        "A  /x",
        "A  ",
        "A  a\nx",
    ] {
        let error = read(wrong).unwrap_err();
        assert!(error.ends_with("is not a list of sums"), "{wrong}: {error}");
    }
}

#[test]
fn differences_come_sorted_by_path() {
    let temp = tempfile::tempdir().unwrap();
    let list = sums(temp.path(), "A  a\nA  b\nA  d\n").unwrap();
    let mut tree = sums(temp.path(), "A  b\nA  c\nA  d\n").unwrap();
    tree.0.insert("b".into(), "b".repeat(64));
    let expected = ["a is missing", "b differs", "c is not in the list"];
    assert_eq!(list.compare(&tree), expected);
    assert!(list.compare(&list).is_empty());
}
