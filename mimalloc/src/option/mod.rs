//! Runtime options, one variant per `mi_option_t` of the linked engine.

use core::ffi::c_long;
use core::fmt;

use mimalloc_sys as sys;

use crate::raw;

mod error;
mod unit;
#[macro_use]
mod table;

pub use error::{OptionError, OptionErrorKind};
use table::{Info, Safety};
pub(crate) use unit::kibibytes;
pub use unit::{ReadWhen, Unit};

#[cfg(mimalloc_v2)]
#[path = "v2.rs"]
mod linked;
#[cfg(mimalloc_v3)]
#[path = "v3.rs"]
mod linked;

use linked::INFO;
pub use linked::Option;
pub(crate) use linked::PRESETS;

impl Option {
    const fn info(self) -> &'static Info {
        &INFO[self as usize]
    }

    /// Returns the number of this option in the linked library, if it has the
    /// option.
    ///
    /// No other number ever reaches C: builds with assertions abort on one that
    /// is out of range.
    pub(crate) const fn number(self) -> core::option::Option<sys::mi_option_t> {
        if NUMBERS.is_empty() {
            return Some(self.info().number);
        }
        let former = self.info().former;
        let (mut found, mut i) = (lookup(self.name()), 0);
        while found.is_none() && i < former.len() {
            found = lookup(former[i]);
            i += 1;
        }
        found
    }

    /// Returns upstream's name, such as `purge_delay`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        let (_, name) = self.info().c_name.as_bytes().split_at("mi_option_".len());
        match core::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => self.info().c_name,
        }
    }

    /// Returns the environment variable that sets this option at startup, such
    /// as
    /// `MIMALLOC_PURGE_DELAY`.
    ///
    /// Sizes are in bytes there and take the suffixes `K`, `M`, `G`, `T`. A system
    /// library of another version may know the option, and so the variable, by
    /// an older name.
    #[must_use]
    pub const fn env_name(self) -> &'static str {
        self.info().env_name
    }

    /// Returns the option with this upstream name, such as `purge_delay`.
    #[must_use]
    pub const fn from_name(name: &str) -> core::option::Option<Self> {
        let mut i = 0;
        while i < Self::ALL.len() {
            if same(Self::ALL[i].name(), name) {
                return Some(Self::ALL[i]);
            }
            i += 1;
        }
        None
    }

    /// Returns the unit of the number.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.info().unit
    }

    /// Returns upstream's default in words, such as `10` or `1 GiB; 128 MiB on
    /// 32-bit targets`.
    ///
    /// Build features can change a default: `no-thp` that of `allow_thp`.
    #[must_use]
    pub const fn default_text(self) -> &'static str {
        self.info().default
    }

    /// Returns when mimalloc reads the option.
    #[must_use]
    pub const fn read_when(self) -> ReadWhen {
        self.info().read_when
    }

    /// Returns whether only [`set_unchecked`](Self::set_unchecked) may set this
    /// option.
    #[must_use]
    pub const fn is_unsafe_to_set(self) -> bool {
        matches!(self.info().safety, Safety::Unsafe)
    }

    /// Returns whether the linked library has this option. Always true for the
    /// vendored
    /// source; an older system library may lack some.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        self.number().is_some()
    }

    /// Returns the current value, as stored: sizes marked
    /// [`Kibibytes`](Unit::Kibibytes) are in KiB. Returns 0 for an option that
    /// the library lacks.
    #[must_use]
    #[doc(alias = "mi_option_get")]
    pub fn get(self) -> i64 {
        let Some(number) = self.number() else {
            return 0;
        };
        // SAFETY: `number` gives the number only of an option that the linked
        // library has.
        let value: c_long = unsafe { raw::option::get(number) };
        #[allow(
            clippy::useless_conversion,
            reason = "c_long has 32 bits on some targets"
        )]
        i64::from(value)
    }

    /// Returns the current value, raised to `min` or lowered to `max`. If the
    /// two bounds cross, `min` wins for values below `min`.
    #[must_use]
    #[doc(alias = "mi_option_get_clamp")]
    pub fn get_clamp(self, min: i64, max: i64) -> i64 {
        // As upstream does it; `Ord::clamp` panics when the bounds cross.
        match self.get() {
            value if value < min => min,
            value if value > max => max,
            value => value,
        }
    }

    /// Returns the current value in bytes for an option that is an amount of
    /// memory, and otherwise the value itself. Negative values give 0, and
    /// values that are too large give `isize::MAX`.
    #[must_use]
    #[doc(alias = "mi_option_get_size")]
    pub fn get_size(self) -> usize {
        self.number().map_or(0, |number| {
            // SAFETY: `number` gives the number only of an option that the
            // linked library has.
            unsafe { raw::option::get_size(number, self.unit().size()) }
        })
    }

    /// Returns whether the value is anything but 0.
    #[must_use]
    #[doc(alias = "mi_option_is_enabled")]
    pub fn is_enabled(self) -> bool {
        self.get() != 0
    }

    /// Sets the value, as stored: in KiB for [`Kibibytes`](Unit::Kibibytes),
    /// for which [`set_size`](Self::set_size) is clearer.
    ///
    /// Every value is accepted, including negative values; the option describes
    /// the effect. `guarded_min` and `guarded_max` push each other so that they
    /// don't cross.
    ///
    /// # Errors
    ///
    /// Returns [`Unsafe`](OptionErrorKind::Unsafe),
    /// [`Unsupported`](OptionErrorKind::Unsupported) or
    /// [`OutOfRange`](OptionErrorKind::OutOfRange).
    #[doc(alias = "mi_option_set")]
    pub fn set(self, value: i64) -> Result<(), OptionError> {
        self.check_safe()?;
        // SAFETY: the check above refused the options that can break memory
        // safety (upstream.md: unsafe options).
        unsafe { self.set_unchecked(value) }
    }

    /// Sets an amount of memory, in bytes. The amount is rounded up to whole
    /// KiB if the option is stored in KiB, like the value of the environment
    /// variable.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set), and
    /// [`NotASize`](OptionErrorKind::NotASize) for an option that is no amount
    /// of memory.
    pub fn set_size(self, bytes: usize) -> Result<(), OptionError> {
        let value = match self.unit() {
            Unit::Bytes => bytes as u64,
            Unit::Kibibytes => kibibytes(bytes as u64),
            _ => return Err(OptionError::new(self, OptionErrorKind::NotASize)),
        };
        let value = i64::try_from(value)
            .map_err(|_| OptionError::new(self, OptionErrorKind::OutOfRange))?;
        self.set(value)
    }

    /// Sets the value unless it was set before, by the environment or by
    /// [`set`](Self::set). Otherwise this changes nothing and succeeds.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set).
    #[doc(alias = "mi_option_set_default")]
    pub fn set_default(self, value: i64) -> Result<(), OptionError> {
        self.check_safe()?;
        // SAFETY: the check above refused the options that can break memory
        // safety (upstream.md: unsafe options).
        unsafe { self.set_default_unchecked(value) }
    }

    /// Sets the value to 1.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set).
    #[doc(alias = "mi_option_enable")]
    pub fn enable(self) -> Result<(), OptionError> {
        self.set(1)
    }

    /// Sets the value to 0.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set).
    #[doc(alias = "mi_option_disable")]
    pub fn disable(self) -> Result<(), OptionError> {
        self.set(0)
    }

    /// Sets the value to 1 or 0.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set).
    #[doc(alias = "mi_option_set_enabled")]
    pub fn set_enabled(self, enable: bool) -> Result<(), OptionError> {
        self.set(i64::from(enable))
    }

    /// Sets the value to 1 or 0 unless it was set before.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set).
    #[doc(alias = "mi_option_set_enabled_default")]
    pub fn set_enabled_default(self, enable: bool) -> Result<(), OptionError> {
        self.set_default(i64::from(enable))
    }

    /// Sets the value of any option, including the options that the other
    /// setters refuse.
    ///
    /// # Safety
    ///
    /// - For `destroy_on_exit` other than 0: from the end of `main` on (or of
    ///   `exit`), no thread touches memory that mimalloc handed out, nor calls
    ///   mimalloc. Threads that are still alive then, `atexit` handlers and
    ///   destructors that free something all break this.
    /// - For `unsafe_guarded_precise` (`guarded_precise` on v2) other than 0: in
    ///   a build with guard pages, each block allocated while it is set has a
    ///   size that is a multiple of its alignment.
    /// - For `max_segment_reclaim` on v2 other than 0: no
    ///   [`Heap`](crate::Heap) is made before or after, by anyone.
    /// - For any other option there is nothing to promise.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set), except
    /// [`Unsafe`](OptionErrorKind::Unsafe).
    pub unsafe fn set_unchecked(self, value: i64) -> Result<(), OptionError> {
        let (number, value) = self.checked(value)?;
        // SAFETY: `checked` gives the number only of an option that the linked
        // library has. The caller promises what an unsafe option needs
        // (upstream.md: unsafe options).
        unsafe { raw::option::set(number, value) };
        Ok(())
    }

    /// Sets the value of any option unless it was set before.
    ///
    /// # Safety
    ///
    /// The caller promises the list of [`set_unchecked`](Self::set_unchecked)
    /// for the option and the value.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`set`](Self::set), except
    /// [`Unsafe`](OptionErrorKind::Unsafe).
    pub unsafe fn set_default_unchecked(self, value: i64) -> Result<(), OptionError> {
        let (number, value) = self.checked(value)?;
        // SAFETY: `checked` gives the number only of an option that the linked
        // library has. The caller promises what an unsafe option needs
        // (upstream.md: unsafe options).
        unsafe { raw::option::set_default(number, value) };
        Ok(())
    }

    fn check_safe(self) -> Result<(), OptionError> {
        if self.is_unsafe_to_set() {
            return Err(OptionError::new(self, OptionErrorKind::Unsafe));
        }
        Ok(())
    }

    fn checked(self, value: i64) -> Result<(sys::mi_option_t, c_long), OptionError> {
        let Some(number) = self.number() else {
            return Err(OptionError::new(self, OptionErrorKind::Unsupported));
        };
        let Some(value) = to_long(value) else {
            return Err(OptionError::new(self, OptionErrorKind::OutOfRange));
        };
        Ok((number, value))
    }

    /// Writes one line for each option: name, value, unit. [`print`] prints
    /// upstream's own text instead.
    ///
    /// # Errors
    ///
    /// Returns the errors of `out`.
    #[doc(alias = "mi_options_print_out")]
    pub fn write_all(out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        for option in Self::ALL.iter().filter(|option| option.is_supported()) {
            writeln!(out, "{option}: {}{}", option.get(), option.unit().suffix())?;
        }
        Ok(())
    }
}

impl fmt::Display for Option {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Prints all options and the build configuration of the linked library, as
/// upstream words it, to standard error or where
/// [`hooks::set_output`](crate::hooks::set_output) says.
#[cfg(mimalloc_has_options_print)]
#[doc(alias = "mi_options_print")]
pub fn print() {
    raw::option::print();
}

/// Returns `value` as C's `long`, if it fits.
pub(crate) const fn to_long(value: i64) -> core::option::Option<c_long> {
    let long = value as c_long;
    #[allow(
        clippy::unnecessary_cast,
        reason = "c_long has 32 bits on some targets"
    )]
    if long as i64 == value {
        Some(long)
    } else {
        None
    }
}

/// String equality that a `const fn` may use.
pub(crate) const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Lists the options of a system library of another version, by name. The list
/// is empty where the numbers are those of the bindings.
const NUMBERS: &[(&str, i32)] = include!(concat!(env!("OUT_DIR"), "/option_numbers.rs"));

const fn lookup(name: &str) -> core::option::Option<sys::mi_option_t> {
    let mut i = 0;
    while i < NUMBERS.len() {
        if same(NUMBERS[i].0, name) {
            return Some(NUMBERS[i].1 as sys::mi_option_t);
        }
        i += 1;
    }
    None
}
