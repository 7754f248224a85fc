//! The carriers: packages on crates.io that have upstream's source in them.
//!
//! `upstream.toml` pins the carriers; the manifest of `mimalloc-sys` and the lock
//! files have to say the same.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value, value};

use crate::engine::{Carrier, Engine, Pin};
use crate::files;

/// The condition that is true nowhere.
const NOWHERE: &str = "cfg(any())";

/// The lock files that name `mimalloc-sys`.
const LOCKS: [&str; 3] = [
    "Cargo.lock",
    "tests/peers/rows/ours/Cargo.lock",
    "tests/peers/rows/ours-v2/Cargo.lock",
];

/// The manifest that depends on the carriers.
pub(crate) const MANIFEST: &str = "mimalloc-sys/Cargo.toml";

/// Names each statement of the manifest and the lock files that contradicts the pins.
pub(crate) fn mistakes() -> Result<Vec<String>> {
    let pins = Engine::ALL.map(Pin::load);
    let pins: Vec<Pin> = pins.into_iter().collect::<Result<_>>()?;
    let carriers: Vec<&Carrier> = pins.iter().filter_map(Pin::carrier).collect();
    let mut found = in_manifest(&carriers, &files::read(MANIFEST)?)?;
    for name in LOCKS {
        found.extend(in_lock(&carriers, name, &files::read(name)?)?);
    }
    Ok(found)
}

/// Compares the dependencies in the text of a manifest with the carriers.
fn in_manifest(carriers: &[&Carrier], text: &str) -> Result<Vec<String>> {
    const HELP: &str = "upstream.toml pins it so; `cargo xtask bump` keeps both alike";
    let document: DocumentMut = text.parse()?;
    let table = document
        .get("target")
        .and_then(|target| target.get(NOWHERE)?.get("dependencies"))
        .and_then(Item::as_table_like);
    let mut mistakes = Vec::new();
    for Carrier {
        package, version, ..
    } in carriers
    {
        let exact = format!("={version}");
        let found = table.and_then(|table| table.get(package));
        let stated = found.and_then(|found| found.get("version")?.as_str());
        let default = found.and_then(|found| found.get("default-features")?.as_bool());
        if stated != Some(&exact) || default != Some(false) {
            mistakes.push(format!(
                "{MANIFEST}: depend for `{NOWHERE}` on {package} `{exact}` without default \
                 features: {HELP}"
            ));
        }
    }
    for (name, _) in table.into_iter().flat_map(TableLike::iter) {
        if carriers.iter().all(|carrier| carrier.package != name) {
            mistakes.push(format!(
                "{MANIFEST}: {name} is no carrier of a pin: take it out"
            ));
        }
    }
    Ok(mistakes)
}

/// Compares versions and checksums in the text of a lock file with the carriers.
fn in_lock(carriers: &[&Carrier], name: &str, text: &str) -> Result<Vec<String>> {
    let mut mistakes = Vec::new();
    for carrier in carriers {
        let Carrier {
            package, version, ..
        } = carrier;
        match locked(text, package, version)? {
            Some(found) if found == carrier.checksum => {}
            Some(found) => mistakes.push(format!(
                "{name}: {package} {version} has the checksum {found}, but upstream.toml pins {}: \
                 find out which of them the registry has",
                carrier.checksum
            )),
            None => mistakes.push(format!(
                "{name}: lacks {package} {version}: run `cargo metadata` in its directory"
            )),
        }
    }
    Ok(mistakes)
}

/// Returns the checksum of a package in the text of a lock file.
fn locked(lock: &str, package: &str, version: &str) -> Result<Option<String>> {
    let document: DocumentMut = lock.parse()?;
    let tables = document.get("package").and_then(Item::as_array_of_tables);
    let found = tables.into_iter().flatten().find(|table| {
        let says = |key, text| table.get(key).and_then(Item::as_str) == Some(text);
        says("name", package) && says("version", version)
    });
    Ok(found.and_then(|table| Some(table.get("checksum")?.as_str()?.to_owned())))
}

/// Has cargo find a carrier, or download it; returns its directory and checksum.
pub(crate) fn locate(package: &str, version: &str) -> Result<(PathBuf, String)> {
    let temp = tempfile::tempdir()?;
    let manifest = temp.path().join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"mimalloc-source\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [lib]\npath = \"lib.rs\"\n\n[workspace]\n\n[dependencies]\n\
         {package} = {{ version = \"={version}\", default-features = false }}\n"
    );
    files::write(&manifest, &text)?;
    files::write(temp.path().join("lib.rs"), "")?;
    // Those who are offline may have the package already. This failure is not the
    // last word, so that its message stays unprinted.
    let offline = metadata(&manifest).arg("--offline").output()?;
    let printed = match offline.status.success() {
        true => String::from_utf8(offline.stdout)?,
        false => files::output(&mut metadata(&manifest))?,
    };
    let metadata: serde_json::Value = serde_json::from_str(&printed)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let dir = packages
        .filter(|found| found["name"] == package && found["version"] == version)
        .find_map(|found| Path::new(found["manifest_path"].as_str()?).parent())
        .with_context(|| format!("cargo does not find {package} {version}"))?;
    let lock = files::read(temp.path().join("Cargo.lock"))?;
    let checksum = locked(&lock, package, version)?
        .with_context(|| format!("the registry has no checksum of {package} {version}"))?;
    Ok((dir.to_path_buf(), checksum))
}

fn metadata(manifest: &Path) -> std::process::Command {
    let mut cargo = files::cargo(&["metadata", "--format-version=1", "--manifest-path"]);
    cargo.arg(manifest);
    cargo
}

/// Returns the text of the manifest with the carrier of one pin in place of
/// another's; comments stay.
pub(crate) fn move_in_manifest(text: &str, old: &Pin, new: &Pin) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let table = document
        .get_mut("target")
        .and_then(|target| target.get_mut(NOWHERE)?.get_mut("dependencies"))
        .and_then(Item::as_table_mut)
        .with_context(|| format!("no [target.'{NOWHERE}'.dependencies]"))?;
    if let Some(carrier) = old.carrier() {
        table.remove(&carrier.package);
    }
    if let Some(carrier) = new.carrier() {
        let mut dependency = InlineTable::new();
        dependency.insert("version", Value::from(format!("={}", carrier.version)));
        dependency.insert("default-features", Value::from(false));
        table.insert(&carrier.package, value(dependency));
    }
    table.sort_values();
    Ok(document.to_string())
}

/// Has cargo write the manifest's carriers into the lock files, and nothing else.
pub(crate) fn lock() -> Result<()> {
    for name in LOCKS {
        let manifest = files::root().join(name).with_file_name("Cargo.toml");
        files::output(&mut metadata(&manifest))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Origin;

    const TOML: &str = "\
[package]
name = \"m\"

# Why.
[target.'cfg(any())'.dependencies]
one = { version = \"=1.0.0\", default-features = false }
two = { version = \"=2.0.0\", default-features = false }
";

    const LOCK: &str = "version = 4\n\n\
        [[package]]\nname = \"one\"\nversion = \"0.9.0\"\nchecksum = \"old\"\n\n\
        [[package]]\nname = \"one\"\nversion = \"1.0.0\"\nchecksum = \"abc\"\n\n\
        [[package]]\nname = \"two\"\nversion = \"2.0.0\"\nchecksum = \"def\"\n";

    fn carrier(package: &str, version: &str, checksum: &str) -> Carrier {
        let [package, version, checksum] = [package, version, checksum].map(str::to_owned);
        let path = "c".to_owned();
        Carrier {
            package,
            version,
            checksum,
            path,
        }
    }

    fn pin(origin: Origin) -> Pin {
        Pin {
            version: "3.6.1".parse().unwrap(),
            released: None,
            origin,
            digest: String::new(),
        }
    }

    #[test]
    fn a_manifest_says_what_the_pins_say() {
        let (one, two) = (carrier("one", "1.0.0", ""), carrier("two", "2.0.0", ""));
        assert_eq!(in_manifest(&[&one, &two], TOML).unwrap(), [""; 0]);
        for (was, is, complaint) in [
            ("=1.0.0", "=1.0.1", "on one `=1.0.0`"),
            ("=1.0.0", "1.0.0", "on one `=1.0.0`"),
            ("false }\ntwo", "true }\ntwo", "on one `=1.0.0`"),
            ("two = ", "three = ", "on two `=2.0.0`"),
            ("cfg(any())", "cfg(unix)", "on one `=1.0.0`"),
        ] {
            let found = in_manifest(&[&one, &two], &TOML.replace(was, is)).unwrap();
            assert!(found[0].contains(complaint), "{found:?}");
        }
        let found = in_manifest(&[&one], TOML).unwrap();
        assert!(found[0].contains("two is no carrier"), "{found:?}");
    }

    #[test]
    fn a_lock_file_says_what_the_pins_say() {
        let (one, two) = (
            carrier("one", "1.0.0", "abc"),
            carrier("two", "2.0.0", "def"),
        );
        let check = |lock: &str| in_lock(&[&one, &two], "l", lock).unwrap().join("\n");
        assert_eq!(check(LOCK), "");
        assert!(check(&LOCK.replace("abc", "xyz")).contains("one 1.0.0 has the checksum xyz"));
        assert!(check(&LOCK.replace("2.0.0", "2.0.1")).contains("lacks two 2.0.0"));
    }

    #[test]
    fn a_carrier_moves_alone() {
        let one = pin(Origin::Carrier(carrier("one", "1.0.0", "abc")));
        let zero = pin(Origin::Carrier(carrier("zero", "3.0.0", "abc")));
        let git = pin(Origin::Git {
            url: "u".to_owned(),
            reference: "r".to_owned(),
        });
        let line = "one = { version = \"=1.0.0\", default-features = false }\n";
        for (other, expected) in [
            (
                &zero,
                "zero = { version = \"=3.0.0\", default-features = false }\n",
            ),
            (&git, ""),
        ] {
            let text = move_in_manifest(TOML, &one, other).unwrap();
            assert_eq!(text, TOML.replace(line, "") + expected);
            assert_eq!(move_in_manifest(&text, other, &one).unwrap(), TOML);
        }
    }
}
