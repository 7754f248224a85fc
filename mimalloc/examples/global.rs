//! Makes mimalloc the global allocator, sets an option and reads statistics.
//!
//! ```text
//! cargo run --example global
//! MIMALLOC_PURGE_DELAY=0 cargo run --example global
//! ```

use std::collections::BTreeMap;

use mimalloc::stats::process_info;
use mimalloc::{MiMalloc, Option, version};

// Every `Box`, `String` and collection of the program is now in mimalloc.
#[global_allocator]
static GLOBAL: MiMalloc = MiMalloc;

// mimalloc keeps freed memory for 100 ms before it returns the memory to the
// system. The environment variable `MIMALLOC_PURGE_DELAY` overrides the option.
mimalloc::startup_options! { purge_delay = 100 }

pub(crate) fn main() {
    let mut lengths = BTreeMap::<usize, Vec<String>>::new();
    for number in 0..100_000_u32 {
        let digits = number.to_string();
        lengths.entry(digits.len()).or_default().push(digits);
    }
    for (length, numbers) in &lengths {
        println!("{:>6} numbers of {length} digits", numbers.len());
    }

    let committed = process_info().current_commit;
    println!("mimalloc {}", version());
    println!("purge delay: {} ms", Option::PurgeDelay.get());
    println!("committed: {} KiB", committed / 1024);
}
