//! Resolves paths, on systems where the standard library can tell the error.

use core::ffi::CStr;

use crate::global::MiMalloc;
use crate::heap::Heap;
use crate::raw::string;
use crate::string::HeapCString;

impl Heap {
    /// Returns the absolute path of an existing file, without symbolic links,
    /// in the heap.
    ///
    /// Unix only.
    ///
    /// Calls `mi_heap_realpath`.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, also when memory runs out.
    #[doc(alias = "mi_heap_realpath")]
    pub fn realpath(&self, path: &CStr) -> std::io::Result<HeapCString<&Self>> {
        // SAFETY: a `&CStr` points to a C string that lives during the call.
        let copy = unsafe { string::realpath_in(self, path.as_ptr()) };
        HeapCString::new(copy).ok_or_else(std::io::Error::last_os_error)
    }
}

impl MiMalloc {
    /// Returns the absolute path of an existing file, without symbolic links,
    /// in the default heap.
    ///
    /// Unix only.
    ///
    /// Calls `mi_realpath`.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, also when memory runs out.
    #[doc(alias = "mi_realpath")]
    pub fn realpath(&self, path: &CStr) -> std::io::Result<HeapCString<Self>> {
        // SAFETY: a `&CStr` points to a C string that lives during the call.
        let copy = unsafe { string::realpath(path.as_ptr()) };
        HeapCString::new(copy).ok_or_else(std::io::Error::last_os_error)
    }
}
