//! A startup option that is a size is not negative.

mimalloc::startup_options! { arena_reserve = -1 }

fn main() {}
