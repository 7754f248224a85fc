//! `cargo xtask bump`: moves an engine to another version of mimalloc.

use std::collections::BTreeSet;

use anyhow::{Context, Error, Result};
use syn::{ForeignItem, Item as RustItem};
use toml_edit::{DocumentMut, InlineTable, Item, Table, value};
use xshell::{Shell, cmd};

use crate::pin::{Carrier, Engine, Pin, Version, sha256};
use crate::source::{self, Source};
use crate::{bindgen, bindings, engine, read, tidy, vendor, vendor_dir};

/// The packages with lock files that name the carriers.
const LOCKED: [&str; 3] = [".", "tests/peers/rows/ours", "tests/peers/rows/ours-v2"];

/// The manifest that depends on the carriers, and the condition, true nowhere, under
/// which it does.
const MANIFEST: &str = "mimalloc-sys/Cargo.toml";
const NOWHERE: &str = "cfg(any())";

/// Moves an engine to another version, and lists the functions and options that differ
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(value_parser = engine)]
    engine: Engine,
    /// Takes the source from a package on crates.io: <package>@<version>:<path inside>
    #[arg(long, value_parser = carrier, required_unless_present = "from")]
    carrier: Option<Carrier>,
    /// Takes the source from a directory, or <git-url>#<ref>
    #[arg(long, value_name = "PLACE", conflicts_with = "carrier")]
    from: Option<String>,
    /// Says when upstream released the version
    #[arg(long, value_name = "DATE")]
    released: Option<String>,
    /// Changes nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(sh: &Shell, args: &Args) -> Result<()> {
    let engine = args.engine;
    let source = match (&args.carrier, &args.from) {
        (Some(carrier), _) => Source::of_carrier(carrier)?,
        (_, from) => Source::of_spec(from.as_deref().unwrap_or_default())?,
    };
    let version = source::version(engine, &source.dir)?;
    let old = Pin::read(&vendor_dir(), engine).map_err(Error::msg)?;
    let old_version = old.get("version").map_err(Error::msg)?;
    println!("{engine}: mimalloc {old_version} => {version}");
    let fresh = bindgen::generate(engine, &source.dir)?;
    let bound = read(bindings(engine))?;
    println!("{}", changes(&bound, &fresh)?.join("\n"));
    if args.dry_run {
        println!("dry run: nothing was changed");
        return Ok(());
    }

    let sums = source.sums()?;
    vendor::materialise(&source, &vendor_dir().join(engine.name()), &sums)?;
    let list = vendor::render(&sums);
    let pin = pin(version, &list, args);
    let path = vendor_dir().join("upstream.toml");
    sh.write_file(&path, with_pin(&read(&path)?, engine, pin)?)?;
    sh.write_file(vendor_dir().join(format!("{engine}.sha256")), list)?;
    let old_carrier = old.carrier(&vendor_dir()).ok();
    let manifest = with_carrier(&read(MANIFEST)?, old_carrier, args.carrier.as_ref())?;
    sh.write_file(MANIFEST, manifest)?;
    sh.write_file(bindings(engine), fresh)?;
    tidy::restate(sh, engine, &version.to_string())?;
    // Cargo writes the manifest's carriers and version into the lock files.
    for package in LOCKED {
        let manifest = format!("{package}/Cargo.toml");
        cmd!(
            sh,
            "cargo metadata --format-version 1 --manifest-path {manifest}"
        )
        .quiet()
        .read()?;
    }
    println!(
        "wrote the tree, its list, the pin, the carrier, the lock files, the bindings and each \
         statement of the version: see `git diff`"
    );
    if args.carrier.is_none() {
        println!(
            "no package carries this version: a fresh clone must run `cargo xtask vendor`, which \
             takes upstream's tag"
        );
    }
    let number = bound.split_once("MI_MALLOC_VERSION: u32 = ");
    let number = number.and_then(|(_, rest)| rest.split(';').next());
    // Files that are generated, tell history or give examples are left out.
    let but = [
        ":!CHANGELOG.md",
        ":!mimalloc-sys/vendor",
        ":!*/bindings/*",
        ":!xtask",
    ];
    let number = number.unwrap_or(old_version);
    let mentions = cmd!(
        sh,
        "git grep -nwF -e {old_version} -e {number} -- . {but...}"
    );
    // The status of `git grep` is 1 if no line matches.
    let mentions = mentions.quiet().ignore_status().read()?;
    println!("other mentions of {old_version}, for you to judge:\n{mentions}");
    println!("left for you: the rest of \"Bumping mimalloc\" in CONTRIBUTING.md");
    Ok(())
}

/// Makes the table of the pin. Without a carrier, the source is that of upstream's tag.
fn pin(version: Version, list: &str, args: &Args) -> Table {
    let mut table = Table::new();
    table["version"] = value(version.to_string());
    if let Some(day) = &args.released {
        table["released"] = value(day);
    }
    if let Some(carrier) = &args.carrier {
        table["carrier"] = value(&carrier.package);
        table["path"] = value(&carrier.path);
    }
    table["digest"] = value(sha256(list.as_bytes()));
    table
}

/// Returns the text of `upstream.toml` with another table of `engine`; comments stay.
fn with_pin(text: &str, engine: Engine, pin: Table) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let table = document.get_mut(engine.name()).and_then(Item::as_table_mut);
    let table = table.with_context(|| format!("no table [{engine}]"))?;
    table.clear();
    table.extend(pin);
    Ok(document.to_string())
}

/// Returns the text of the manifest with the carrier of one pin in place of
/// another's; comments stay.
fn with_carrier(text: &str, old: Option<Carrier>, new: Option<&Carrier>) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let table = document["target"][NOWHERE]["dependencies"].as_table_mut();
    let table = table.with_context(|| format!("no [target.'{NOWHERE}'.dependencies]"))?;
    if let Some(carrier) = old {
        table.remove(&carrier.package);
    }
    if let Some(carrier) = new {
        let mut dependency = InlineTable::new();
        dependency.insert("version", format!("={}", carrier.version).into());
        dependency.insert("default-features", false.into());
        table.insert(&carrier.package, value(dependency));
    }
    table.sort_values();
    Ok(document.to_string())
}

/// Lists the functions and options that differ between two bindings, and the
/// files that have to follow.
fn changes(old: &str, fresh: &str) -> Result<Vec<String>> {
    let whats = [
        (
            "functions",
            "account for them in xtask/coverage.toml and tests/build/oldest.toml, and gate in \
             mimalloc/build/cfgs.rs the items that call new ones",
        ),
        (
            "options",
            "each has a row in mimalloc/src/option/; read what its values do before you say `Safe`",
        ),
    ];
    let mut lines = Vec::new();
    let names = declared(old)?.into_iter().zip(declared(fresh)?);
    for ((what, advice), (was, now)) in whats.into_iter().zip(names) {
        lines.push(format!("{what}: {} => {}", was.len(), now.len()));
        lines.extend(now.difference(&was).map(|name| format!("  + {name}")));
        lines.extend(was.difference(&now).map(|name| format!("  - {name}")));
        if was != now {
            lines.push(format!("  {advice}"));
        }
    }
    Ok(lines)
}

/// Returns the functions and the options that bindings declare.
pub(crate) fn declared(bindings: &str) -> Result<[BTreeSet<String>; 2]> {
    let file = syn::parse_file(bindings).context("the bindings are not valid Rust")?;
    let (mut functions, mut options) = (BTreeSet::new(), BTreeSet::new());
    for item in file.items {
        match item {
            RustItem::ForeignMod(block) => {
                functions.extend(block.items.iter().filter_map(|item| {
                    let ForeignItem::Fn(function) = item else {
                        return None;
                    };
                    Some(function.sig.ident.to_string())
                }))
            }
            RustItem::Const(constant) if constant.ident.to_string().starts_with("mi_option_") => {
                options.insert(constant.ident.to_string());
            }
            _ => {}
        }
    }
    Ok([functions, options])
}

/// Reads `<package>@<version>:<path>`.
fn carrier(spec: &str) -> Result<Carrier> {
    let parts = spec.split_once('@').and_then(|(package, rest)| {
        let (version, path) = rest.split_once(':')?;
        let parts = [package, version, path].map(str::to_owned);
        parts.iter().all(|part| !part.is_empty()).then_some(parts)
    });
    let parts = parts.context("expected <package>@<version>:<path inside>");
    parts.map(|[package, version, path]| Carrier {
        package,
        version,
        path,
    })
}

#[cfg(test)]
#[path = "../tests/bump.rs"]
mod tests;
