//! A startup option has a name that the engine knows.

mimalloc::startup_options! { purge_delai = 0 }

fn main() {}
