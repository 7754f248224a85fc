//! A preset stands in front of the options that override it.

mimalloc::startup_options! { purge_delay = 0, preset: speed }

fn main() {}
