//! Which mimalloc is linked.

use core::fmt;

use crate::global::MiMalloc;
use crate::raw;

/// Describes the version of the linked library.
///
/// ```
/// let version = mimalloc::version();
/// assert!(version.major() >= 2);
/// println!("mimalloc {version}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
    raw: u32,
}

impl Version {
    /// The version that `mi_version` means by `raw`.
    pub(crate) const fn from_raw(raw: u32) -> Self {
        let (major, minor, patch) = mimalloc_sys::version::parts(raw);
        Self {
            major,
            minor,
            patch,
            raw,
        }
    }

    /// Returns the engine: 3 or 2.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.major
    }

    /// Returns the second number.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.minor
    }

    /// Returns the third number.
    #[must_use]
    pub const fn patch(self) -> u32 {
        self.patch
    }

    /// Returns the number as C has it, such as 30602.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.raw
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Returns the version of the library that the program runs with. A system
/// library may have another version than at build time.
#[must_use]
#[doc(alias = "mi_version")]
pub fn version() -> Version {
    Version::from_raw(u32::try_from(raw::process::version()).unwrap_or(0))
}

impl MiMalloc {
    /// Returns the version of the library that the program runs with, as C has
    /// it.
    ///
    /// For mimalloc 3.6.2 the number is 30602. [`version`](crate::version)
    /// returns the parts of the number.
    ///
    /// ```
    /// use mimalloc::MiMalloc;
    ///
    /// assert_eq!(MiMalloc.version(), mimalloc::version().raw());
    /// ```
    #[must_use]
    #[doc(alias = "mi_version")]
    pub fn version(&self) -> u32 {
        version().raw()
    }
}

/// Returns whether the C `malloc` of the whole process was redirected to
/// mimalloc: on Windows by its redirection DLL, on macOS by interposing. Always
/// false on other systems, even with the feature `override`.
#[must_use]
#[doc(alias = "mi_is_redirected")]
pub fn is_redirected() -> bool {
    raw::process::is_redirected()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_what_they_mean() {
        // The third has the smallest number.
        let versions = [20302, 3208, 316, 30602].map(Version::from_raw);
        let texts = versions.map(|version| std::format!("{version}"));
        assert_eq!(texts, ["2.3.2", "3.2.8", "3.1.6", "3.6.2"]);
        assert!(versions[2] < versions[1] && versions[0] < versions[2]);
        assert_eq!(versions[1].raw(), 3208);
    }
}
