//! Implements `Allocator` of allocator-api2 0.4.

use crate::{Heap, LocalHeap, MiMalloc, SharedHeap};

impl_allocator!(allocator_api2_04::alloc;; MiMalloc);
impl_allocator!(allocator_api2_04::alloc;; Heap);
impl_allocator!(allocator_api2_04::alloc;; SharedHeap);
impl_allocator!(allocator_api2_04::alloc; 'a; LocalHeap<'a>);
impl_pooled!(allocator_api2_04::alloc; 'a; crate::PooledHeap<'a>);
