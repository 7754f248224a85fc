//! Sets every option to every kind of value.
//!
//! The test has a process of its own, because options are process-wide and some
//! of the values make mimalloc slow.

use std::ffi::c_long;

use mimalloc::option::{OptionErrorKind, Unit};

const KIB: usize = 1 << 10;

#[test]
fn every_option_keeps_what_it_is_given() {
    values();
    sizes();
    defaults();
    flags();
}

fn settable() -> impl Iterator<Item = mimalloc::Option> {
    mimalloc::Option::ALL
        .iter()
        .copied()
        .filter(|option| option.is_supported() && !option.is_unsafe_to_set())
}

fn values() {
    for option in settable() {
        let before = option.get();
        #[allow(clippy::useless_conversion, reason = "c_long is narrower elsewhere")]
        let values = [
            -1,
            0,
            1,
            7,
            -1_000_000,
            c_long::MAX.into(),
            c_long::MIN.into(),
        ];
        for value in values {
            option.set(value).unwrap();
            assert_eq!(option.get(), value, "{option}");
            assert_eq!(option.is_enabled(), value != 0, "{option}");
            assert_eq!(option.get_clamp(-5, 5), value.clamp(-5, 5), "{option}");
            // Bounds that cross give upstream's result, and no panic.
            let crossed = if value < 5 { 5 } else { -5 };
            assert_eq!(option.get_clamp(5, -5), crossed, "{option}");
            if value < 0 {
                assert_eq!(option.get_size(), 0, "{option}");
            }
        }
        if size_of::<c_long>() == 4 {
            for value in [i64::MAX, i64::MIN, 1 << 32] {
                let error = option.set(value).unwrap_err();
                assert_eq!(error.kind(), OptionErrorKind::OutOfRange);
            }
        }
        option.set(before).unwrap();
        assert_eq!(option.get(), before, "{option}");
    }
}

fn sizes() {
    for option in settable().filter(|option| option.unit().is_size()) {
        let before = option.get();
        let unit = if option.unit() == Unit::Kibibytes {
            KIB
        } else {
            1
        };
        for bytes in [0, 1, 1023, 1024, 1025, 64 << 20, i32::MAX as usize] {
            option.set_size(bytes).unwrap();
            // No size is more than `isize::MAX`, which has 31 bits on some targets.
            let rounded = bytes.next_multiple_of(unit).min(isize::MAX as usize);
            assert_eq!(option.get_size(), rounded, "{option}");
            assert_eq!(option.get(), bytes.div_ceil(unit) as i64, "{option}");
        }
        // The largest size fits into an option in KiB, but not into one in
        // bytes.
        assert_eq!(
            option.set_size(usize::MAX).is_ok(),
            unit == KIB && cfg!(not(windows))
        );
        option.set(before).unwrap();
    }
}

/// Checks that a default changes nothing once the option is set.
fn defaults() {
    let option = mimalloc::Option::MaxWarnings;
    // `values` has set the option, and nothing takes that back.
    option.set_default(99).unwrap();
    assert_ne!(option.get(), 99);
}

fn flags() {
    let option = mimalloc::Option::MaxErrors;
    let before = option.get();
    option.enable().unwrap();
    assert_eq!(option.get(), 1);
    option.disable().unwrap();
    assert!(!option.is_enabled());
    option.set_enabled(true).unwrap();
    assert!(option.is_enabled());
    option.set_enabled_default(false).unwrap();
    assert!(option.is_enabled(), "it was set before");
    option.set(before).unwrap();
}
