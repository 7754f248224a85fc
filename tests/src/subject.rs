//! Gives all allocator traits one interface, so that one suite can test them
//! all.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

/// An allocator under test. The contract is the contract of the `Allocator`
/// traits.
pub trait Subject {
    /// Calls `Allocator::allocate`, and checks the length of the returned
    /// slice.
    fn allocate(&self, layout: Layout) -> Option<NonNull<u8>>;
    /// Calls `Allocator::allocate_zeroed`.
    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>>;
    /// Calls `Allocator::deallocate`.
    ///
    /// # Safety
    ///
    /// `ptr` must denote a block of this allocator that fits `layout`.
    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout);
    /// Calls `Allocator::grow`.
    ///
    /// # Safety
    ///
    /// `ptr` must denote a block of this allocator that fits `old`, and `new`
    /// must not be smaller.
    unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>>;
    /// Calls `Allocator::grow_zeroed`.
    ///
    /// # Safety
    ///
    /// `ptr` must denote a block of this allocator that fits `old`, and `new`
    /// must not be smaller.
    unsafe fn grow_zeroed(&self, ptr: NonNull<u8>, old: Layout, new: Layout)
    -> Option<NonNull<u8>>;
    /// Calls `Allocator::shrink`.
    ///
    /// # Safety
    ///
    /// `ptr` must denote a block of this allocator that fits `old`, and `new`
    /// must not be larger.
    unsafe fn shrink(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>>;
    /// Returns whether a resize may change the alignment.
    fn realigns(&self) -> bool {
        true
    }
}

macro_rules! subject {
    ($(#[$doc:meta])* $name:ident, $api:ident) => {
        subject!($(#[$doc])* $name, $api, [allocate, allocate_zeroed], [grow, grow_zeroed, shrink]);
    };
    (
        $(#[$doc:meta])* $name:ident, $api:ident,
        [$($allocate:ident),*], [$($resize:ident),*]
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<A>(pub A);

        impl<A: $api::alloc::Allocator> Subject for $name<A> {
            $(fn $allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
                let block = self.0.$allocate(layout).ok()?;
                assert_eq!(block.len(), layout.size());
                Some(block.cast())
            })*

            unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
                // SAFETY: this function has the contract of the trait's
                // function.
                unsafe { self.0.deallocate(ptr, layout) }
            }

            $(unsafe fn $resize(
                &self,
                ptr: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Option<NonNull<u8>> {
                // SAFETY: this function has the contract of the trait's
                // function.
                let block = unsafe { self.0.$resize(ptr, old, new) }.ok()?;
                assert_eq!(block.len(), new.size());
                Some(block.cast())
            })*
        }
    };
}

subject!(
    /// An allocator of allocator-api2 0.2.
    Api02,
    allocator_api2_02
);
subject!(
    /// An allocator of allocator-api2 0.4.
    Api04,
    allocator_api2_04
);

/// A global allocator that also answers requests of size zero, which its trait
/// excludes.
#[derive(Debug)]
pub struct Whole<G>(pub G);

impl<G: GlobalAlloc> Whole<G> {
    fn dangling(layout: Layout) -> Option<NonNull<u8>> {
        NonNull::new(core::ptr::without_provenance_mut(layout.align()))
    }
}

impl<G: GlobalAlloc> Subject for Whole<G> {
    fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return Self::dangling(layout);
        }
        // SAFETY: requests of size zero returned above.
        NonNull::new(unsafe { self.0.alloc(layout) })
    }

    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return Self::dangling(layout);
        }
        // SAFETY: requests of size zero returned above.
        NonNull::new(unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller promises a live block that fits, and its size
            // is not zero.
            unsafe { self.0.dealloc(ptr.as_ptr(), layout) }
        }
    }

    unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: the caller promises a live block that fits, and neither size
        // is zero.
        NonNull::new(unsafe { self.0.realloc(ptr.as_ptr(), old, new.size()) })
    }

    unsafe fn grow_zeroed(
        &self,
        ptr: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Option<NonNull<u8>> {
        if old.size() == 0 {
            return self.allocate_zeroed(new);
        }
        // SAFETY: this function has the contract of `grow`.
        let grown = unsafe { self.grow(ptr, old, new) }?;
        // SAFETY: the caller promises that `new` is not smaller than `old`.
        let tail = unsafe { grown.add(old.size()) };
        // SAFETY: the grown block is `new.size()` bytes long, and this thread
        // has it alone.
        unsafe { tail.write_bytes(0, new.size() - old.size()) };
        Some(grown)
    }

    unsafe fn shrink(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        if new.size() == 0 {
            // SAFETY: this function has the contract of `deallocate` for `old`.
            unsafe { self.deallocate(ptr, old) };
            return Self::dangling(new);
        }
        // SAFETY: the caller promises a live block that fits, and neither size
        // is zero.
        NonNull::new(unsafe { self.0.realloc(ptr.as_ptr(), old, new.size()) })
    }

    fn realigns(&self) -> bool {
        false
    }
}
