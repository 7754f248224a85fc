//! A startup option has a value that is known when compiling: it is set before `main`.

mimalloc::startup_options! { purge_delay = std::env::args().count() }

fn main() {}
