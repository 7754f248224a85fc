//! `Allocator` of allocator-api2 0.2, which hashbrown and bumpalo use.

use crate::{Heap, Local, MiMalloc, SharedHeap};

impl_allocator!(allocator_api2_02::alloc;; MiMalloc);
impl_allocator!(allocator_api2_02::alloc;; Heap);
impl_allocator!(allocator_api2_02::alloc;; SharedHeap);
impl_allocator!(allocator_api2_02::alloc; 'a; Local<'a>);
