//! Copies C strings into heaps.

use core::ffi::CStr;
use std::thread;

use mimalloc::{Heap, HeapCString, MiMalloc};
#[cfg(not(mimalloc_owned_heaps))]
use mimalloc_tests::NewHeap as _;

#[test]
fn copies_are_equal_and_elsewhere() {
    let heap = Heap::new().unwrap();
    for text in [c"", c"a", c"hello, world"] {
        let copy = heap.strdup(text).unwrap();
        assert_eq!(&*copy, text);
        assert_ne!(copy.as_ptr(), text.as_ptr());
        assert!(heap.contains(copy.as_c_str().to_bytes_with_nul()));
        let other = MiMalloc.strdup(&copy).unwrap();
        assert_eq!(other, copy);
        assert!(!heap.contains(other.to_bytes_with_nul()));
        assert_eq!(format!("{other:?}"), format!("{text:?}"));
    }
    let long = std::ffi::CString::new(vec![b'x'; 100_000]).unwrap();
    assert_eq!(&*heap.strdup(&long).unwrap(), &*long);
}

#[test]
fn prefixes_end_where_asked_or_before() {
    let heap = Heap::new().unwrap();
    for (len, expected) in [
        (0, c""),
        (3, c"abc"),
        (6, c"abcdef"),
        (usize::MAX, c"abcdef"),
    ] {
        assert_eq!(&*heap.strndup(c"abcdef", len).unwrap(), expected);
        assert_eq!(&*MiMalloc.strndup(c"abcdef", len).unwrap(), expected);
    }
}

#[test]
fn strings_go_through_c_and_to_other_threads() {
    let raw = MiMalloc.strdup(c"for C").unwrap().into_raw();
    // SAFETY: `into_raw` returned the pointer, and gave the string up.
    let back = unsafe { HeapCString::<MiMalloc>::from_raw(raw) };
    let back = thread::spawn(move || back).join().unwrap();
    assert_eq!(back.as_ref() as &CStr, c"for C");
}

#[cfg(unix)]
#[test]
fn real_paths_are_absolute() {
    let heap = Heap::new().unwrap();
    assert_eq!(&*heap.realpath(c"/usr/../usr/.").unwrap(), c"/usr");
    let here = MiMalloc.realpath(c".").unwrap();
    let expected = std::env::current_dir().unwrap().canonicalize().unwrap();
    assert_eq!(here.to_str().unwrap(), expected.to_str().unwrap());
    let error = heap.realpath(c"/no/such/file").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
