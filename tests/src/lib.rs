//! What the tests share: a model of an allocator that any of ours is held
//! against.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

#[cfg(not(mimalloc_owned_heaps))]
mod heaps;
mod model;
mod subject;

#[cfg(not(mimalloc_owned_heaps))]
pub use crate::heaps::{NewHeap, NewInArena, NewShared};
pub use crate::model::{Limits, Model};
pub use crate::subject::{Api02, Api04, Subject, Whole};
