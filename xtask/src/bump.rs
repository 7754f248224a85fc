//! `cargo xtask bump`: moves an engine to another version of mimalloc.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt as _};

use crate::engine::{Carrier, Engine, Origin, Pin, UPSTREAM_GIT, Version, vendor_dir};
use crate::upstream::Source;
use crate::{api, bindgen, carriers, files, tidy, vendor};

/// A version to move to, at hand on this machine.
struct Candidate {
    source: Source,
    origin: Origin,
    version: Version,
    released: Option<String>,
}

/// Runs the command.
pub(crate) fn run(mut args: lexopt::Parser) -> Result<()> {
    let mut engine: Option<Engine> = None;
    let (mut carrier, mut from, mut released) = (None, None, None);
    let mut dry_run = false;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(name) if engine.is_none() => engine = Some(name.parse()?),
            Arg::Long("carrier") => carrier = Some(args.value()?.string()?),
            Arg::Long("from") => from = Some(args.value()?.string()?),
            Arg::Long("released") => released = Some(args.value()?.string()?),
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
    candidate.released = released.or(candidate.released);
    let old = Pin::load(engine)?;
    println!(
        "{engine}: mimalloc {} => {}",
        old.version, candidate.version
    );
    let fresh = bindgen::generate(engine, &candidate.source.dir.join("include"))?;
    let changes = changes(&files::read(engine.bindings())?, &fresh)?;
    println!("{}", changes.join("\n"));
    if dry_run {
        println!("dry run: nothing was changed");
        return Ok(());
    }
    let mentions = apply(engine, &old, candidate, &fresh)?;
    println!(
        "wrote the tree, its list, the pin, the carrier, the lock files, the bindings and each \
         statement of the version: see `git diff`"
    );
    print!(
        "other mentions of {}, for you to judge:\n{mentions}",
        old.version
    );
    println!("left for you: the rest of \"Bumping mimalloc\" in CONTRIBUTING.md");
    Ok(())
}

/// Finds the source inside `<package>@<version>:<path>`.
fn carried(engine: Engine, spec: &str) -> Result<Candidate> {
    let (package, version, path) = split_carrier(spec)?;
    let (dir, checksum) = carriers::locate(package, version)?;
    let source = Source::plain(dir.join(path));
    let upstream = Version::of_tree(engine, &source.dir)?;
    let [package, version, path] = [package, version, path].map(str::to_owned);
    let origin = Origin::Carrier(Carrier {
        package,
        version,
        checksum,
        path,
    });
    Ok(Candidate {
        source,
        origin,
        version: upstream,
        released: None,
    })
}

/// Takes the source from a directory or git.
fn given(engine: Engine, spec: &str) -> Result<Candidate> {
    let source = Source::of_spec(spec)?;
    let version = Version::of_tree(engine, &source.dir)?;
    let tag = version.tag();
    let is_url = |place: &str| place.contains("://") || place.contains('@');
    // A path of this machine means nothing elsewhere; the sums tell whether
    // upstream's tag holds the same. A branch moves, a commit doesn't.
    let (url, reference) = match &source.commit {
        Some(commit) if is_url(&commit.place) && commit.reference == tag => (&*commit.place, tag),
        Some(commit) if is_url(&commit.place) => (&*commit.place, commit.id.clone()),
        _ => (UPSTREAM_GIT, tag),
    };
    let origin = Origin::Git {
        url: url.to_owned(),
        reference,
    };
    let released = source.commit.as_ref().map(|commit| commit.date.clone());
    Ok(Candidate {
        source,
        origin,
        version,
        released,
    })
}

/// Lists the functions and options that differ between two bindings, and the
/// files that have to follow.
fn changes(old: &str, fresh: &str) -> Result<Vec<String>> {
    let ((was, had), (now, have)) = (api::declared(old)?, api::declared(fresh)?);
    let [was, now] = [was, now].map(|names| names.into_keys().collect::<BTreeSet<_>>());
    let mut lines = Vec::new();
    for (what, was, now, advice) in [
        (
            "functions",
            was,
            now,
            "account for them in xtask/coverage.toml and xtask/oldest.toml, and gate in \
             mimalloc/build.rs the items that call new ones",
        ),
        (
            "options",
            had,
            have,
            "each has a row in mimalloc/src/option/; read what its values do before you say `Safe`",
        ),
    ] {
        lines.push(format!("{what}: {} => {}", was.len(), now.len()));
        lines.extend(now.difference(&was).map(|name| format!("  + {name}")));
        lines.extend(was.difference(&now).map(|name| format!("  - {name}")));
        if was != now {
            lines.push(format!("  {advice}"));
        }
    }
    Ok(lines)
}

/// Writes everything that states or follows from the version; returns the lines
/// that still mention the old version.
fn apply(engine: Engine, old: &Pin, candidate: Candidate, fresh: &str) -> Result<String> {
    let sums = vendor::materialise(&candidate.source.dir, &engine.tree(), None)?;
    files::write(engine.sums_in(&vendor_dir()), &sums.render())?;
    let new = Pin {
        version: candidate.version,
        released: candidate.released,
        origin: candidate.origin,
        digest: sums.digest(),
    };
    let path = vendor_dir().join("upstream.toml");
    files::write(&path, &new.write_into(engine, &files::read(&path)?)?)?;
    let manifest = carriers::move_in_manifest(&files::read(carriers::MANIFEST)?, old, &new)?;
    files::write(carriers::MANIFEST, &manifest)?;
    files::write(engine.bindings(), fresh)?;
    tidy::restate(engine, new.version)?;
    // The version of the manifest is also in the lock files.
    carriers::lock()?;
    if new.carrier().is_none() {
        println!("no package carries this version: a fresh clone must run `cargo xtask vendor`");
    }
    // Files that are generated, tell history or give examples are left out.
    let (version, number) = (old.version.to_string(), old.version.number().to_string());
    let mut grep = files::git(&["grep", "-nwF", "-e", &version, "-e", &number, "--", "."]);
    grep.args([
        ":!CHANGELOG.md",
        ":!mimalloc-sys/vendor",
        ":!*/bindings/*",
        ":!xtask",
    ]);
    // The status of `git grep` is 1 if no line matches.
    Ok(String::from_utf8_lossy(&grep.output()?.stdout).into_owned())
}

/// Splits `<package>@<version>:<path>`.
fn split_carrier(spec: &str) -> Result<(&str, &str, &str)> {
    let parts = spec.split_once('@').and_then(|(package, rest)| {
        let (version, path) = rest.split_once(':')?;
        (!package.is_empty() && !version.is_empty() && !path.is_empty())
            .then_some((package, version, path))
    });
    parts.with_context(|| format!("`{spec}` is not `<package>@<version>:<path inside>`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_of_bindings_are_listed() {
        let old = "pub const mi_option_verbose: mi_option_e = 0;
                   unsafe extern \"C\" { pub fn mi_old(); pub fn mi_both(); }";
        let fresh = "pub const mi_option_verbose: mi_option_e = 0;
                     pub const mi_option_fresh: mi_option_e = 1;
                     unsafe extern \"C\" { pub fn mi_both(); pub fn mi_fresh(); }";
        let lines = changes(old, fresh).unwrap();
        assert_eq!(
            lines[..3],
            ["functions: 2 => 2", "  + mi_fresh", "  - mi_old"]
        );
        assert_eq!(lines[4..6], ["options: 1 => 2", "  + mi_option_fresh"]);
        assert_eq!(changes(old, old).unwrap().len(), 2);
    }

    #[test]
    fn carriers_are_split() {
        let split = split_carrier("libmimalloc-sys@0.1.49:c_src/mimalloc/v3").unwrap();
        assert_eq!(split, ("libmimalloc-sys", "0.1.49", "c_src/mimalloc/v3"));
        for wrong in ["a", "a@1", "a:b", "@1:b", "a@:b", "a@1:"] {
            assert!(split_carrier(wrong).is_err(), "{wrong}");
        }
    }
}
