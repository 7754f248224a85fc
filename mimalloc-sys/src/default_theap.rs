//! Reads the default theap of the thread, without a call.
//!
//! The module exists only on Linux with glibc on x86-64 and aarch64, for the pinned
//! source with its own TLS model; `build/inlined.rs` has all conditions.

use core::arch::asm;

use crate::bindings::mi_theap_t;

unsafe extern "C" {
    /// Is upstream's thread-local variable `__mi_theap_default`
    /// (`src/prim/prim-tls.c`) under another name, which
    /// `build/patches/v3/inline_alloc.h` gives it. Rust can't declare that a variable
    /// is thread-local, so only the assembler may use the declaration.
    static mimalloc_sys_default_theap: *mut mi_theap_t;
}

/// Returns the default theap of the thread, which may be a constant theap without
/// blocks: before the thread's first allocation, and when mimalloc is done with
/// the thread.
///
/// The function is not one of upstream's. It does what `_mi_theap_default` does,
/// and unlike [`mi_theap_get_default`](crate::mi_theap_get_default) initialises
/// nothing. The function exists only where the metadata `default_theap` is 1.
#[inline(always)]
#[must_use]
pub fn mimalloc_sys_theap_default() -> *mut mi_theap_t {
    let theap: *mut mi_theap_t;
    // SAFETY: the instructions are those of the initial-exec TLS model, and the C
    // side has the same model (upstream.md: default theap). They read the variable
    // and write to one register. The block isn't `pure`: a function may run on
    // another thread after it was suspended, and so each execution has to ask for
    // the thread again.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "mov {theap}, qword ptr [rip + {variable}@GOTTPOFF]",
            "mov {theap}, qword ptr fs:[{theap}]",
            theap = out(reg) theap,
            variable = sym mimalloc_sys_default_theap,
            options(nostack, preserves_flags, readonly),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!(
            "adrp {theap}, :gottprel:{variable}",
            "mrs {thread}, tpidr_el0",
            "ldr {theap}, [{theap}, :gottprel_lo12:{variable}]",
            "ldr {theap}, [{thread}, {theap}]",
            theap = out(reg) theap,
            thread = out(reg) _,
            variable = sym mimalloc_sys_default_theap,
            options(nostack, preserves_flags, readonly),
        );
    }
    theap
}
