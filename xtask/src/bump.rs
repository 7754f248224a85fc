//! `cargo xtask bump`: moves an engine to another version of mimalloc.

use std::path::Path;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt as _};

use crate::api::{Api, Names};
use crate::bindings::options;
use crate::diff::Diff;
use crate::engine::{self, Engine, Origin, Pin, UPSTREAM_GIT};
use crate::files;
use crate::source::Source;
use crate::version::Version;
use crate::{bindings, carriers, touched, vendor, versions};

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
    let (dir, checksum) = carriers::locate(package, version)?;
    let source = Source::plain(dir.join(path));
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
    })
}

/// Takes the source from a directory or git.
fn given(engine: Engine, spec: &str) -> Result<Candidate> {
    let source = Source::of_spec(spec)?;
    let version = Version::of_tree(engine, source.dir())?;
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
    let tasks = tasks(engine, &files::read(&engine.bindings())?, fresh)?;
    let sums = vendor::materialise(candidate.source.dir(), &engine.tree(), None)?;
    files::write(&engine.sums(), &sums.render())?;
    let new = Pin {
        version: candidate.version,
        released: candidate.released,
        origin: candidate.origin,
        digest: sums.digest(),
    };
    let path = engine::upstream_toml();
    files::write(&path, &new.write_into(engine, &files::read(&path)?)?)?;
    let manifest = carriers::manifest();
    let moved = carriers::move_in_manifest(&files::read(&manifest)?, old, &new)?;
    files::write(&manifest, &moved)?;
    files::write(&engine.bindings(), fresh)?;
    let changed = versions::restate(engine, old.version, new.version)?;
    // The version of the manifest is in the lock files, too.
    carriers::lock()?;
    let mentions = versions::other_mentions(old.version)?;
    // Only now: a reader that hangs up must not leave the work half done.
    print_done(engine, old, &new, &changed, &mentions, &tasks);
    Ok(())
}

/// Says what was done, and what a person has to do.
fn print_done(
    engine: Engine,
    old: &Pin,
    new: &Pin,
    changed: &[String],
    mentions: &[String],
    tasks: &[String],
) {
    println!(
        "wrote the tree, its list, the pin, the carrier and {}",
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
    for task in tasks {
        println!("  {task}");
    }
    let undefined = bindings::undefined(engine).join(", ");
    println!("  left out as undefined upstream: {undefined}; still so?");
    if new.released.is_none() {
        println!("  upstream.toml: when it was released (or bump with --released <date>)");
    }
    if matches!(new.origin, Origin::Git { .. }) {
        println!("  no package carries this version: a fresh clone must run `cargo xtask vendor`");
        if engine == Engine::V3 {
            println!("  mimalloc-sys/Cargo.toml: claim `links = \"mimalloc\"`, as the carrier did");
        }
    }
    println!("  `cargo test --workspace`, with `--features v2` as well");
}

/// What a person has to do because of what differs between two bindings.
fn tasks(engine: Engine, old: &str, fresh: &str) -> Result<Vec<String>> {
    let (was, now) = (Api::parse(old)?, Api::parse(fresh)?);
    let added = |was: &Names, now: &Names| -> Vec<String> {
        let added = now.keys().filter(|name| !was.contains_key(*name));
        added.cloned().collect()
    };
    let name = engine.name();
    let mut tasks = Vec::new();
    let options = added(&was.options, &now.options);
    if !options.is_empty() {
        tasks.push(format!(
            "mimalloc/src/option/{name}.rs: a row for {}; read what its values do before you say \
             `Safe`",
            options.join(", ")
        ));
    }
    let gone = added(&now.options, &was.options);
    if !gone.is_empty() {
        tasks.push(format!(
            "mimalloc/src/option/{name}.rs: no row for {} any more",
            gone.join(", ")
        ));
    }
    let functions = added(&was.functions, &now.functions);
    if !functions.is_empty() {
        let functions = functions.join(", ");
        tasks.push(format!(
            "xtask/src/coverage.toml: account for {functions} (`cargo xtask api` says how)"
        ));
        tasks.push(format!(
            "xtask/src/oldest.rs: add {functions}, and gate what calls them in mimalloc/build/cfgs.rs"
        ));
    }
    let gone = added(&now.functions, &was.functions);
    if !gone.is_empty() {
        let gone = gone.join(", ");
        tasks.push(format!(
            "xtask/src/oldest.rs, xtask/src/coverage.toml, mimalloc/build/cfgs.rs: take {gone} out"
        ));
    }
    let left_out = options::WIDE.len() + bindings::undefined(engine).len();
    tasks.push(format!(
        "counts, if they fail: tests/it/link.rs ({} functions are declared), tests/it/abi.rs ({} \
         options), xtask/src/coverage.rs",
        now.functions.len() + left_out,
        now.options.len()
    ));
    tasks.push(
        "read again what is put around upstream's source: mimalloc-sys/build/patches.rs and build/patches, \
         mimalloc-sys/src/inline_alloc.rs, mimalloc-sys/src/offsets.rs"
            .to_owned(),
    );
    for other in Engine::ALL.into_iter().filter(|other| *other != engine) {
        if !other.tree().is_dir() {
            tasks.push(format!(
                "`cargo xtask vendor`: the tree of engine {other} is not here, and tests need both"
            ));
        }
    }
    Ok(tasks)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do_is_said() {
        let old = "pub const mi_option_verbose: mi_option_e = 0;
                   unsafe extern \"C\" { pub fn mi_old(); pub fn mi_both(); }";
        let fresh = "pub const mi_option_verbose: mi_option_e = 0;
                     pub const mi_option_fresh: mi_option_e = 1;
                     unsafe extern \"C\" { pub fn mi_both(); pub fn mi_fresh(); }";
        let tasks = tasks(Engine::V3, old, fresh).unwrap().join("\n");
        for part in [
            "option/v3.rs: a row for mi_option_fresh;",
            "coverage.toml: account for mi_fresh",
            "oldest.rs: add mi_fresh",
            "take mi_old out",
            "link.rs (6 functions",
            "abi.rs (2 options",
            "build/patches.rs",
        ] {
            assert!(tasks.contains(part), "{part:?} is not in\n{tasks}");
        }
        assert!(!tasks.contains("mi_both"));
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
