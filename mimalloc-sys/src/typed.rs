//! The function-like macros of the headers.
