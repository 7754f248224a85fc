//! Defines text that grows in a heap.

use core::fmt;
use core::ops::{Deref, DerefMut};

use allocator_api2_04::alloc::Allocator;
use allocator_api2_04::boxed::Box;
use allocator_api2_04::vec::Vec;

use crate::error::AllocError;
use crate::global::MiMalloc;

mod macros;
mod traits;

/// Holds text that grows in a heap: a `String` with an allocator.
///
/// `A` is an allocator, such as `&Heap`, `&PooledHeap`, `SharedHeap` or
/// `LocalHeap`. The type dereferences to `str`, implements [`fmt::Write`], and
/// is found in maps by a `&str`.
///
/// ```
/// use core::fmt::Write;
/// use mimalloc::{Heap, HeapString, format_in};
///
/// let heap = Heap::new()?;
/// let mut page = HeapString::from_str_in("<p>", &heap);
/// for word in ["all", "in", "a", "heap"] {
///     write!(page, "{word} ")?;
/// }
/// page.truncate(page.trim_end().len());
/// page.push_str("</p>");
/// assert_eq!(page, "<p>all in a heap</p>");
/// assert!(heap.contains(page.as_str()));
///
/// let line = format_in!(&heap, "{} bytes", page.len());
/// assert_eq!(line, "20 bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Out of memory
///
/// As with `String`, [`push_str`](Self::push_str) and other functions without a
/// `Result` end the process when memory runs out. In a heap with a memory
/// limit, use the functions whose names start with `try_`,
/// [`try_format_in!`](crate::try_format_in) or `write!`. `write!` returns an
/// error when memory runs out, and appends none of the piece that did not fit.
///
/// The type needs the features `std` and `allocator-api2-04`.
///
/// # Invariants
///
/// `bytes` is UTF-8.
pub struct HeapString<A: Allocator = MiMalloc> {
    bytes: Vec<u8, A>,
}

impl<A: Allocator> HeapString<A> {
    /// Makes an empty string, which allocates nothing.
    #[must_use]
    pub const fn new_in(alloc: A) -> Self {
        // INVARIANT: no bytes are UTF-8.
        Self {
            bytes: Vec::new_in(alloc),
        }
    }

    /// Makes an empty string with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity_in(capacity: usize, alloc: A) -> Self {
        // INVARIANT: no bytes are UTF-8.
        Self {
            bytes: Vec::with_capacity_in(capacity, alloc),
        }
    }

    /// Makes an empty string with room for `capacity` bytes, if there is
    /// memory.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    pub fn try_with_capacity_in(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        let mut text = Self::new_in(alloc);
        text.try_reserve(capacity)?;
        Ok(text)
    }

    /// Copies `text` into a new string.
    #[must_use]
    pub fn from_str_in(text: &str, alloc: A) -> Self {
        let mut copy = Self::with_capacity_in(text.len(), alloc);
        copy.push_str(text);
        copy
    }

    /// Copies `text` into a new string, if there is memory.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    pub fn try_from_str_in(text: &str, alloc: A) -> Result<Self, AllocError> {
        let mut copy = Self::new_in(alloc);
        copy.try_push_str(text)?;
        Ok(copy)
    }

    /// Takes bytes that are UTF-8 as a string, without copying them.
    ///
    /// # Errors
    ///
    /// Returns the bytes, and where they stop being UTF-8.
    pub fn from_utf8(bytes: Vec<u8, A>) -> Result<Self, (Vec<u8, A>, core::str::Utf8Error)> {
        match core::str::from_utf8(&bytes) {
            // INVARIANT: just checked.
            Ok(_) => Ok(Self { bytes }),
            Err(error) => Err((bytes, error)),
        }
    }

    /// Appends a string.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        // INVARIANT: UTF-8 behind UTF-8 is UTF-8.
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends a string, if there is memory for it.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out. The text is then unchanged.
    #[inline]
    pub fn try_push_str(&mut self, text: &str) -> Result<(), AllocError> {
        self.try_reserve(text.len())?;
        self.push_str(text);
        Ok(())
    }

    /// Appends a character.
    #[inline]
    pub fn push(&mut self, ch: char) {
        self.push_str(ch.encode_utf8(&mut [0; 4]));
    }

    /// Appends a character, if there is memory for it.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out. The text is then unchanged.
    #[inline]
    pub fn try_push(&mut self, ch: char) -> Result<(), AllocError> {
        self.try_push_str(ch.encode_utf8(&mut [0; 4]))
    }

    /// Removes the last character and returns it, or returns `None` if the text
    /// is empty.
    pub fn pop(&mut self) -> Option<char> {
        let ch = self.chars().next_back()?;
        // INVARIANT: the last character goes as a whole.
        self.bytes.truncate(self.bytes.len() - ch.len_utf8());
        Some(ch)
    }

    /// Shortens the text to `len` bytes. A longer `len` has no effect. The room
    /// stays.
    ///
    /// # Panics
    ///
    /// Panics if `len` lies within a character, as `String::truncate` does.
    pub fn truncate(&mut self, len: usize) {
        if len <= self.len() {
            assert!(
                self.is_char_boundary(len),
                "truncating at {len}, within a character"
            );
            // INVARIANT: cut between two characters.
            self.bytes.truncate(len);
        }
    }

    /// Removes all characters. The room stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Returns how many bytes the text can have without a new allocation.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for at least `additional` more bytes.
    pub fn reserve(&mut self, additional: usize) {
        self.bytes.reserve(additional);
    }

    /// Makes room for at least `additional` more bytes, if there is memory.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out.
    #[inline]
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        self.bytes.try_reserve(additional).map_err(|_| AllocError)
    }

    /// Gives up room behind the text.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Returns the text.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: by the type's invariant the bytes are UTF-8.
        unsafe { core::str::from_utf8_unchecked(&self.bytes) }
    }

    /// Returns the text, to change characters in place.
    #[must_use]
    #[inline]
    pub fn as_mut_str(&mut self) -> &mut str {
        // SAFETY: by the type's invariant the bytes are UTF-8, and safe code
        // keeps a `str` UTF-8.
        unsafe { core::str::from_utf8_unchecked_mut(&mut self.bytes) }
    }

    /// Returns the bytes of the text.
    #[must_use]
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes as a `Vec`, without copying them.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8, A> {
        self.bytes
    }

    /// Returns the text as a `Box`, without room behind the text.
    #[must_use]
    pub fn into_boxed_str(self) -> Box<str, A> {
        let (bytes, alloc) = Box::into_raw_with_allocator(self.bytes.into_boxed_slice());
        // SAFETY: the pointer and the allocator are those of a box that was
        // given up just now; the bytes are UTF-8 by the type's invariant, and a
        // `str` has the layout of its bytes.
        unsafe { Box::from_raw_in(bytes as *mut str, alloc) }
    }

    /// Returns the text as a plain reference, which is valid as long as the
    /// heap. Only the heap frees the text.
    ///
    /// ```
    /// use mimalloc::{Heap, format_in};
    ///
    /// let heap = Heap::new()?;
    /// let key: &str = format_in!(&heap, "user:{}", 7).leak();
    /// assert_eq!(key, "user:7");
    /// # Ok::<(), mimalloc::HeapError>(())
    /// ```
    #[must_use]
    pub fn leak<'a>(self) -> &'a mut str
    where
        A: 'a,
    {
        // SAFETY: by the type's invariant the bytes are UTF-8.
        unsafe { core::str::from_utf8_unchecked_mut(self.bytes.leak()) }
    }

    /// Returns the allocator.
    #[must_use]
    pub fn allocator(&self) -> &A {
        self.bytes.allocator()
    }
}

impl<A: Allocator> Deref for HeapString<A> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<A: Allocator> DerefMut for HeapString<A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut str {
        self.as_mut_str()
    }
}

impl<A: Allocator> fmt::Write for HeapString<A> {
    /// Appends a string, or returns an error when memory runs out.
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_push_str(text).map_err(|AllocError| fmt::Error)
    }

    #[inline]
    fn write_char(&mut self, ch: char) -> fmt::Result {
        self.try_push(ch).map_err(|AllocError| fmt::Error)
    }
}
