//! `core::alloc::Allocator`, for the standard library's own collections.

use crate::{Heap, LocalHeap, MiMalloc, SharedHeap};

impl_allocator!(core::alloc;; MiMalloc);
impl_allocator!(core::alloc;; Heap);
impl_allocator!(core::alloc;; SharedHeap);
impl_allocator!(core::alloc; 'a; LocalHeap<'a>);
