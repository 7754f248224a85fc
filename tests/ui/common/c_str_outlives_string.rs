//! The `&CStr` of a C string does not outlive the string.

use mimalloc::MiMalloc;

fn main() {
    let name = MiMalloc.strdup(c"name").unwrap();
    let text = name.as_c_str();
    drop(name);
    assert_eq!(text, c"name");
}
