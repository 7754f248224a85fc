//! One body for every allocator trait there is.
//!
//! The traits of allocator-api2 0.2 and 0.4 and of nightly's `core::alloc` are
//! the same but for their path. Each is implemented in a file of its own by
//! the macro below, for each allocator of this crate; `&A` is an allocator
//! wherever `A` is, by the traits' own blanket implementations.

/// Implements one trait flavour for one allocator.
macro_rules! impl_allocator {
    ($api:ident :: alloc; $($generics:lifetime)?; $type:ty) => {
        impl_allocator!(@ ($api::alloc::Allocator), ($api::alloc::AllocError); $($generics)?; $type);
    };
    (@ ($allocator:path), ($error:path); $($generics:lifetime)?; $type:ty) => {
        // SAFETY: blocks come from and go back to the core, which keeps them
        // valid until they are freed or their heap is destroyed. A heap is
        // destroyed only when the last value that this trait is implemented
        // for, or that borrows it, is gone; moving a handle moves no block;
        // clones are handles of the same heap.
        unsafe impl$(<$generics>)? $allocator for $type {
            #[inline]
            fn allocate(
                &self,
                layout: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $error> {
                // SAFETY: `backend` is usable while `self` is.
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
                // SAFETY: `backend` is usable while `self` is.
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
                // SAFETY: currently allocated via `self` and fitting, as the
                // caller promises.
                unsafe { crate::raw::allocator::deallocate(ptr, layout) }
            }

            #[inline]
            unsafe fn grow(
                &self,
                ptr: ::core::ptr::NonNull<u8>,
                old: ::core::alloc::Layout,
                new: ::core::alloc::Layout,
            ) -> Result<::core::ptr::NonNull<[u8]>, $error> {
                // SAFETY: currently allocated via `self`, fitting `old`, and
                // `new` at least as large, as the caller promises.
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
                // SAFETY: as for `grow`.
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
                // SAFETY: currently allocated via `self`, fitting `old`, and
                // `new` at most as large, as the caller promises.
                let block = unsafe {
                    crate::raw::allocator::shrink(self.backend(), ptr, old, new)
                };
                crate::allocator::slice(block, new.size()).ok_or($error)
            }
        }
    };
}

#[cfg(feature = "allocator-api2-02")]
mod api2_02;
#[cfg(feature = "allocator-api2-04")]
mod api2_04;
#[cfg(feature = "nightly")]
mod nightly;

/// The block as the traits return it: exactly as long as asked for.
#[inline(always)]
#[allow(dead_code, reason = "used by each trait flavour that is switched on")]
fn slice(block: Option<core::ptr::NonNull<u8>>, size: usize) -> Option<core::ptr::NonNull<[u8]>> {
    block.map(|block| core::ptr::NonNull::slice_from_raw_parts(block, size))
}
