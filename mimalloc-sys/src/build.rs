//! States how this crate was built, for bug reports. The values are those of the
//! build script; a system library tells nothing about itself.

mod generated {
    include!(concat!(env!("OUT_DIR"), "/build_info.rs"));
}

/// States the features of this crate that are on.
pub const FEATURES: &[&str] = generated::FEATURES;

/// States the directory of `mimalloc.h`: of the compiled source, or of the
/// system library.
pub const INCLUDE_DIR: &str = generated::INCLUDE_DIR;

/// States the C compiler; empty for a system library.
pub const COMPILER: &str = generated::COMPILER;

/// States the arguments that the C compiler got, such as `-DMI_DEBUG=0`; empty for a
/// system library.
pub const ARGUMENTS: &[&str] = generated::ARGUMENTS;

/// States the patches that were applied: for each file of upstream's, the fault
/// that the patch corrects. Empty for a system library and for other sources.
pub const PATCHES: &[(&str, &str)] = generated::PATCHES;

/// States whether small blocks of heaps are allocated without a call of C.
pub const INLINES_ALLOC: bool = cfg!(mimalloc_inline_alloc);

/// States whether small blocks of the default heap are allocated without a call of
/// C.
pub const READS_DEFAULT_THEAP: bool = cfg!(mimalloc_default_theap);
