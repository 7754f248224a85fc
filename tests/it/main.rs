//! Tests of the safe layer and the bindings, a module a type.

mod abi;
mod allocator;
mod heap;
mod link;
