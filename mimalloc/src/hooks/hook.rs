//! A function of the program's that may be changed on any thread at any time.

use core::marker::PhantomData;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A function pointer type.
///
/// # Safety
///
/// `from_pointer` gives back what `to_pointer` got.
pub(super) unsafe trait Function: Copy {
    /// Returns the function as a data pointer, never null.
    fn to_pointer(self) -> *mut ();

    /// Returns the function behind a data pointer.
    ///
    /// # Safety
    ///
    /// The pointer was returned by [`to_pointer`](Self::to_pointer) of this type.
    unsafe fn from_pointer(pointer: *mut ()) -> Self;
}

/// Implements [`Function`] for the type of a hook.
macro_rules! function {
    ($type:ty) => {
        // SAFETY: both directions are casts that keep the pointer as it is.
        unsafe impl $crate::hooks::hook::Function for $type {
            fn to_pointer(self) -> *mut () {
                self as *mut ()
            }

            unsafe fn from_pointer(pointer: *mut ()) -> Self {
                // SAFETY: the caller promises that `to_pointer` made the
                // pointer from a function of this type.
                unsafe { core::mem::transmute::<*mut (), Self>(pointer) }
            }
        }
    };
}

/// A function of the program's, or none.
///
/// # Invariants
///
/// `function` is null or was made from an `F`.
pub(super) struct Hook<F> {
    function: AtomicPtr<()>,
    kind: PhantomData<F>,
}

impl<F: Function> Hook<F> {
    pub(super) const fn new() -> Self {
        Self {
            function: AtomicPtr::new(ptr::null_mut()),
            kind: PhantomData,
        }
    }

    /// Replaces the function.
    pub(super) fn set(&self, function: Option<F>) {
        let function = function.map_or(ptr::null_mut(), F::to_pointer);
        self.function.store(function, Ordering::Release);
    }

    /// Returns the function that was set last.
    pub(super) fn get(&self) -> Option<F> {
        let function = self.function.load(Ordering::Acquire);
        // SAFETY: the pointer is not null, so by the type's invariant
        // `to_pointer` made it from an `F`.
        (!function.is_null()).then(|| unsafe { F::from_pointer(function) })
    }
}
