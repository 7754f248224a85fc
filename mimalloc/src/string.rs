//! Defines owned C strings in a heap.

#[cfg(all(unix, feature = "std"))]
mod realpath;

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

/// Owns a C string in a mimalloc heap, for strings that C frees with `mi_free`,
/// or that C hands over to Rust.
///
/// `A` says where the string lives: [`MiMalloc`] is the default heap, `&Heap` a
/// heap that the string borrows. Dropping the value frees the string.
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
/// `text` is a C string in a block of mimalloc that this value owns, and `A`
/// keeps the heap of the block alive.
pub struct HeapCString<A = MiMalloc> {
    text: NonNull<c_char>,
    heap: PhantomData<A>,
}

// SAFETY: this value owns the bytes, and any thread may free a block
// (upstream.md: frees on other threads). `A` keeps the heap alive, so `A` must
// be `Send`.
unsafe impl<A: Send> Send for HeapCString<A> {}

// SAFETY: shared access only reads the bytes, and `A` must be `Sync`.
unsafe impl<A: Sync> Sync for HeapCString<A> {}

impl<A> HeapCString<A> {
    /// Releases ownership of the string.
    ///
    /// The caller must free the string, with `mi_free` or
    /// [`from_raw`](Self::from_raw).
    #[must_use]
    pub fn into_raw(self) -> NonNull<c_char> {
        ManuallyDrop::new(self).text
    }

    /// Takes ownership of a C string.
    ///
    /// # Safety
    ///
    /// - `text` is a C string at the start of a block of mimalloc that is
    ///   currently allocated.
    /// - No other code frees or changes the block.
    /// - The block lives in the default heap, or `A` keeps the heap of the
    ///   block alive.
    #[must_use]
    pub unsafe fn from_raw(text: NonNull<c_char>) -> Self {
        // INVARIANT: the caller promises an owned C string in a heap that `A`
        // keeps alive.
        Self {
            text,
            heap: PhantomData,
        }
    }

    /// Returns the string.
    #[must_use]
    pub fn as_c_str(&self) -> &CStr {
        // SAFETY: by the type's invariant `text` is a C string, and no code
        // changes the string while `self` is borrowed.
        unsafe { CStr::from_ptr(self.text.as_ptr()) }
    }

    fn new(text: *mut c_char) -> Option<Self> {
        // INVARIANT: callers pass null or a string that they just made.
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
    /// Returns an error when memory runs out.
    #[doc(alias = "mi_heap_strdup")]
    pub fn strdup(&self, text: &CStr) -> Result<HeapCString<&Self>, AllocError> {
        // SAFETY: a `&CStr` points to a C string that lives during the call.
        let copy = unsafe { string::copy_in(self, text.as_ptr(), CopyMode::Whole) };
        HeapCString::new(copy).ok_or(AllocError)
    }

    /// Copies at most `len` bytes of a C string into the heap, and appends the
    /// final zero.
    ///
    /// Calls `mi_heap_strndup`.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    #[doc(alias = "mi_heap_strndup")]
    pub fn strndup(&self, text: &CStr, len: usize) -> Result<HeapCString<&Self>, AllocError> {
        // SAFETY: a `&CStr` points to a C string that lives during the call.
        let copy = unsafe { string::copy_in(self, text.as_ptr(), CopyMode::Prefix(len)) };
        HeapCString::new(copy).ok_or(AllocError)
    }
}

impl MiMalloc {
    /// Copies a C string into the default heap.
    ///
    /// Calls `mi_strdup`.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    #[doc(alias = "mi_strdup")]
    pub fn strdup(&self, text: &CStr) -> Result<HeapCString<Self>, AllocError> {
        // SAFETY: a `&CStr` points to a C string that lives during the call.
        let copy = unsafe { string::copy(text.as_ptr(), CopyMode::Whole) };
        HeapCString::new(copy).ok_or(AllocError)
    }

    /// Copies at most `len` bytes of a C string into the default heap, and
    /// appends the final zero.
    ///
    /// Calls `mi_strndup`.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    #[doc(alias = "mi_strndup")]
    pub fn strndup(&self, text: &CStr, len: usize) -> Result<HeapCString<Self>, AllocError> {
        // SAFETY: a `&CStr` points to a C string that lives during the call.
        let copy = unsafe { string::copy(text.as_ptr(), CopyMode::Prefix(len)) };
        HeapCString::new(copy).ok_or(AllocError)
    }
}

impl<A> Drop for HeapCString<A> {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant this value owns the block, and the
        // string is not used again.
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
