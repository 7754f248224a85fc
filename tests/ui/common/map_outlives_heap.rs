//! A map of hashbrown does not outlive the heap it borrows.

use hashbrown::{DefaultHashBuilder, HashMap};
use mimalloc::Heap;

fn main() {
    let map: HashMap<u8, u8, _, _> = {
        let heap = Heap::new().unwrap();
        HashMap::with_hasher_in(DefaultHashBuilder::default(), &heap)
    };
    drop(map);
}
