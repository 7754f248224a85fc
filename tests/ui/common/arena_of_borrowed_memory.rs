//! An arena takes memory that lives for ever, not memory of a stack frame or a vector.

use core::mem::MaybeUninit;

use mimalloc::Arena;

fn main() {
    let mut memory = vec![MaybeUninit::<u8>::uninit(); 64 << 20];
    let _ = Arena::options().from_static(&mut memory);
}
