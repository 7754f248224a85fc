//! An arena takes memory that is the program's for good, not a stack frame's or a vector's.

use core::mem::MaybeUninit;

use mimalloc::Arena;

fn main() {
    let mut memory = vec![MaybeUninit::<u8>::uninit(); 64 << 20];
    let _ = Arena::options().from_static(&mut memory);
}
