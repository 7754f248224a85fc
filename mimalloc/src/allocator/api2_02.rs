//! Implements `Allocator` of allocator-api2 0.2, which hashbrown and smallvec
//! use.
//!
//! allocator-api2 has a feature `nightly`, which makes its trait core's own.
//! Any crate in the graph may switch on this feature. With our `nightly`
//! feature as well, implementing both traits would implement one trait twice.
//! Cargo does not tell a crate about the features of a dependency, but a name
//! differs between the two modes: only core's module has the old alias
//! `LayoutErr`. A glob import of that alias shadows the alias of the same name
//! around the import, and the types below become placeholders.

use crate::{Heap, LocalHeap, MiMalloc, SharedHeap};

#[cfg(not(feature = "nightly"))]
mod implementations {
    use super::*;

    impl_allocator!(allocator_api2::alloc;; MiMalloc);
    impl_allocator!(allocator_api2::alloc;; Heap);
    impl_allocator!(allocator_api2::alloc;; SharedHeap);
    impl_allocator!(allocator_api2::alloc; 'a; LocalHeap<'a>);
    impl_pooled!(allocator_api2::alloc; 'a; crate::PooledHeap<'a>);
}

#[cfg(feature = "nightly")]
#[allow(
    unreachable_pub,
    reason = "what stands for a public type must look like one"
)]
mod implementations {
    use super::*;
    use crate::raw::backend;

    /// Stands in for an allocator that already has the trait. The type has no
    /// values.
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

    /// Marks that the trait is not core's.
    #[derive(Debug)]
    pub struct SeparateTrait;

    impl ModeType for SeparateTrait {
        type Implementor<T, const N: usize> = T;
    }

    /// Marks that the trait is core's: `LayoutErr` is an alias of this type.
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
            impl_pooled!(allocator_api2::alloc; 'a; <Modes as ModeType>::Implementor<crate::PooledHeap<'a>, 4>);
        };
    };
}
