//! What the tests share: a model of an allocator that any of ours is held
//! against.

#![cfg_attr(feature = "nightly", feature(allocator_api))]

mod model;
mod subject;

pub use crate::model::{Limits, Model};
pub use crate::subject::{Api02, Api04, Subject, Whole};
