//! Sets bindgen up for both of its users: the build script (feature `bindgen`, from
//! the headers that are linked) and `cargo xtask bindgen` (the committed files,
//! from the pinned headers). This file names no other module, so that xtask can
//! include the file.

use std::path::Path;

/// The headers that make up the public interface; older versions lack some.
pub(crate) const HEADERS: [&str; 3] = ["mimalloc.h", "mimalloc-stats.h", "mimalloc-profile.h"];

/// Functions with `wchar_t`, which differs by target: `src/wchar.rs` declares them.
pub(crate) const WIDE: [&str; 2] = ["mi_wcsdup", "mi_wdupenv_s"];

/// Functions that engine v2 declares and does not define on every platform.
pub(crate) const UNDEFINED_V2: &[&str] = &["mi_malloc_size", "mi_malloc_usable_size"];

/// Functions that engine v3 declares and does not define on every platform.
pub(crate) const UNDEFINED_V3: &[&str] = &["mi_collect_reduce", "mi_stats_merge"];

/// Returns a builder for the headers in `include`, without the functions that the
/// engine leaves `undefined`. The caller adds the directories of the C library's
/// headers, and the target if it is not the build's.
pub(crate) fn builder(
    include: &Path,
    undefined: &[&str],
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
        // A C probe in the tests proves the layout on each platform.
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
        .chain(undefined)
        .fold(builder, |builder, name| builder.blocklist_function(name))
}
