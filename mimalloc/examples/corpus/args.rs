//! Reads the command line.

use std::ffi::OsString;
use std::path::PathBuf;

/// The text that `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: corpus [--json] [--query WORDS]... [path]...

Reads files, and directories with all that is in them, builds an index of
their words in one mimalloc heap, parses each file in another that is thrown
away after it, answers queries, and says how long that took.

  path           what to read; without any, this workspace and the C source
                 that it compiles
  --query WORDS  finds the files that hold all of the words; may be repeated;
                 without any, queries are made up from frequent words
  --json         prints the report as JSON
  --help         prints this

Left out: `.git`, directories marked as caches (CACHEDIR.TAG, as cargo's target
directory is), symbolic links within directories, and files that are not text
in UTF-8 or larger than 256 MiB. They are counted.
Exit code: 0; 1 when a path that was given can't be read; 2 on wrong usage.
";

/// The arguments of a run.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) is_help: bool,
    pub(crate) is_json: bool,
    pub(crate) queries: Vec<String>,
    pub(crate) paths: Vec<PathBuf>,
}

/// Reads the arguments, without the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Args, String> {
    let mut parsed = Args::default();
    let mut args = args.into_iter();
    let mut is_path_only = false;
    while let Some(arg) = args.next() {
        // A path need not be UTF-8; an option is.
        match arg.to_str() {
            _ if is_path_only => parsed.paths.push(arg.into()),
            Some("--") => is_path_only = true,
            Some("-h" | "--help") => parsed.is_help = true,
            Some("--json") => parsed.is_json = true,
            Some("--query") => {
                let value = args.next().ok_or("--query needs words to look for")?;
                parsed.queries.push(query(value.to_str())?);
            }
            Some(option) if option.starts_with('-') => match option.strip_prefix("--query=") {
                Some(value) => parsed.queries.push(query(Some(value))?),
                None => return Err(format!("unknown option {option}")),
            },
            _ => parsed.paths.push(arg.into()),
        }
    }
    Ok(parsed)
}

fn query(value: Option<&str>) -> Result<String, String> {
    let value = value.ok_or("--query needs words in UTF-8")?;
    if super::words::terms(value).is_empty() {
        return Err(format!("--query {value:?} holds no word"));
    }
    Ok(value.to_owned())
}
