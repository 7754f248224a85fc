//! One face for all the allocator traits, so that one suite drives them all.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::NonNull;

/// An allocator under test. The contract is that of the `Allocator` traits.
pub trait Subject {
    /// `Allocator::allocate`; the length of the returned slice is checked here.
    fn allocate(&self, layout: Layout) -> Option<NonNull<u8>>;
    /// `Allocator::allocate_zeroed`.
    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>>;
    /// `Allocator::deallocate`.
    ///
    /// # Safety
    ///
    /// As for the traits.
    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout);
    /// `Allocator::grow`.
    ///
    /// # Safety
    ///
    /// As for the traits.
    unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>>;
    /// `Allocator::grow_zeroed`.
    ///
    /// # Safety
    ///
    /// As for the traits.
    unsafe fn grow_zeroed(&self, ptr: NonNull<u8>, old: Layout, new: Layout)
    -> Option<NonNull<u8>>;
    /// `Allocator::shrink`.
    ///
    /// # Safety
    ///
    /// As for the traits.
    unsafe fn shrink(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>>;
    /// Whether a resize may change the alignment.
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
                // SAFETY: the caller's promise is the trait's.
                unsafe { self.0.deallocate(ptr, layout) }
            }

            $(unsafe fn $resize(
                &self,
                ptr: NonNull<u8>,
                old: Layout,
                new: Layout,
            ) -> Option<NonNull<u8>> {
                // SAFETY: the caller's promise is the trait's.
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

/// A global allocator, with the sizes of zero that its trait excludes left out.
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
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { self.0.alloc(layout) })
    }

    fn allocate_zeroed(&self, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return Self::dangling(layout);
        }
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { self.0.alloc_zeroed(layout) })
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: a live block of this layout, as the caller promises.
            unsafe { self.0.dealloc(ptr.as_ptr(), layout) }
        }
    }

    unsafe fn grow(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: a live block of this layout, and a size that is not zero.
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
        // SAFETY: as the caller promises.
        let grown = unsafe { self.grow(ptr, old, new) }?;
        // SAFETY: the old size is within the grown block.
        let tail = unsafe { grown.add(old.size()) };
        // SAFETY: so is the rest.
        unsafe { tail.write_bytes(0, new.size() - old.size()) };
        Some(grown)
    }

    unsafe fn shrink(&self, ptr: NonNull<u8>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        if new.size() == 0 {
            // SAFETY: as the caller promises.
            unsafe { self.deallocate(ptr, old) };
            return Self::dangling(new);
        }
        // SAFETY: a live block of this layout, and a size that is not zero.
        NonNull::new(unsafe { self.0.realloc(ptr.as_ptr(), old, new.size()) })
    }

    fn realigns(&self) -> bool {
        false
    }
}
