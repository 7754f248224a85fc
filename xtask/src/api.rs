//! The public C interface of one engine, as its bindings and headers state it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use quote::ToTokens;
use syn::{ForeignItem, Item, ReturnType};

use crate::files;

/// Names and what they stand for.
pub(crate) type Names = BTreeMap<String, String>;

/// Everything in a bindings file, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Api {
    /// Function to its signature, without parameter names.
    pub(crate) functions: Names,
    /// `mi_option_…` to its number.
    pub(crate) options: Names,
    /// Every other constant to its value.
    pub(crate) constants: Names,
    /// `struct.field` to its place and type; `struct` alone to its attributes.
    pub(crate) fields: Names,
    /// Other types to what they are an alias of.
    pub(crate) types: Names,
    /// `static inline` functions to their C text.
    pub(crate) inline: Names,
}

impl Api {
    /// Reads the text of a bindings file.
    pub(crate) fn parse(bindings: &str) -> Result<Self> {
        let file = syn::parse_file(bindings).context("the bindings are not valid Rust")?;
        let mut api = Self::default();
        for item in &file.items {
            api.add(item);
        }
        Ok(api)
    }

    /// Reads the bindings at `path`, and the inline functions of the headers in `include`.
    pub(crate) fn load(path: &Path, include: &Path) -> Result<Self> {
        let mut api =
            Self::parse(&files::read(path)?).with_context(|| format!("in {}", path.display()))?;
        api.inline = inline_functions_below(include)?;
        Ok(api)
    }

    fn add(&mut self, item: &Item) {
        match item {
            Item::ForeignMod(block) => {
                for item in &block.items {
                    if let ForeignItem::Fn(function) = item {
                        let name = function.sig.ident.to_string();
                        self.functions.insert(name, signature(&function.sig));
                    }
                }
            }
            Item::Const(constant) => {
                let name = constant.ident.to_string();
                let value = text(&constant.expr);
                if name.contains("mi_option_") {
                    self.options.insert(name, value);
                } else {
                    self.constants.insert(name, value);
                }
            }
            Item::Struct(structure) => {
                let name = structure.ident.to_string();
                for (index, field) in structure.fields.iter().enumerate() {
                    let field_name = field.ident.as_ref().map(ToString::to_string);
                    let field_name = field_name.unwrap_or_else(|| index.to_string());
                    let place = format!("field {index}, {}", text(&field.ty));
                    self.fields.insert(format!("{name}.{field_name}"), place);
                }
                let attributes: Vec<String> = structure.attrs.iter().map(text).collect();
                self.fields.insert(name, attributes.join(" "));
            }
            Item::Type(alias) => {
                self.types.insert(alias.ident.to_string(), text(&alias.ty));
            }
            _ => {}
        }
    }
}

/// Parameter and result types: what a caller depends on.
fn signature(signature: &syn::Signature) -> String {
    let inputs: Vec<String> = signature
        .inputs
        .iter()
        .map(|input| match input {
            syn::FnArg::Typed(input) => text(&input.ty),
            syn::FnArg::Receiver(input) => text(input),
        })
        .collect();
    let output = match &signature.output {
        ReturnType::Default => String::new(),
        ReturnType::Type(_, output) => format!(" -> {}", text(output)),
    };
    format!("fn({}){output}", inputs.join(", "))
}

/// Tokens the way people write them, near enough.
fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    [
        (":: core :: ffi :: ", ""),
        (":: core :: option :: ", ""),
        (" :: ", "::"),
        ("* ", "*"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        (" ,", ","),
        ("# [", "#["),
        (" (", "("),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        (" :", ":"),
    ]
    .iter()
    .fold(text, |text, (from, to)| text.replace(from, to))
}

/// The `static inline` functions of the public headers, which bindgen leaves out.
fn inline_functions_below(include: &Path) -> Result<Names> {
    let mut found = Names::new();
    for header in crate::bindings::HEADERS {
        let path = include.join(header);
        if path.is_file() {
            found.extend(inline_functions(&files::read(&path)?));
        }
    }
    Ok(found)
}

/// The `static inline` functions in the text of a header: name to text.
fn inline_functions(header: &str) -> Names {
    let mut found = Names::new();
    for (start, _) in header.match_indices("static inline ") {
        let text = &header[start..];
        let Some(length) = body_end(text) else {
            continue;
        };
        let name = text
            .split('(')
            .next()
            .and_then(|head| head.split([' ', '*']).next_back());
        if let Some(name) = name.filter(|name| name.starts_with("mi_")) {
            let words: Vec<&str> = text[..length].split_whitespace().collect();
            found.insert(name.to_owned(), words.join(" "));
        }
    }
    found
}

/// Where the first `{ … }` block of a text ends.
fn body_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_sorted_by_kind() {
        let api = Api::parse(
            "pub type mi_option_e = super::c_enum;
             #[repr(C)] pub struct mi_area_s { pub used: usize, pub p: *mut ::core::ffi::c_void }
             pub const MI_STAT_VERSION: u32 = 6;
             pub const mi_option_verbose: mi_option_e = 2;
             pub const _mi_option_last: mi_option_e = 3;
             unsafe extern \"C\" { pub fn mi_free(p: *mut ::core::ffi::c_void);
               pub fn mi_zalloc(size: usize) -> *mut ::core::ffi::c_void; }",
        )
        .unwrap();
        assert_eq!(api.functions["mi_free"], "fn(*mut c_void)");
        assert_eq!(api.functions["mi_zalloc"], "fn(usize) -> *mut c_void");
        assert_eq!(api.options["mi_option_verbose"], "2");
        assert_eq!(api.options.len(), 2);
        assert_eq!(api.constants["MI_STAT_VERSION"], "6");
        assert_eq!(api.fields["mi_area_s.p"], "field 1, *mut c_void");
        assert_eq!(api.fields["mi_area_s"], "#[repr(C)]");
        assert_eq!(api.types["mi_option_e"], "super::c_enum");
    }

    #[test]
    fn inline_functions_are_found_with_their_bodies() {
        let header = "static inline decl void* mi_a_csize(size_t n) noexcept {\n  \
                      if (n) { return mi_a(n); }\n}\nvoid mi_b(void);\n\
                      static inline size_t mi_c(size_t n) { return n; }\n";
        let found = inline_functions(header);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["mi_a_csize", "mi_c"]);
        assert!(found["mi_a_csize"].ends_with("{ if (n) { return mi_a(n); } }"));
    }
}
