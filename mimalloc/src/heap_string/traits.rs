//! Lets a [`HeapString`] be used where text is used.

use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::AddAssign;
use std::string::String;

use allocator_api2_04::alloc::Allocator;
use allocator_api2_04::boxed::Box;
use allocator_api2_04::vec::Vec;

use super::HeapString;

impl<A: Allocator> fmt::Display for HeapString<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl<A: Allocator> fmt::Debug for HeapString<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<A: Allocator + Clone> Clone for HeapString<A> {
    /// Copies the text into the same heap.
    fn clone(&self) -> Self {
        Self::from_str_in(self, self.allocator().clone())
    }
}

impl<A: Allocator + Default> Default for HeapString<A> {
    fn default() -> Self {
        Self::new_in(A::default())
    }
}

impl<A: Allocator + Default> From<&str> for HeapString<A> {
    fn from(text: &str) -> Self {
        Self::from_str_in(text, A::default())
    }
}

impl<A: Allocator> From<HeapString<A>> for Vec<u8, A> {
    fn from(text: HeapString<A>) -> Self {
        text.into_bytes()
    }
}

impl<A: Allocator> From<HeapString<A>> for Box<str, A> {
    fn from(text: HeapString<A>) -> Self {
        text.into_boxed_str()
    }
}

impl<A: Allocator> From<HeapString<A>> for String {
    /// Copies the text out of the heap.
    fn from(text: HeapString<A>) -> Self {
        Self::from(text.as_str())
    }
}

impl<A: Allocator> AsRef<str> for HeapString<A> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl<A: Allocator> AsRef<[u8]> for HeapString<A> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<A: Allocator> Borrow<str> for HeapString<A> {
    fn borrow(&self) -> &str {
        self
    }
}

impl<A: Allocator> BorrowMut<str> for HeapString<A> {
    fn borrow_mut(&mut self) -> &mut str {
        self
    }
}

// Equality, order and hash are those of `str`, as `Borrow` asks for.

impl<A: Allocator, B: Allocator> PartialEq<HeapString<B>> for HeapString<A> {
    fn eq(&self, other: &HeapString<B>) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<A: Allocator> Eq for HeapString<A> {}

impl<A: Allocator, B: Allocator> PartialOrd<HeapString<B>> for HeapString<A> {
    fn partial_cmp(&self, other: &HeapString<B>) -> Option<Ordering> {
        Some(self.as_str().cmp(other))
    }
}

impl<A: Allocator> Ord for HeapString<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

impl<A: Allocator> Hash for HeapString<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

macro_rules! compares_with {
    ($($text:ty),*) => {$(
        impl<A: Allocator> PartialEq<$text> for HeapString<A> {
            fn eq(&self, other: &$text) -> bool {
                self.as_str() == &other[..]
            }
        }

        impl<A: Allocator> PartialEq<HeapString<A>> for $text {
            fn eq(&self, other: &HeapString<A>) -> bool {
                &self[..] == other.as_str()
            }
        }
    )*};
}

compares_with!(str, &str, String);

impl<A: Allocator> AddAssign<&str> for HeapString<A> {
    fn add_assign(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl<A: Allocator> Extend<char> for HeapString<A> {
    fn extend<I: IntoIterator<Item = char>>(&mut self, chars: I) {
        chars.into_iter().for_each(|ch| self.push(ch));
    }
}

impl<'a, A: Allocator> Extend<&'a str> for HeapString<A> {
    fn extend<I: IntoIterator<Item = &'a str>>(&mut self, texts: I) {
        texts.into_iter().for_each(|text| self.push_str(text));
    }
}

#[cfg(feature = "serde")]
impl<A: Allocator> serde::Serialize for HeapString<A> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}
