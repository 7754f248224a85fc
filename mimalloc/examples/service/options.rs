//! The arguments of the program.

pub(crate) const HELP: &str = "\
usage: service [--port PORT] [--limit MIB] [--heaps COUNT] [--global] [--stoppable]

  --port PORT    listen on this port of the loopback interface, by default on any
  --limit MIB    let each request use this much memory, by default 64 MiB
  --heaps COUNT  handle this many requests at once, by default 4 for each core
  --global       allocate in the global allocator instead of heaps, without a limit
  --stoppable    stop after POST /stop";

/// Holds what the arguments ask for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) port: u16,
    /// The bytes of memory of each request.
    pub(crate) limit: usize,
    /// The number of requests at once.
    pub(crate) heaps: usize,
    pub(crate) global: bool,
    pub(crate) stoppable: bool,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            port: 0,
            limit: 64 << 20,
            // Each heap has an arena, and mimalloc has room for 160 of them.
            heaps: (4 * cores).min(64),
            global: false,
            stoppable: false,
        }
    }
}

impl Options {
    /// Returns `None` if the program should only print its help.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        let mut args = args;
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--port" => options.port = number(&arg, args.next())?,
                "--limit" => {
                    let limit: usize = number(&arg, args.next())?;
                    options.limit = limit.saturating_mul(1 << 20);
                }
                "--heaps" => options.heaps = number::<usize>(&arg, args.next())?.max(1),
                "--global" => options.global = true,
                "--stoppable" => options.stoppable = true,
                "--help" => return Ok(None),
                _ => return Err(format!("unknown argument {arg}; try --help")),
            }
        }
        Ok(Some(options))
    }
}

fn number<T: std::str::FromStr>(name: &str, value: Option<String>) -> Result<T, String> {
    value
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| format!("{name} needs a number; try --help"))
}
