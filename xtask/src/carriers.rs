//! The carriers: packages on crates.io that have upstream's source in them.
//!
//! `upstream.toml` pins them; the manifest of `mimalloc-sys` and the lock files
//! have to say the same.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value, value};

use crate::engine::{Engine, Origin, Pin};
use crate::files::{self, TempDir};

/// The condition that is true nowhere.
const NOWHERE: &str = "cfg(any())";

/// The lock files that name `mimalloc-sys`.
const LOCKS: [&str; 3] = [
    "Cargo.lock",
    "tests/peers/rows/ours/Cargo.lock",
    "tests/peers/rows/ours-v2/Cargo.lock",
];

/// The manifest that depends on the carriers.
pub(crate) fn manifest() -> PathBuf {
    files::root().join("mimalloc-sys/Cargo.toml")
}

/// Names what the manifest and the lock files say otherwise than the pins.
pub(crate) fn mistakes() -> Result<Vec<String>> {
    let pins = Engine::ALL
        .into_iter()
        .map(Pin::load)
        .collect::<Result<Vec<_>>>()?;
    let mut found = in_manifest(&pins, &files::read(&manifest())?)?;
    for name in LOCKS {
        let lock = files::read(&files::root().join(name))?;
        found.extend(in_lock(&pins, name, &lock)?);
    }
    Ok(found)
}

/// Compares the dependencies in the text of a manifest with the pins.
fn in_manifest(pins: &[Pin], text: &str) -> Result<Vec<String>> {
    const HELP: &str = "upstream.toml pins it so; `cargo xtask bump` keeps both alike";
    let document: DocumentMut = text.parse()?;
    let table = document
        .get("target")
        .and_then(|target| target.get(NOWHERE)?.get("dependencies"))
        .and_then(Item::as_table_like);
    let mut mistakes = Vec::new();
    let carriers: Vec<_> = pins.iter().filter_map(carrier).collect();
    for (package, version, _) in &carriers {
        let wanted = format!("={version}");
        let found = table.and_then(|table| table.get(package));
        let text = |key| found?.get(key)?.as_str();
        let has_default = found.and_then(|found| found.get("default-features")?.as_bool());
        if text("version") != Some(&wanted) || has_default != Some(false) {
            mistakes.push(format!(
                "mimalloc-sys/Cargo.toml: depend for `{NOWHERE}` on {package} `{wanted}` without \
                 default features: {HELP}"
            ));
        }
    }
    for (name, _) in table.into_iter().flat_map(TableLike::iter) {
        if carriers.iter().all(|(package, ..)| *package != name) {
            mistakes.push(format!(
                "mimalloc-sys/Cargo.toml: {name} is no carrier of a pin: take it out"
            ));
        }
    }
    Ok(mistakes)
}

/// Compares versions and checksums in the text of a lock file with the pins.
fn in_lock(pins: &[Pin], name: &str, text: &str) -> Result<Vec<String>> {
    let mut mistakes = Vec::new();
    for (package, version, checksum) in pins.iter().filter_map(carrier) {
        match locked(text, package, version)? {
            Some(found) if found == checksum => {}
            Some(found) => mistakes.push(format!(
                "{name}: {package} {version} has the checksum {found}, but upstream.toml pins \
                 {checksum}: find out which of them the registry has"
            )),
            None => mistakes.push(format!(
                "{name}: lacks {package} {version}: run `cargo metadata` in its directory"
            )),
        }
    }
    Ok(mistakes)
}

/// Package, version and checksum of the carrier that a pin names.
fn carrier(pin: &Pin) -> Option<(&str, &str, &str)> {
    match &pin.origin {
        Origin::Carrier {
            package,
            version,
            checksum,
            ..
        } => Some((package, version, checksum)),
        Origin::Git { .. } => None,
    }
}

/// The checksum of a package in the text of a lock file.
fn locked(lock: &str, package: &str, version: &str) -> Result<Option<String>> {
    let document: DocumentMut = lock.parse()?;
    let found = document
        .get("package")
        .and_then(Item::as_array_of_tables)
        .into_iter()
        .flatten()
        .find(|table| {
            let text = |key| table.get(key).and_then(Item::as_str);
            text("name") == Some(package) && text("version") == Some(version)
        })
        .and_then(|table| table.get("checksum")?.as_str());
    Ok(found.map(str::to_owned))
}

/// Has cargo find a carrier, or download it; returns its directory and checksum.
pub(crate) fn locate(package: &str, version: &str) -> Result<(PathBuf, String)> {
    let temp = TempDir::new()?;
    let manifest = temp.path().join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"mimalloc-source\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n[dependencies]\n\
         {package} = {{ version = \"={version}\", default-features = false }}\n"
    );
    files::write(&manifest, &text)?;
    files::write(&temp.path().join("lib.rs"), "")?;
    // First what is there already, for those who are offline.
    let printed = ask(&manifest, true).or_else(|_| ask(&manifest, false))?;
    let metadata: serde_json::Value = serde_json::from_str(&printed)?;
    let dir = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|found| found["name"] == package && found["version"] == version)
        .and_then(|found| Path::new(found["manifest_path"].as_str()?).parent())
        .map(Path::to_path_buf)
        .with_context(|| format!("cargo does not find {package} {version}"))?;
    let lock = files::read(&temp.path().join("Cargo.lock"))?;
    let checksum = locked(&lock, package, version)?
        .with_context(|| format!("the registry has no checksum of {package} {version}"))?;
    Ok((dir, checksum))
}

fn ask(manifest: &Path, offline: bool) -> Result<String> {
    let mut cargo = files::cargo();
    cargo
        .args(["metadata", "--format-version=1", "--manifest-path"])
        .arg(manifest);
    if !offline {
        return files::output(&mut cargo);
    }
    // A failure is not the last word, so nobody needs to read of it.
    let result = cargo.arg("--offline").output()?;
    if !result.status.success() {
        bail!("{cargo:?} failed ({})", result.status);
    }
    Ok(String::from_utf8(result.stdout)?)
}

/// The text of the manifest with the carrier of one pin in place of another's;
/// comments stay.
pub(crate) fn move_in_manifest(text: &str, old: &Pin, new: &Pin) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let table = document
        .get_mut("target")
        .and_then(|target| target.get_mut(NOWHERE)?.get_mut("dependencies"))
        .and_then(Item::as_table_mut)
        .with_context(|| format!("no [target.'{NOWHERE}'.dependencies]"))?;
    if let Some((package, ..)) = carrier(old) {
        table.remove(package);
    }
    if let Some((package, version, _)) = carrier(new) {
        let mut dependency = InlineTable::new();
        dependency.insert("version", Value::from(format!("={version}")));
        dependency.insert("default-features", Value::from(false));
        table.insert(package, value(dependency));
    }
    table.sort_values();
    Ok(document.to_string())
}

/// Has cargo write the manifest's carriers into the lock files, and nothing else.
pub(crate) fn lock() -> Result<()> {
    for name in LOCKS {
        let manifest = files::root().join(name).with_file_name("Cargo.toml");
        let mut cargo = files::cargo();
        cargo
            .args(["metadata", "--format-version=1", "--manifest-path"])
            .arg(manifest);
        files::output(&mut cargo)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "\
[package]
name = \"m\"

# Why.
[target.'cfg(any())'.dependencies]
one = { version = \"=1.0.0\", default-features = false }
two = { version = \"=2.0.0\", default-features = false }
";

    const LOCK: &str = "\
version = 4

[[package]]
name = \"one\"
version = \"0.9.0\"
checksum = \"old\"

[[package]]
name = \"one\"
version = \"1.0.0\"
checksum = \"abc\"

[[package]]
name = \"two\"
version = \"2.0.0\"
checksum = \"def\"
";

    fn pin(package: &str, version: &str, checksum: &str) -> Pin {
        Pin {
            version: "3.6.1".parse().unwrap(),
            released: None,
            origin: Origin::Carrier {
                package: package.to_owned(),
                version: version.to_owned(),
                checksum: checksum.to_owned(),
                path: "c".to_owned(),
            },
            digest: String::new(),
        }
    }

    fn pins() -> [Pin; 2] {
        [pin("one", "1.0.0", "abc"), pin("two", "2.0.0", "def")]
    }

    fn git() -> Pin {
        Pin {
            origin: Origin::Git {
                url: "u".to_owned(),
                reference: "r".to_owned(),
            },
            ..pin("", "", "")
        }
    }

    #[test]
    fn a_manifest_says_what_the_pins_say() {
        let none: [&str; 0] = [];
        assert_eq!(in_manifest(&pins(), MANIFEST).unwrap(), none);
        for (was, is, complaint) in [
            ("=1.0.0", "=1.0.1", "on one `=1.0.0`"),
            ("=1.0.0", "1.0.0", "on one `=1.0.0`"),
            ("false }\ntwo", "true }\ntwo", "on one `=1.0.0`"),
            ("two = ", "three = ", "on two `=2.0.0`"),
            ("cfg(any())", "cfg(unix)", "on one `=1.0.0`"),
        ] {
            let found = in_manifest(&pins(), &MANIFEST.replace(was, is)).unwrap();
            assert!(found[0].contains(complaint), "{found:?}");
        }
        let found = in_manifest(&pins()[..1], MANIFEST).unwrap();
        assert!(found[0].contains("two is no carrier"), "{found:?}");
    }

    #[test]
    fn a_lock_file_says_what_the_pins_say() {
        let none: [&str; 0] = [];
        assert_eq!(in_lock(&pins(), "l", LOCK).unwrap(), none);
        let found = in_lock(&pins(), "l", &LOCK.replace("abc", "xyz")).unwrap();
        assert!(found[0].contains("one 1.0.0 has the checksum xyz"));
        let found = in_lock(&pins(), "l", &LOCK.replace("2.0.0", "2.0.1")).unwrap();
        assert!(found[0].contains("lacks two 2.0.0"), "{found:?}");
    }

    #[test]
    fn a_carrier_moves_alone() {
        let [one, _] = pins();
        let new = pin("zero", "3.0.0", "abc");
        let text = move_in_manifest(MANIFEST, &one, &new).unwrap();
        assert_eq!(
            text.lines().skip(3).collect::<Vec<_>>(),
            [
                "# Why.",
                "[target.'cfg(any())'.dependencies]",
                "two = { version = \"=2.0.0\", default-features = false }",
                "zero = { version = \"=3.0.0\", default-features = false }",
            ]
        );
        assert_eq!(move_in_manifest(&text, &new, &one).unwrap(), MANIFEST);
        // Git carries nothing.
        let text = move_in_manifest(MANIFEST, &one, &git()).unwrap();
        assert!(!text.contains("one"), "{text}");
        assert_eq!(move_in_manifest(&text, &git(), &one).unwrap(), MANIFEST);
    }
}
