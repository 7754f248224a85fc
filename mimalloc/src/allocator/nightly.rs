//! Implements `core::alloc::Allocator`, for the collections of the standard
//! library.

use crate::{Heap, LocalHeap, MiMalloc, SharedHeap};

impl_allocator!(core::alloc;; MiMalloc);
impl_allocator!(core::alloc;; Heap);
impl_allocator!(core::alloc;; SharedHeap);
impl_allocator!(core::alloc; 'a; LocalHeap<'a>);
impl_pooled!(core::alloc; 'a; crate::PooledHeap<'a>);
