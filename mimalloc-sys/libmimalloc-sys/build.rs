//! Turns the engine that `mimalloc-sys` links into a cfg. The feature `v2` may come
//! from another package.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(mimalloc_v2)");
    if std::env::var("DEP_MIMALLOC_SYS_ENGINE").as_deref() == Ok("v2") {
        println!("cargo::rustc-cfg=mimalloc_v2");
    }
}
