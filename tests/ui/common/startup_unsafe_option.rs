//! A startup option that can break memory safety takes the word `unsafe`.

mimalloc::startup_options! { destroy_on_exit = 1 }

fn main() {}
