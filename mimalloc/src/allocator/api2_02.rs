//! `Allocator` of allocator-api2 0.2, which hashbrown and bumpalo use.
//!
//! That crate has a `nightly` feature, which any crate in the graph may switch
//! on and which turns its trait into core's own. Then, with our `nightly`
//! feature too, implementing both would implement one trait twice. Cargo tells
//! nobody about a dependency's features, but the two modes differ in a name:
//! only core's module has the old alias `LayoutErr`. A glob import shadows the
//! alias of the same name around it if there is one, and the types below
//! become placeholders.

use crate::{Heap, LocalHeap, MiMalloc, SharedHeap};

#[cfg(not(feature = "nightly"))]
mod implementations {
    use super::*;

    impl_allocator!(allocator_api2::alloc;; MiMalloc);
    impl_allocator!(allocator_api2::alloc;; Heap);
    impl_allocator!(allocator_api2::alloc;; SharedHeap);
    impl_allocator!(allocator_api2::alloc; 'a; LocalHeap<'a>);
}

#[cfg(feature = "nightly")]
#[allow(
    unreachable_pub,
    reason = "what stands for a public type must look like one"
)]
mod implementations {
    use super::*;
    use crate::raw::backend;

    /// Stands in for an allocator that has the trait already. Has no values.
    #[derive(Debug)]
    pub enum Placeholder<const N: usize> {}

    impl<const N: usize> Placeholder<N> {
        #[allow(dead_code, reason = "used in one of the two modes")]
        fn backend(&self) -> backend::DefaultHeap {
            match *self {}
        }
    }

    /// Picks the type to implement the trait for.
    pub trait ModeType {
        type Implementor<T, const N: usize>;
    }

    /// The trait is not core's.
    #[derive(Debug)]
    pub struct SeparateTrait;

    impl ModeType for SeparateTrait {
        type Implementor<T, const N: usize> = T;
    }

    /// The trait is core's: `LayoutErr` is an alias of this type.
    impl ModeType for core::alloc::LayoutError {
        type Implementor<T, const N: usize> = Placeholder<N>;
    }

    const _: () = {
        #[allow(dead_code, reason = "shadowed in one of the two modes")]
        type LayoutErr = SeparateTrait;

        const _: () = {
            #[allow(unused_imports, reason = "for the one name, if it is there")]
            use allocator_api2::alloc::*;

            #[allow(deprecated, reason = "the old name is what tells the modes apart")]
            type Modes = LayoutErr;

            impl_allocator!(allocator_api2::alloc;; <Modes as ModeType>::Implementor<MiMalloc, 0>);
            impl_allocator!(allocator_api2::alloc;; <Modes as ModeType>::Implementor<Heap, 1>);
            impl_allocator!(allocator_api2::alloc;; <Modes as ModeType>::Implementor<SharedHeap, 2>);
            impl_allocator!(allocator_api2::alloc; 'a; <Modes as ModeType>::Implementor<LocalHeap<'a>, 3>);
        };
    };
}
