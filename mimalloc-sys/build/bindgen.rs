//! How bindings are made, for both who make them: the build script (feature
//! `bindgen`, from the headers that are linked) and `cargo xtask bindgen` (the
//! committed files, from the pinned headers). Nothing here names another module,
//! so that xtask can include this file.

use std::path::Path;

/// The headers that make up the public interface; older versions lack some.
pub(crate) const HEADERS: [&str; 3] = ["mimalloc.h", "mimalloc-stats.h", "mimalloc-profile.h"];

/// Functions with `wchar_t`, which differs by target: `src/wchar.rs` declares them.
pub(crate) const WIDE: [&str; 2] = ["mi_wcsdup", "mi_wdupenv_s"];

/// Functions that upstream declares and does not define on every platform.
pub(crate) fn undefined(engine: &str) -> &'static [&'static str] {
    match engine {
        "v2" => &["mi_malloc_size", "mi_malloc_usable_size"],
        _ => &["mi_collect_reduce", "mi_stats_merge"],
    }
}

/// A builder for the headers in `include`, of engine `v3` or `v2`. The caller
/// adds where the C library's headers are, and the target if not the build's.
pub(crate) fn builder(
    include: &Path,
    engine: &str,
    target: ::bindgen::RustTarget,
) -> ::bindgen::Builder {
    let wrapper: String = HEADERS
        .iter()
        .filter(|header| include.join(header).is_file())
        .map(|header| format!("#include <{header}>\n"))
        .collect();
    let builder = ::bindgen::Builder::default()
        .header_contents("wrapper.h", &wrapper)
        .clang_arg(format!("-I{}", include.display()))
        .allowlist_function("mi_.*")
        .allowlist_type("mi_.*")
        .allowlist_var("MI_.*")
        .default_enum_style(::bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        // The layout is proved by a C probe in the tests, on each platform.
        .layout_tests(false)
        .blocklist_type("wchar_t")
        .no_copy("mi_t?heap_s")
        .use_core()
        .sort_semantically(true)
        .merge_extern_blocks(true)
        .rust_target(target)
        .rust_edition(::bindgen::RustEdition::Edition2024)
        .formatter(::bindgen::Formatter::Prettyplease);
    WIDE.iter()
        .chain(undefined(engine))
        .fold(builder, |builder, name| builder.blocklist_function(name))
}
