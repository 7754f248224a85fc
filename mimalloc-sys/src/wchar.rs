//! Declares the two functions with `wchar_t` by hand, because the type differs
//! by target and the generated bindings do not.

/// Names C's `wchar_t` on this target.
#[allow(non_camel_case_types, reason = "named like the types in core::ffi")]
#[cfg(windows)]
pub type wchar_t = u16;

/// Names C's `wchar_t` on this target, which is unsigned in the ABI for Arm.
#[allow(non_camel_case_types, reason = "named like the types in core::ffi")]
#[cfg(all(
    not(windows),
    any(target_arch = "arm", target_arch = "aarch64"),
    not(target_vendor = "apple")
))]
pub type wchar_t = u32;

/// Names C's `wchar_t` on this target.
#[allow(non_camel_case_types, reason = "named like the types in core::ffi")]
#[cfg(not(any(
    windows,
    all(
        any(target_arch = "arm", target_arch = "aarch64"),
        not(target_vendor = "apple")
    )
)))]
pub type wchar_t = i32;

unsafe extern "C" {
    /// Copies a wide string into a new block.
    ///
    /// # Safety
    ///
    /// - `s` is null or a wide string that ends with 0.
    pub fn mi_wcsdup(s: *const wchar_t) -> *mut wchar_t;

    /// Copies the value of an environment variable into a new block, on
    /// Windows.
    ///
    /// On other systems the function returns `EINVAL`.
    ///
    /// # Safety
    ///
    /// - `buf` is null or valid for a write.
    /// - `size` is null or valid for a write.
    /// - `name` is null or a wide string that ends with 0.
    pub fn mi_wdupenv_s(
        buf: *mut *mut wchar_t,
        size: *mut usize,
        name: *const wchar_t,
    ) -> core::ffi::c_int;
}
