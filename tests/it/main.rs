//! Tests of the safe layer and the bindings, a module a type.

mod abi;
mod allocator;
mod arena;
mod heap;
mod link;
mod string;
mod value;
mod visit;
