//! Finds what the safe layer does with each C function: which items say by
//! `#[doc(alias)]` that they are its Rust form, and which call it.
//!
//! Works on tokens, so that comments don't count and macro bodies do, and starts
//! at `lib.rs`, so that `cfg`s hold as for the compiler. A `cfg` that differs
//! between builds of one engine counts as both true and false.

mod groups;

use core::iter::Peekable;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream};

use crate::engine::Engine;
use crate::files;
use groups::Group;

/// Where a C function appears, as `item (file)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sites {
    /// Public items with the function's name as an alias.
    pub(crate) aliases: BTreeSet<String>,
    /// Items that call it.
    pub(crate) calls: BTreeSet<String>,
}

/// C function to its sites.
pub(crate) type Wrapped = BTreeMap<String, Sites>;

/// Searches `mimalloc/src` as compiled with `engine`, which has `functions`.
pub(crate) fn search(engine: Engine, functions: &BTreeSet<String>) -> Result<Wrapped> {
    let root = files::root().join("mimalloc");
    let groups = groups::parse(&files::read(&root.join("build/cfgs.rs"))?)?;
    let mut search = Search {
        engine,
        functions,
        groups,
        src: root.join("src"),
        found: Wrapped::new(),
    };
    search.file(&root.join("src/lib.rs"))?;
    Ok(search.found)
}

type Tokens = Peekable<token_stream::IntoIter>;

struct Search<'a> {
    engine: Engine,
    functions: &'a BTreeSet<String>,
    groups: BTreeMap<String, Group>,
    src: PathBuf,
    found: Wrapped,
}

/// Where in a file the search is.
#[derive(Clone, Debug)]
struct Place<'a> {
    file: &'a Path,
    /// The items around, joined by `::`.
    item: String,
}

impl Place<'_> {
    fn within(&self, name: &str) -> Self {
        let mut place = self.clone();
        if !place.item.is_empty() {
            place.item.push_str("::");
        }
        place.item.push_str(name);
        place
    }
}

impl Search<'_> {
    fn file(&mut self, path: &Path) -> Result<()> {
        let tokens = files::read(path)?.parse::<TokenStream>();
        let tokens = tokens.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        self.tokens(
            tokens,
            &Place {
                file: path,
                item: String::new(),
            },
        )
    }

    /// The file behind `mod name;` in the file at `from`.
    fn module(&mut self, from: &Path, name: &str) -> Result<()> {
        let is_root = from.ends_with("lib.rs") || from.ends_with("mod.rs");
        let dir = if is_root {
            from.parent().map_or_else(PathBuf::new, Path::to_path_buf)
        } else {
            from.with_extension("")
        };
        let flat = dir.join(format!("{name}.rs"));
        let deep = dir.join(name).join("mod.rs");
        match [flat, deep].into_iter().find(|path| path.is_file()) {
            Some(path) => self.file(&path),
            None => bail!("{}: no file for `mod {name};`", from.display()),
        }
    }

    fn tokens(&mut self, tokens: TokenStream, place: &Place<'_>) -> Result<()> {
        let mut tokens = tokens.into_iter().peekable();
        let mut aliases = Vec::new();
        let mut public = false;
        let mut inner = place.clone();
        let mut before = String::new();
        while let Some(token) = tokens.next() {
            let text = token_text(&token);
            match &token {
                TokenTree::Punct(_) if text == "#" => {
                    self.attribute(&mut tokens, &mut aliases);
                    continue;
                }
                TokenTree::Punct(_) if text == ";" => inner = place.clone(),
                TokenTree::Ident(_) if text == "pub" => {
                    public = tokens.next_if(is_parentheses).is_none();
                    continue;
                }
                TokenTree::Ident(_) if text == "impl" && begins_item(&before) => {
                    inner = place.within(&implemented(&mut tokens));
                }
                TokenTree::Ident(_) if leads_to_name(&text, &before) => {
                    if let Some(name) = item_name(&mut tokens) {
                        inner = place.within(&name);
                        if text == "mod" && tokens.peek().is_some_and(|t| token_text(t) == ";") {
                            self.module(place.file, &name)?;
                        }
                        for alias in aliases.drain(..).filter(|_| public) {
                            let site = self.site(&inner);
                            self.found.entry(alias).or_default().aliases.insert(site);
                        }
                        public = false;
                    }
                }
                TokenTree::Ident(_) if is_ours(&before) && self.functions.contains(&text) => {
                    let site = self.site(&inner);
                    let sites = self.found.entry(text.clone()).or_default();
                    sites.calls.insert(site);
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), &inner)?;
                    if group.delimiter() == Delimiter::Brace {
                        inner = place.clone();
                        public = false;
                    }
                }
                _ => {}
            }
            remember(&mut before, &text);
        }
        Ok(())
    }

    /// What follows `#`: keeps an alias, leaves out what a `cfg` leaves out.
    fn attribute(&self, tokens: &mut Tokens, aliases: &mut Vec<String>) {
        tokens.next_if(|token| token_text(token) == "!");
        let Some(TokenTree::Group(attribute)) = tokens.next() else {
            return;
        };
        match Attribute::of(attribute.stream()) {
            Attribute::Alias(name) => aliases.push(name),
            Attribute::Cfg(cfg) if self.cfg(cfg.clone()) == Some(false) => {
                skip_item(tokens);
                aliases.clear();
            }
            Attribute::Cfg(_) | Attribute::Other => {}
        }
    }

    fn site(&self, place: &Place<'_>) -> String {
        let path = place.file.strip_prefix(&self.src).unwrap_or(place.file);
        let path = path.to_string_lossy().replace('\\', "/");
        format!("{} ({path})", place.item)
    }

    /// Whether the build script sets the group's `cfg` for a complete library.
    fn has(&self, group: &Group) -> bool {
        let mut functions = group.functions.iter();
        group.of.is_none_or(|engine| engine == self.engine)
            && functions.all(|function| self.functions.contains(function))
    }

    /// Whether a `cfg` predicate holds; `None` when builds of the engine differ.
    fn cfg(&self, predicate: TokenStream) -> Option<bool> {
        let mut tokens = predicate.into_iter();
        let name = tokens.next().map(|token| token_text(&token))?;
        let Some(TokenTree::Group(group)) = tokens.next() else {
            return match name.as_str() {
                "mimalloc_v3" => Some(self.engine == Engine::V3),
                "mimalloc_v2" => Some(self.engine == Engine::V2),
                "test" => Some(false),
                _ => self.groups.get(&name).map(|group| self.has(group)),
            };
        };
        let parts: Vec<TokenTree> = group.stream().into_iter().collect();
        let parts = parts
            .split(|token| token_text(token) == ",")
            .filter(|part| !part.is_empty())
            .map(|part| self.cfg(part.iter().cloned().collect()));
        let parts: Vec<_> = parts.collect();
        match name.as_str() {
            "not" => parts.first().copied().flatten().map(|holds| !holds),
            "all" if parts.contains(&Some(false)) => Some(false),
            "any" if parts.contains(&Some(true)) => Some(true),
            _ if parts.contains(&None) => None,
            "all" => Some(true),
            "any" => Some(false),
            _ => None,
        }
    }
}

enum Attribute {
    Alias(String),
    Cfg(TokenStream),
    Other,
}

impl Attribute {
    fn of(tokens: TokenStream) -> Self {
        let mut tokens = tokens.into_iter();
        let name = tokens.next().map(|token| token_text(&token));
        let Some(TokenTree::Group(group)) = tokens.next() else {
            return Self::Other;
        };
        if name.as_deref() == Some("cfg") {
            return Self::Cfg(group.stream());
        }
        let words: Vec<String> = group.stream().into_iter().map(|t| token_text(&t)).collect();
        match words.as_slice() {
            [alias, equals, text] if alias == "alias" && equals == "=" => {
                Self::Alias(text.trim_matches('"').to_owned())
            }
            _ => Self::Other,
        }
    }
}

/// Leaves out what an attribute stands before: up to `;`, `,` or a block.
fn skip_item(tokens: &mut Tokens) {
    let (mut angles, mut last) = (0_i32, String::new());
    for token in tokens.by_ref() {
        let text = token_text(&token);
        match text.as_str() {
            "<" => angles += 1,
            ">" if last != "-" && last != "=" => angles -= 1,
            ";" => return,
            "," if angles <= 0 => return,
            _ => {}
        }
        if matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) {
            return;
        }
        last = text;
    }
}

/// The type that an `impl` is for; stops before the block.
fn implemented(tokens: &mut Tokens) -> String {
    let (mut angles, mut name, mut last) = (0_i32, String::new(), String::new());
    while let Some(token) = tokens.next_if(
        |token| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
    ) {
        let text = token_text(&token);
        match text.as_str() {
            "<" => angles += 1,
            ">" if last != "-" => angles -= 1,
            "for" if angles == 0 => name.clear(),
            "where" if angles == 0 => {
                // The bounds don't matter, but may name types.
                while tokens
                    .next_if(|token| !token_text(token).starts_with('{'))
                    .is_some()
                {}
            }
            _ if angles == 0 && is_name(&text) && last != "'" => name = text.clone(),
            _ => {}
        }
        last = text;
    }
    name
}

/// A token as text; a block only as its bracket.
fn token_text(token: &TokenTree) -> String {
    match token {
        TokenTree::Group(group) => match group.delimiter() {
            Delimiter::Brace => "{}",
            Delimiter::Parenthesis => "()",
            Delimiter::Bracket => "[]",
            Delimiter::None => "",
        }
        .to_owned(),
        other => other.to_string(),
    }
}

/// Appends to the last few tokens.
fn remember(before: &mut String, text: &str) {
    before.push_str(text);
    if before.len() > 64 {
        let kept = (before.len() - 16..).find(|&at| before.is_char_boundary(at));
        before.drain(..kept.unwrap_or(before.len()));
    }
}

/// Whether `impl` after this text begins an item, rather than a type.
fn begins_item(before: &str) -> bool {
    let ends = [";", "{}", "unsafe"];
    before.is_empty() || ends.iter().any(|end| before.ends_with(end))
}

/// Whether this text leads to a name of the raw crate.
fn is_ours(before: &str) -> bool {
    before.ends_with("sys::") || before.ends_with("ffi::")
}

/// Whether this keyword begins an item, not a parameter, pointer or lifetime.
fn leads_to_name(keyword: &str, before: &str) -> bool {
    let keywords = [
        "fn",
        "struct",
        "enum",
        "union",
        "trait",
        "type",
        "const",
        "static",
        "mod",
        "macro_rules",
    ];
    keywords.contains(&keyword) && !before.ends_with([',', '<', '*', '\''])
}

/// The name behind such a keyword, if it is followed by one.
fn item_name(tokens: &mut Tokens) -> Option<String> {
    tokens.next_if(|token| token_text(token) == "!");
    let name = tokens.next_if(|token| is_name(&token_text(token)))?;
    Some(token_text(&name))
}

fn is_parentheses(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis)
}

fn is_name(text: &str) -> bool {
    let keyword = [
        "fn", "unsafe", "extern", "async", "mut", "dyn", "where", "as",
    ];
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && !keyword.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::groups::tests::BUILD;
    use super::*;

    fn found(engine: Engine, functions: &[&str], text: &str) -> Wrapped {
        let functions = functions.iter().map(|&name| name.to_owned()).collect();
        let mut search = Search {
            engine,
            functions: &functions,
            groups: groups::parse(BUILD).unwrap(),
            src: PathBuf::from("src"),
            found: Wrapped::new(),
        };
        let place = Place {
            file: Path::new("src/heap.rs"),
            item: String::new(),
        };
        search.tokens(text.parse().unwrap(), &place).unwrap();
        search.found
    }

    fn all(sites: &BTreeSet<String>) -> Vec<&str> {
        sites.iter().map(String::as_str).collect()
    }

    #[test]
    fn aliases_belong_to_public_items_and_calls_to_those_around() {
        let found = found(
            Engine::V3,
            &["mi_new", "mi_old", "mi_gone"],
            "//! mi_gone
             impl<A: Into<B>> Trait<A> for Heap<A> where A: X {
                 /// mi_gone
                 #[doc(alias = \"mi_new\")]
                 #[must_use] pub const unsafe fn new(x: impl Fn()) -> Self { // sys::mi_gone()
                     let all = [unsafe { sys::mi_new() }];
                 }
                 #[doc(alias = \"mi_gone\")] pub(crate) fn hidden() { other::mi_gone() }
             }
             #[doc(alias = \"mi_t\")] pub struct Heap;
             macro_rules! m { () => { ffi::mi_old() } }",
        );
        assert_eq!(all(&found["mi_new"].aliases), ["Heap::new (heap.rs)"]);
        assert_eq!(all(&found["mi_new"].calls), ["Heap::new (heap.rs)"]);
        assert_eq!(all(&found["mi_t"].aliases), ["Heap (heap.rs)"]);
        assert_eq!(all(&found["mi_old"].calls), ["m (heap.rs)"]);
        assert!(!found.contains_key("mi_gone"), "{found:?}");
    }

    #[test]
    fn cfgs_of_the_engine_hold_and_others_may() {
        let text = "
            fn both() {
                #[cfg(mimalloc_v3)] unsafe { sys::mi_a() }
                #[cfg(not(mimalloc_v3))] unsafe { sys::mi_b() }
                #[cfg(all(mimalloc_theap, unix))] let x = sys::mi_c();
                #[cfg(any(mimalloc_theap, test))] sys::mi_d();
                #[cfg(mimalloc_vendored)] sys::mi_e();
                #[cfg(not(mimalloc_vendored))] sys::mi_f();
                #[cfg(mimalloc_has_ex)] sys::mi_i();
            }
            #[cfg(mimalloc_has_print)] #[doc(alias = \"mi_print\")] pub fn print() {}
            #[cfg(test)] mod tests { fn t<A, B>() { sys::mi_g() } }
            fn last() { sys::mi_h() }";
        let mut names = vec![
            "mi_a", "mi_b", "mi_c", "mi_d", "mi_e", "mi_f", "mi_g", "mi_h", "mi_i", "mi_ex",
            "mi_theap", "mi_other",
        ];
        let found = |engine, names: &[&str]| -> Vec<String> {
            self::found(engine, names, text).into_keys().collect()
        };
        assert_eq!(
            found(Engine::V3, &names),
            ["mi_a", "mi_c", "mi_d", "mi_e", "mi_f", "mi_h"]
        );
        names.truncate(10);
        names.push("mi_print");
        assert_eq!(
            found(Engine::V2, &names),
            ["mi_b", "mi_e", "mi_f", "mi_h", "mi_i", "mi_print"]
        );
    }
}
