//! Owned C strings in a heap.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::error::AllocError;
use crate::global::MiMalloc;
use crate::heap::Heap;
use crate::raw::string::{self, CopyMode};

/// An owned C string in a heap of mimalloc: what C code expects to free with
/// `mi_free`, or gives you to.
///
/// `A` is where it lives: [`MiMalloc`] for the default heap, `&Heap` for a heap
/// that it then borrows. Dropping it frees it.
///
/// ```
/// use mimalloc::{Heap, MiMalloc};
///
/// let heap = Heap::new()?;
/// let greeting = heap.strndup(c"hello, world", 5)?;
/// assert_eq!(&*greeting, c"hello");
///
/// let name = MiMalloc.strdup(c"kept for C")?;
/// let raw = name.into_raw();
/// // SAFETY: just made by `into_raw`, and used once.
/// let name = unsafe { mimalloc::HeapCString::<MiMalloc>::from_raw(raw) };
/// assert_eq!(name.to_bytes().len(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Invariants
///
/// `text` is a C string in a block of mimalloc that this value owns; `A` keeps
/// the block's heap alive.
pub struct HeapCString<A = MiMalloc> {
    text: NonNull<c_char>,
    heap: PhantomData<A>,
}

// SAFETY: bytes that this value owns; blocks may be freed on any thread. `A`
// says whether what keeps the heap alive may change threads.
unsafe impl<A: Send> Send for HeapCString<A> {}

// SAFETY: shared access only reads the bytes.
unsafe impl<A: Sync> Sync for HeapCString<A> {}

impl<A> HeapCString<A> {
    /// Gives up ownership of the string, which is now the caller's to free,
    /// with `mi_free` or [`from_raw`](Self::from_raw).
    #[must_use]
    pub fn into_raw(self) -> NonNull<c_char> {
        ManuallyDrop::new(self).text
    }

    /// Takes ownership of a C string.
    ///
    /// # Safety
    ///
    /// - `text` is a C string at the start of a block of mimalloc that is
    ///   currently allocated and that nobody else will free or change.
    /// - The block lives in the default heap, or `A` keeps its heap from ending.
    #[must_use]
    pub unsafe fn from_raw(text: NonNull<c_char>) -> Self {
        // INVARIANT: as the caller promises.
        Self {
            text,
            heap: PhantomData,
        }
    }

    /// The string.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        // SAFETY: a C string that nobody changes while `self` is borrowed.
        unsafe { CStr::from_ptr(self.text.as_ptr()) }
    }

    fn new(text: *mut c_char) -> Option<Self> {
        // INVARIANT: callers pass null or a string they just made.
        Some(Self {
            text: NonNull::new(text)?,
            heap: PhantomData,
        })
    }
}

impl Heap {
    /// Copies a C string into the heap.
    ///
    /// Calls `mi_heap_strdup`.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    #[doc(alias = "mi_heap_strdup")]
    pub fn strdup(&self, text: &CStr) -> Result<HeapCString<&Self>, AllocError> {
        // SAFETY: a C string.
        let copy = unsafe { string::copy_in(self, text.as_ptr(), CopyMode::Whole) };
        HeapCString::new(copy).ok_or(AllocError)
    }

    /// Copies at most `len` bytes of a C string into the heap, and ends them.
    ///
    /// Calls `mi_heap_strndup`.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    #[doc(alias = "mi_heap_strndup")]
    pub fn strndup(&self, text: &CStr, len: usize) -> Result<HeapCString<&Self>, AllocError> {
        // SAFETY: a C string.
        let copy = unsafe { string::copy_in(self, text.as_ptr(), CopyMode::Prefix(len)) };
        HeapCString::new(copy).ok_or(AllocError)
    }

    /// The absolute path, without symbolic links, of a file that exists, in the
    /// heap. Unix only.
    ///
    /// Calls `mi_heap_realpath`.
    ///
    /// # Errors
    ///
    /// The system's, among them that memory runs out.
    #[cfg(all(unix, feature = "std"))]
    #[doc(alias = "mi_heap_realpath")]
    pub fn realpath(&self, path: &CStr) -> std::io::Result<HeapCString<&Self>> {
        // SAFETY: a C string.
        let copy = unsafe { string::copy_in(self, path.as_ptr(), CopyMode::Path) };
        HeapCString::new(copy).ok_or_else(std::io::Error::last_os_error)
    }
}

impl MiMalloc {
    /// Copies a C string into the default heap.
    ///
    /// Calls `mi_strdup`.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    #[doc(alias = "mi_strdup")]
    pub fn strdup(&self, text: &CStr) -> Result<HeapCString<Self>, AllocError> {
        // SAFETY: a C string.
        let copy = unsafe { string::copy(text.as_ptr(), CopyMode::Whole) };
        HeapCString::new(copy).ok_or(AllocError)
    }

    /// Copies at most `len` bytes of a C string into the default heap, and ends
    /// them.
    ///
    /// Calls `mi_strndup`.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    #[doc(alias = "mi_strndup")]
    pub fn strndup(&self, text: &CStr, len: usize) -> Result<HeapCString<Self>, AllocError> {
        // SAFETY: a C string.
        let copy = unsafe { string::copy(text.as_ptr(), CopyMode::Prefix(len)) };
        HeapCString::new(copy).ok_or(AllocError)
    }

    /// The absolute path, without symbolic links, of a file that exists. Unix
    /// only.
    ///
    /// Calls `mi_realpath`.
    ///
    /// # Errors
    ///
    /// The system's, among them that memory runs out.
    #[cfg(all(unix, feature = "std"))]
    #[doc(alias = "mi_realpath")]
    pub fn realpath(&self, path: &CStr) -> std::io::Result<HeapCString<Self>> {
        // SAFETY: a C string.
        let copy = unsafe { string::copy(path.as_ptr(), CopyMode::Path) };
        HeapCString::new(copy).ok_or_else(std::io::Error::last_os_error)
    }
}

impl<A> Drop for HeapCString<A> {
    fn drop(&mut self) {
        // SAFETY: owned by the type's invariant, and not used again.
        unsafe { string::free(self.text.as_ptr()) };
    }
}

impl<A> Deref for HeapCString<A> {
    type Target = CStr;

    fn deref(&self) -> &CStr {
        self.as_c_str()
    }
}

impl<A> AsRef<CStr> for HeapCString<A> {
    fn as_ref(&self) -> &CStr {
        self.as_c_str()
    }
}

impl<A, B> PartialEq<HeapCString<B>> for HeapCString<A> {
    fn eq(&self, other: &HeapCString<B>) -> bool {
        self.as_c_str() == other.as_c_str()
    }
}

impl<A> Eq for HeapCString<A> {}

impl<A> fmt::Debug for HeapCString<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_c_str().fmt(f)
    }
}
