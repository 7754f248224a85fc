//! `cargo xtask bump`: moves an engine to another version of mimalloc.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt as _};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};

use crate::api::Api;
use crate::diff::Diff;
use crate::engine::{self, Engine, Origin, Pin, UPSTREAM_GIT};
use crate::files::{self, TempDir};
use crate::source::{self, Source};
use crate::version::Version;
use crate::{bindings, touched, vendor, versions};

/// A version to move to, at hand on this machine.
struct Candidate {
    source: Source,
    origin: Origin,
    version: Version,
    released: Option<String>,
    pin: NewPin,
}

/// A pin package that is not in place yet.
struct NewPin(TempDir);

impl NewPin {
    /// Makes it from the one in place, with another carrier or none.
    fn new(engine: Engine, carrier: Option<(&str, &str)>) -> Result<Self> {
        let pin = Self(TempDir::new()?);
        let manifest = pin.manifest();
        files::create_dir(manifest.parent().unwrap_or(pin.0.path()))?;
        let text = files::read(&engine.pin().join("Cargo.toml"))?;
        files::write(&manifest, &pin_manifest(&text, carrier)?)?;
        // The library that the manifest names.
        let library = files::read(&engine::vendor_dir().join("pin/empty.rs"))?;
        files::write(&pin.0.path().join("empty.rs"), &library)?;
        let mut cargo = files::cargo();
        cargo
            .args(["generate-lockfile", "--quiet", "--manifest-path"])
            .arg(&manifest);
        files::output(&mut cargo)?;
        Ok(pin)
    }

    /// Where the manifest is.
    fn manifest(&self) -> PathBuf {
        self.0.path().join("package/Cargo.toml")
    }

    /// The text of the lock file.
    fn lock(&self) -> Result<String> {
        files::read(&self.manifest().with_file_name("Cargo.lock"))
    }
}

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let mut engine: Option<Engine> = None;
    let (mut carrier, mut from, mut released) = (None::<String>, None::<String>, None::<String>);
    let mut dry_run = false;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(name) if engine.is_none() => engine = Some(name.string()?.parse()?),
            Arg::Long("carrier") => carrier = Some(args.value()?.parse()?),
            Arg::Long("from") => from = Some(args.value()?.parse()?),
            Arg::Long("released") => released = Some(args.value()?.parse()?),
            Arg::Long("dry-run") => dry_run = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let engine = engine.context("which engine? `cargo xtask bump <v3|v2> …`")?;
    let mut candidate = match (carrier, from) {
        (Some(carrier), None) => carried(engine, &carrier)?,
        (None, Some(spec)) => given(engine, &spec)?,
        _ => bail!(
            "where from? `--carrier <package>@<version>:<path>` or `--from <dir | git-url>#<ref>`"
        ),
    };
    if released.is_some() {
        candidate.released = released;
    }
    let old = Pin::load(engine)?;
    println!(
        "{engine}: mimalloc {} => {}",
        old.version, candidate.version
    );
    let fresh = bindings::generate(engine, &candidate.source.dir().join("include"))?;
    report(engine, &old, &candidate, &fresh)?;
    if dry_run {
        println!("dry run: nothing was changed");
        return Ok(());
    }
    apply(engine, &old, candidate, &fresh)
}

/// Finds the source inside `<package>@<version>:<path>`.
fn carried(engine: Engine, carrier: &str) -> Result<Candidate> {
    let (package, version, path) = split_carrier(carrier)?;
    let pin = NewPin::new(engine, Some((package, version)))?;
    let checksum = checksum(&pin.lock()?, package)?;
    let source = Source::plain(source::locate(&pin.manifest(), package, version)?.join(path));
    let upstream = Version::of_tree(engine, source.dir())?;
    let [package, version, path] = [package, version, path].map(str::to_owned);
    let origin = Origin::Carrier {
        package,
        version,
        checksum,
        path,
    };
    Ok(Candidate {
        source,
        origin,
        version: upstream,
        released: None,
        pin,
    })
}

/// Takes the source from a directory or git.
fn given(engine: Engine, spec: &str) -> Result<Candidate> {
    let source = Source::of_spec(spec)?;
    let version = Version::of_tree(engine, source.dir())?;
    let pin = NewPin::new(engine, None)?;
    let released = source.commit.as_ref().map(|commit| commit.date.clone());
    // A path of this machine means nothing elsewhere; the sums tell whether
    // upstream's tag holds the same. A branch moves, a commit doesn't.
    let origin = match &source.commit {
        Some(commit) if commit.place.contains("://") || commit.place.contains('@') => Origin::Git {
            url: commit.place.clone(),
            reference: if commit.reference == version.tag() {
                version.tag()
            } else {
                commit.id.clone()
            },
        },
        _ => Origin::Git {
            url: UPSTREAM_GIT.to_owned(),
            reference: version.tag(),
        },
    };
    Ok(Candidate {
        source,
        origin,
        version,
        released,
        pin,
    })
}

/// Prints the difference of the interfaces, and what it touches in the safe layer.
fn report(engine: Engine, old: &Pin, candidate: &Candidate, fresh: &str) -> Result<()> {
    let kept;
    let tree = engine.tree();
    let old_dir = if tree.is_dir() {
        tree.as_path()
    } else {
        kept = Source::of_pin(engine, &old.origin)?;
        kept.dir()
    };
    let was = Api::load(&engine.bindings(), &old_dir.join("include"))?;
    let mut now = Api::parse(fresh)?;
    now.inline = Api::load(&engine.bindings(), &candidate.source.dir().join("include"))?.inline;
    let diff = Diff::new(&was, &now);
    println!("{diff}");
    let safe = Path::new("mimalloc/src");
    let touches = touched::search(&files::root().join(safe), &diff.names())?;
    if touches.is_empty() {
        println!("safe layer: no item names any of these");
    } else {
        println!("safe layer: look at");
    }
    for touch in touches {
        let path = safe.join(touch.path);
        println!(
            "  {}:{}: {} ({})",
            path.display(),
            touch.line,
            touch.item,
            touch.name
        );
    }
    Ok(())
}

/// Writes everything that states or follows from the version.
fn apply(engine: Engine, old: &Pin, candidate: Candidate, fresh: &str) -> Result<()> {
    let sums = vendor::materialise(candidate.source.dir(), &engine.tree(), None)?;
    files::write(&engine.sums(), &sums.render())?;
    files::write(
        &engine.pin().join("Cargo.toml"),
        &files::read(&candidate.pin.manifest())?,
    )?;
    files::write(&engine.pin().join("Cargo.lock"), &candidate.pin.lock()?)?;
    let new = Pin {
        version: candidate.version,
        released: candidate.released,
        origin: candidate.origin,
        digest: sums.digest(),
    };
    let path = engine::upstream_toml();
    files::write(&path, &new.write_into(engine, &files::read(&path)?)?)?;
    files::write(&engine.bindings(), fresh)?;
    let changed = versions::restate(engine, old.version, new.version)?;
    let mentions = versions::other_mentions(old.version)?;
    // Only now: a reader that hangs up must not leave the work half done.
    print_done(engine, old, &new, &changed, &mentions);
    Ok(())
}

/// Says what was done, and what a person has to do.
fn print_done(engine: Engine, old: &Pin, new: &Pin, changed: &[String], mentions: &[String]) {
    println!(
        "wrote the tree, its list, the pin and {}",
        engine.bindings().display()
    );
    for name in changed {
        println!("restated the version in {name}");
    }
    if !mentions.is_empty() {
        println!("other mentions of {}, for you to judge:", old.version);
    }
    for mention in mentions {
        println!("  {mention}");
    }
    println!("left for you:");
    println!(
        "  CHANGELOG.md: \"mimalloc {} → {}\", with a link",
        old.version, new.version
    );
    let undefined = bindings::undefined(engine).join(", ");
    println!("  left out as undefined upstream: {undefined}; still so?");
    if new.released.is_none() {
        println!("  upstream.toml: when it was released (or bump with --released <date>)");
    }
    if matches!(new.origin, Origin::Git { .. }) {
        println!("  no package carries this version: a fresh clone must run `cargo xtask vendor`");
    }
    println!("  `cargo test --workspace`, with `--features v2` as well");
}

/// Splits `<package>@<version>:<path>`.
fn split_carrier(carrier: &str) -> Result<(&str, &str, &str)> {
    let parts = carrier.split_once('@').and_then(|(package, rest)| {
        let (version, path) = rest.split_once(':')?;
        Some((package, version, path))
    });
    match parts {
        Some((package, version, path))
            if [package, version, path].iter().all(|p| !p.is_empty()) =>
        {
            Ok((package, version, path))
        }
        _ => bail!("`{carrier}` is not `<package>@<version>:<path inside>`"),
    }
}

/// The manifest of a pin package with another carrier, or none; comments stay.
fn pin_manifest(text: &str, carrier: Option<(&str, &str)>) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let mut dependencies = Table::new();
    if let Some((package, version)) = carrier {
        let mut dependency = InlineTable::new();
        dependency.insert("version", format!("={version}").into());
        dependency.insert("default-features", false.into());
        dependencies.insert(package, value(dependency));
    }
    document.insert("dependencies", Item::Table(dependencies));
    Ok(document.to_string())
}

/// The checksum of a package in the text of a lock file.
fn checksum(lock: &str, package: &str) -> Result<String> {
    let document: DocumentMut = lock.parse()?;
    document
        .get("package")
        .and_then(|packages| packages.as_array_of_tables())
        .into_iter()
        .flatten()
        .find(|table| table.get("name").and_then(Item::as_str) == Some(package))
        .and_then(|table| table.get("checksum")?.as_str())
        .map(str::to_owned)
        .with_context(|| format!("the lock file has no checksum for {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_split() {
        let split = split_carrier("libmimalloc-sys@0.1.49:c_src/mimalloc/v3").unwrap();
        assert_eq!(split, ("libmimalloc-sys", "0.1.49", "c_src/mimalloc/v3"));
        for wrong in ["a", "a@1", "a:b", "@1:b", "a@:b", "a@1:"] {
            assert!(split_carrier(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_pin_keeps_its_comments_and_changes_its_carrier() {
        let text = "# why\n[package]\nname = \"pin\"\n\n[dependencies]\nold = \"=1.0.0\"\n";
        let expected = "# why\n[package]\nname = \"pin\"\n\n[dependencies]\n\
                        new = { version = \"=2.0.0\", default-features = false }\n";
        assert_eq!(
            pin_manifest(text, Some(("new", "2.0.0"))).unwrap(),
            expected
        );
        assert!(
            pin_manifest(text, None)
                .unwrap()
                .ends_with("[dependencies]\n")
        );
    }

    #[test]
    fn the_checksum_of_the_right_package_is_taken() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nchecksum = \"1\"\n\
                    [[package]]\nname = \"b\"\nchecksum = \"2\"\n[[package]]\nname = \"c\"\n";
        assert_eq!(checksum(lock, "b").unwrap(), "2");
        assert!(checksum(lock, "c").is_err());
    }
}
