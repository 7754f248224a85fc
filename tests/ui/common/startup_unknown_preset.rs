//! A preset of startup options has a name that the crate knows.

mimalloc::startup_options! { preset: fast, purge_delay = 0 }

fn main() {}
