//! Unit tests of `cargo xtask vendor`.

use tempfile::{TempDir, tempdir};

use super::*;

/// Writes a file, and the directories above it.
fn write(path: impl AsRef<Path>, text: &str) {
    let path = path.as_ref();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Takes the tree of an upstream into a vendor directory.
fn take(vendor: &Path, upstream: &Path) -> Result<()> {
    let (_, sums) = committed(Engine::V3, vendor)?;
    materialise(
        &Source::of_spec(upstream.to_str().unwrap())?,
        &vendor.join("v3"),
        &sums,
    )
}

/// Makes an upstream with two files too many.
fn upstream() -> TempDir {
    let temp = tempdir().unwrap();
    for (path, text) in [
        ("include/mimalloc.h", "#define MI_MALLOC_VERSION 30601\n"),
        ("include/mimalloc/types.h", "types"),
        ("src/static.c", "static"),
        ("src/prim/prim.c", "prim"),
        ("src/prim/readme.md", "not copied"),
        ("CMakeLists.txt", "not copied"),
        ("LICENSE", "MIT"),
    ] {
        write(temp.path().join(path), text);
    }
    temp
}

/// Makes a vendor directory as it is committed, with the tree of [`upstream`].
fn vendor() -> TempDir {
    let (upstream, vendor) = (upstream(), tempdir().unwrap());
    let source = Source::of_spec(upstream.path().to_str().unwrap()).unwrap();
    pin(vendor.path(), &source.sums().unwrap());
    take(vendor.path(), upstream.path()).unwrap();
    vendor
}

/// Writes the list and the pin.
fn pin(vendor: &Path, sums: &Sums) {
    let list = render(sums);
    write(vendor.join("v3.sha256"), &list);
    let digest = sha256(list.as_bytes());
    let text = format!("[v3]\nversion = \"3.6.1\"\ndigest = \"{digest}\"\n");
    write(vendor.join("upstream.toml"), &text);
}

/// Returns what the check says about a vendor directory that it must refuse.
fn complaint(vendor: &Path) -> String {
    format!("{:#}", check(Engine::V3, vendor).unwrap_err())
}

#[test]
fn only_the_wanted_files_are_taken() {
    let vendor = vendor();
    check(Engine::V3, vendor.path()).unwrap();
    let tree = vendor.path().join("v3");
    let expected = [
        "LICENSE",
        "include/mimalloc.h",
        "include/mimalloc/types.h",
        "src/prim/prim.c",
        "src/static.c",
    ];
    let found = every_sum(&tree).unwrap();
    assert!(found.0.keys().eq(&expected));
    // Nothing else is left beside the tree.
    assert_eq!(fs::read_dir(vendor.path()).unwrap().count(), 3);
    assert!(source::version(Engine::V2, &tree).is_err());
}

#[test]
fn a_changed_tree_is_refused() {
    type Change = fn(&Path);
    let changes: [(Change, &str); 6] = [
        (
            |tree| write(tree.join("src/static.c"), "statiC"),
            "src/static.c differs, and 0 more differ: run `cargo xtask vendor`",
        ),
        (
            |tree| fs::remove_file(tree.join("LICENSE")).unwrap(),
            "LICENSE is missing",
        ),
        (
            |tree| write(tree.join("src/extra.c"), ""),
            "src/extra.c is not in the list",
        ),
        (
            |tree| {
                write(tree.join("src/a.c"), "");
                fs::remove_file(tree.join("LICENSE")).unwrap();
            },
            "LICENSE is missing, and 1 more",
        ),
        (|tree| fs::remove_dir_all(tree).unwrap(), "v3 is missing"),
        // A list that fits the changed tree is not the list that is pinned.
        (
            |tree| {
                write(tree.join("src/static.c"), "another");
                let sums = render(&every_sum(tree).unwrap());
                write(tree.with_file_name("v3.sha256"), &sums);
            },
            "is not the list",
        ),
    ];
    for (change, expected) in changes {
        let vendor = vendor();
        change(&vendor.path().join("v3"));
        let complaint = complaint(vendor.path());
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn the_check_looks_at_the_version_of_the_tree() {
    let vendor = vendor();
    let tree = vendor.path().join("v3");
    let header = "#define MI_MALLOC_VERSION 30600\n";
    write(tree.join("include/mimalloc.h"), header);
    pin(vendor.path(), &every_sum(&tree).unwrap());
    let complaint = complaint(vendor.path());
    assert!(complaint.contains("holds 3.6.0"), "{complaint}");
}

#[test]
fn another_source_is_refused_and_the_old_tree_stays() {
    let (vendor, other) = (vendor(), upstream());
    let changed = other.path().join("src/prim/prim.c");
    let take = || take(vendor.path(), other.path());
    write(&changed, "prim, and a function more");
    let error = take().unwrap_err().to_string();
    assert!(error.contains("prim.c differs"), "{error}");
    check(Engine::V3, vendor.path()).unwrap();
    assert_eq!(fs::read_dir(vendor.path()).unwrap().count(), 3);
    let tree = vendor.path().join("v3");
    fs::remove_dir_all(&tree).unwrap();
    assert!(take().is_err() && !tree.exists());
    write(&changed, "prim");
    take().unwrap();
    check(Engine::V3, vendor.path()).unwrap();
}

#[test]
fn a_tree_that_is_right_is_left_alone() {
    let (vendor, again) = (vendor(), upstream());
    let licence = vendor.path().join("v3/LICENSE");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let file = fs::File::options().write(true).open(&licence).unwrap();
    file.set_modified(long_ago).unwrap();
    drop(file);
    take(vendor.path(), again.path()).unwrap();
    let found = fs::metadata(licence).unwrap().modified().unwrap();
    assert_eq!(found, long_ago);
    assert_eq!(fs::read_dir(vendor.path()).unwrap().count(), 3);
}

#[test]
fn a_second_witness_is_compared_and_nothing_is_changed() {
    let (vendor, other) = (vendor(), upstream());
    let (_, sums) = committed(Engine::V3, vendor.path()).unwrap();
    let source = Source::of_spec(other.path().to_str().unwrap()).unwrap();
    compare(&source, &sums).unwrap();
    write(other.path().join("LICENSE"), "another");
    let error = compare(&source, &sums).unwrap_err().to_string();
    assert!(error.contains("1 differences:\nLICENSE differs"), "{error}");
    check(Engine::V3, vendor.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn links_and_pipes_are_refused() {
    use std::os::unix::fs::symlink;
    type Make = fn(&Path);
    let odd: [(&str, Make); 4] = [
        ("src/dir", |at| symlink("prim", at).unwrap()),
        ("src/link.c", |at| symlink("static.c", at).unwrap()),
        ("src/loop", |at| symlink("..", at).unwrap()),
        ("src/pipe.c", |at| {
            let made = std::process::Command::new("mkfifo").arg(at).status();
            assert!(made.unwrap().success());
        }),
    ];
    for (name, make) in odd {
        let (vendor, upstream) = (vendor(), upstream());
        make(&vendor.path().join("v3").join(name));
        let complaint = complaint(vendor.path());
        assert!(complaint.contains("neither a file nor"), "{complaint}");
        // A source like that is refused as well; a good one replaces the tree.
        make(&upstream.path().join(name));
        let bad = take(vendor.path(), upstream.path());
        assert!(format!("{:#}", bad.unwrap_err()).contains("neither a file nor"));
        fs::remove_file(upstream.path().join(name)).unwrap();
        take(vendor.path(), upstream.path()).unwrap();
        check(Engine::V3, vendor.path()).unwrap();
    }
}

/// Runs the command itself, on one engine.
#[test]
fn the_command_checks_what_it_is_told_to() {
    let (vendor, other) = (vendor(), upstream());
    let place = other.path().to_str().unwrap().to_owned();
    let run = |check: bool, from: Option<&str>| {
        let args = Args {
            check,
            from: from.map(str::to_owned),
            upstream: false,
            engine: Some(Engine::V3),
        };
        run_in(&args, vendor.path())
    };
    run(true, None).unwrap();
    run(true, Some(&place)).unwrap();
    // A changed tree fails the check, and stays as it is until it is replaced.
    let file = vendor.path().join("v3/src/static.c");
    write(&file, "changed");
    assert!(run(true, None).is_err());
    run(true, Some(&place)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "changed");
    run(false, Some(&place)).unwrap();
    run(true, None).unwrap();
    // Another source fails the check, and is not taken.
    write(other.path().join("src/static.c"), "another");
    assert!(run(true, Some(&place)).is_err());
    assert!(run(false, Some(&place)).is_err());
    run(true, None).unwrap();
}
