//! Defines macros that format into a heap.

use core::fmt::{self, Write as _};

use allocator_api2_04::alloc::Allocator;

use super::HeapString;

/// Formats text into a new [`HeapString`]: `format!` with an allocator.
///
/// # Panics
///
/// Panics if a formatting trait returns an error, as `format!` does. Ends the
/// process when memory runs out; [`try_format_in!`](crate::try_format_in)
/// returns an error.
///
/// # Examples
///
/// ```
/// use mimalloc::{Heap, format_in};
///
/// let heap = Heap::new()?;
/// let (name, count) = ("heap", 3);
/// let text = format_in!(&heap, "{name}s: {count:>4}");
/// assert_eq!(text, "heaps:    3");
/// # Ok::<(), mimalloc::HeapError>(())
/// ```
#[macro_export]
macro_rules! format_in {
    ($alloc:expr, $($args:tt)*) => {
        $crate::HeapString::from_args_in(
            ::core::format_args!($($args)*),
            $alloc,
        )
    };
}

/// Formats text into a new [`HeapString`], or returns a [`core::fmt::Error`]
/// when memory runs out or a formatting trait returns an error.
///
/// ```
/// use mimalloc::{Heap, try_format_in};
///
/// let heap = Heap::new()?;
/// let text = try_format_in!(&heap, "{:?}", [1, 2])?;
/// assert_eq!(text, "[1, 2]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! try_format_in {
    ($alloc:expr, $($args:tt)*) => {
        $crate::HeapString::try_from_args_in(
            ::core::format_args!($($args)*),
            $alloc,
        )
    };
}

/// # Formatting
///
/// The macros expand to these functions.
impl<A: Allocator> HeapString<A> {
    /// Formats text into a new string, as [`format_in!`](crate::format_in)
    /// does.
    ///
    /// # Panics
    ///
    /// Panics if a formatting trait returns an error.
    #[must_use]
    pub fn from_args_in(args: fmt::Arguments<'_>, alloc: A) -> Self {
        /// Ends the process when memory runs out.
        struct Growing<A: Allocator>(HeapString<A>);

        impl<A: Allocator> fmt::Write for Growing<A> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.push_str(text);
                Ok(())
            }
        }

        if let Some(text) = args.as_str() {
            return Self::from_str_in(text, alloc);
        }
        let mut text = Growing(Self::new_in(alloc));
        assert!(
            text.write_fmt(args).is_ok(),
            "a formatting trait returned an error"
        );
        text.0
    }

    /// Formats text into a new string, as
    /// [`try_format_in!`](crate::try_format_in) does.
    ///
    /// # Errors
    ///
    /// Returns an error when memory runs out, and the errors of formatting
    /// traits.
    pub fn try_from_args_in(args: fmt::Arguments<'_>, alloc: A) -> Result<Self, fmt::Error> {
        let mut text = Self::new_in(alloc);
        text.write_fmt(args)?;
        Ok(text)
    }
}
