//! How bindings are made, for both who make them: the build script (feature
//! `bindgen`, from the headers that are linked) and `cargo xtask bindgen` (the
//! committed files, from the pinned headers). Nothing here names another module,
//! so that xtask can include this file.

use std::path::Path;

/// The headers that make up the public interface; older versions lack some.
pub(crate) const HEADERS: [&str; 3] = ["mimalloc.h", "mimalloc-stats.h", "mimalloc-profile.h"];

/// What is left out. Two functions take `wchar_t`, which differs by target:
/// `src/wide.rs` declares them. The others upstream declares, but does not
/// define on every platform: of 3.6.1 the first two, of 2.5.2 the last two.
const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "v3",
        &[
            "mi_wcsdup",
            "mi_wdupenv_s",
            "mi_collect_reduce",
            "mi_stats_merge",
        ],
    ),
    (
        "v2",
        &[
            "mi_wcsdup",
            "mi_wdupenv_s",
            "mi_malloc_size",
            "mi_malloc_usable_size",
        ],
    ),
];

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
    LEFT_OUT
        .iter()
        .filter(|(of, _)| *of == engine)
        .flat_map(|(_, names)| *names)
        .fold(builder, |builder, name| builder.blocklist_function(name))
}
