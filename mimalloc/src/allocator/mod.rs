//! Implements each version of the `Allocator` trait with one macro.
//!
//! The traits of allocator-api2 0.2 and 0.4 and of nightly's `core::alloc`
//! differ only in their paths. The macro below implements each trait in a file
//! of its own, for each allocator of this crate. `&A` is an allocator if `A`
//! is, by the blanket implementations of the traits.

/// Implements one version of the trait for one allocator.
macro_rules! impl_allocator {
    ($api:ident :: alloc; $($generics:lifetime)?; $type:ty) => {
        impl_allocator!(@ ($api::alloc::Allocator), ($api::alloc::AllocError); $($generics)?; $type);
    };
    (@ ($allocator:path), ($error:path); $($generics:lifetime)?; $type:ty) => {
        // SAFETY: `raw::allocator` allocates and frees the blocks, and the
        // blocks stay valid until they are freed or their heap is destroyed. A
        // heap is destroyed only after the last value that implements this
        // trait for the heap, or borrows the heap, is gone (upstream.md: heap
        // destruction). Moving a handle moves no block, and clones are handles
        // of the same heap.
        unsafe impl$(<$generics>)? $allocator for $type {
            #[inline]
            fn allocate(
                &self,
                layout: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $error> {
                // SAFETY: `backend` may be used while `self` is borrowed.
                let block = unsafe {
                    crate::raw::allocator::allocate::<_, false>(self.backend(), layout)
                };
                crate::allocator::slice(block, layout.size()).ok_or($error)
            }

            #[inline]
            fn allocate_zeroed(
                &self,
                layout: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $error> {
                // SAFETY: `backend` may be used while `self` is borrowed.
                let block = unsafe {
                    crate::raw::allocator::allocate::<_, true>(self.backend(), layout)
                };
                crate::allocator::slice(block, layout.size()).ok_or($error)
            }

            #[inline]
            unsafe fn deallocate(
                &self,
                ptr: ::core::ptr::NonNull<u8>,
                layout: ::core::alloc::Layout,
            ) {
                // SAFETY: the caller promises that `ptr` is currently allocated
                // via `self`, and that `layout` fits.
                unsafe { crate::raw::allocator::deallocate(ptr, layout) }
            }

            #[inline]
            unsafe fn grow(
                &self,
                ptr: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $error> {
                // SAFETY: the caller promises that `ptr` is currently allocated
                // via `self`, that `old` fits, and that `new` is at least as
                // large as `old`.
                let block = unsafe {
                    crate::raw::allocator::grow::<_, false>(self.backend(), ptr, old, new)
                };
                crate::allocator::slice(block, new.size()).ok_or($error)
            }

            #[inline]
            unsafe fn grow_zeroed(
                &self,
                ptr: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $error> {
                // SAFETY: the caller promises the same as for `grow`: `ptr` is
                // currently allocated via `self`, `old` fits, and `new` is at
                // least as large.
                let block = unsafe {
                    crate::raw::allocator::grow::<_, true>(self.backend(), ptr, old, new)
                };
                crate::allocator::slice(block, new.size()).ok_or($error)
            }

            #[inline]
            unsafe fn shrink(
                &self,
                ptr: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $error> {
                // SAFETY: the caller promises that `ptr` is currently allocated
                // via `self`, that `old` fits, and that `new` is at most as
                // large as `old`.
                let block = unsafe {
                    crate::raw::allocator::shrink(self.backend(), ptr, old, new)
                };
                crate::allocator::slice(block, new.size()).ok_or($error)
            }
        }
    };
}

/// Implements one version of the trait for a heap of a pool, where there are pools.
macro_rules! impl_pooled {
    ($($implementation:tt)*) => {
        #[cfg(mimalloc_heap_pool)]
        impl_allocator!($($implementation)*);
    };
}

#[cfg(feature = "allocator-api2-02")]
mod api2_02;
#[cfg(feature = "allocator-api2-04")]
mod api2_04;
#[cfg(feature = "nightly")]
mod nightly;

/// Returns the block as the traits demand, exactly as long as `size`.
#[inline(always)]
#[allow(dead_code, reason = "used by each trait flavour that is switched on")]
fn slice(block: Option<core::ptr::NonNull<u8>>, size: usize) -> Option<core::ptr::NonNull<[u8]>> {
    block.map(|block| core::ptr::NonNull::slice_from_raw_parts(block, size))
}
