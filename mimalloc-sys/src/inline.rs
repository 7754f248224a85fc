//! Rust twins of the `static inline` functions of the headers: they have no
//! symbol to link. All 11 of mimalloc 3.6.1; mimalloc 2.x has none.
