//! Chooses what happens on errors.
//!
//! The test has a process of its own, because a process has one error handler.

use std::alloc::Layout;
use std::sync::atomic::{AtomicI32, Ordering};

use allocator_api2_04::alloc::Allocator;
use mimalloc::MiMalloc;
use mimalloc::hooks::{self, ErrorCode, ErrorKind, ErrorPolicy};

static SEEN: AtomicI32 = AtomicI32::new(0);

fn note(error: ErrorCode) {
    SEEN.store(error.raw(), Ordering::Relaxed);
}

/// Makes an allocation in mimalloc fail. A 64-bit address space holds no block
/// of this size, and a 32-bit one holds at most two.
fn fail() {
    let layout = Layout::from_size_align(isize::MAX as usize - 4095, 8).unwrap();
    let most = if size_of::<usize>() == 8 { 0 } else { 2 };
    let mut blocks = Vec::new();
    while let Ok(block) = MiMalloc.allocate(layout) {
        blocks.push(block);
        assert!(blocks.len() <= most, "{blocks:?}");
    }
    for block in blocks {
        // SAFETY: the block was made above with this layout.
        unsafe { MiMalloc.deallocate(block.cast(), layout) };
    }
}

#[test]
fn errors_are_counted_or_passed_on() {
    fail();
    assert_eq!(hooks::error_count(), 0);
    assert_eq!(hooks::last_error(), None);

    hooks::set_error_policy(ErrorPolicy::Ignore);
    fail();
    let first = hooks::error_count();
    assert!(first >= 1);
    let error = hooks::last_error().unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::TooLarge),
        "{error}"
    );
    assert!(error.to_string().contains(&error.raw().to_string()));

    // SAFETY: `note` only stores to a static, and neither allocates nor panics.
    unsafe { hooks::set_error_hook(note) };
    fail();
    assert_eq!(SEEN.swap(0, Ordering::Relaxed), error.raw());
    assert!(hooks::error_count() > first);

    hooks::set_error_policy(ErrorPolicy::Default);
    let before = hooks::error_count();
    fail();
    assert_eq!(hooks::error_count(), before);
    assert_eq!(SEEN.load(Ordering::Relaxed), 0);
}
