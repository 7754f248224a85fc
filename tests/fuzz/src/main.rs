//! Lets libFuzzer make the programs that `process/fuzz.rs` makes at random.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use mimalloc_tests::fuzz::Fuzzer;

thread_local! {
    /// Holds arenas, which are never given back.
    static FUZZER: RefCell<Fuzzer> = RefCell::new(Fuzzer::new());
}

fuzz_target!(|program: &[u8]| {
    FUZZER.with_borrow_mut(|fuzzer| fuzzer.run(program));
});
