//! `cargo xtask codegen`: reads the release machine code of requests whose
//! layout is constant, and fails on any test or branch that is left in it, but
//! for those of heaps that are not about the layout.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::files;

/// The beginning of the requests' names.
const PREFIX: &str = "codegen_";

/// The number of requests: seven kinds for six types.
const REQUESTS: usize = 42;

/// Runs the command.
pub(crate) fn run(args: lexopt::Parser) -> Result<()> {
    files::no_arguments(args)?;
    let target = files::root().join("target/codegen");
    let line =
        "rustc --release -p mimalloc-tests --example codegen -- --emit=asm -Ccodegen-units=1";
    let mut cargo = files::cargo(&line.split(' ').collect::<Vec<_>>());
    files::output(
        cargo
            .env("CARGO_TARGET_DIR", &target)
            .env_remove("RUSTFLAGS"),
    )?;
    let dir = target.join("release/examples");
    let mut assembly = String::new();
    for name in files::list(&dir)?
        .iter()
        .filter(|name| name.ends_with(".s"))
    {
        assembly.push_str(&files::read(dir.join(name))?);
    }
    let functions = functions(&assembly);
    let requests = functions.len() + aliases(&assembly);
    if requests != REQUESTS {
        bail!("{requests} of {REQUESTS} requests are in the machine code");
    }
    let mut bad = 0;
    for (name, body) in &functions {
        let deciding: Vec<_> = body
            .iter()
            .filter(|instruction| decides(instruction))
            .collect();
        if !(deciding.is_empty() || asks_for_heap(name, &deciding)) {
            for instruction in &deciding {
                println!("{name}: {instruction}");
            }
            bad += deciding.len();
        }
    }
    if bad != 0 {
        bail!("{bad} instructions decide at run time what is known at compile time");
    }
    let longest = functions.values().map(Vec::len).max().unwrap_or(0);
    println!(
        "{REQUESTS} requests of constant layout, none decides on size or alignment; at most \
         {longest} instructions"
    );
    Ok(())
}

/// Returns the instructions of each request.
fn functions(assembly: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current: Option<String> = None;
    for line in assembly.lines() {
        let text = line.trim();
        if let Some(label) = text.strip_suffix(':') {
            // Local labels begin with a dot; Mach-O adds an underscore.
            let label = label.trim_start_matches('_');
            if label.starts_with(PREFIX) {
                found.insert(label.to_owned(), Vec::new());
                current = Some(label.to_owned());
            } else if !label.starts_with(['.', 'L']) {
                current = None;
            }
            continue;
        }
        if text.starts_with(".cfi_endproc") || text.starts_with(".size") {
            current = None;
        }
        if text.is_empty() || text.starts_with(['.', '#', '/', ';']) {
            continue;
        }
        if let Some(name) = &current {
            if let Some(body) = found.get_mut(name) {
                body.push(text.to_owned());
            }
        }
    }
    found
}

/// Counts the requests that share the body of another, equal request.
fn aliases(assembly: &str) -> usize {
    let names = assembly.lines().filter_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix(".set").unwrap_or(line).trim();
        line.split_once(['=', ',']).map(|(name, _)| name.trim())
    });
    names
        .filter(|name| name.trim_start_matches('_').starts_with(PREFIX))
        .count()
}

/// Returns whether a request to a heap decides nothing but whether the thread used
/// the heap last (`mimalloc/src/raw/theap_cache.rs`) and whether there is a free block
/// (`mimalloc-sys/src/inline_alloc.rs`): at most two comparisons, none with a constant,
/// as a size would be.
fn asks_for_heap(name: &str, deciding: &[&String]) -> bool {
    let of_heap = ["heap_", "shared_", "local_"]
        .iter()
        .any(|kind| name[PREFIX.len()..].starts_with(kind));
    // Arm has jumps that compare.
    let both = deciding
        .iter()
        .filter(|text| text.starts_with("cbz") || text.starts_with("cbnz"))
        .count();
    let comparisons: Vec<_> = deciding
        .iter()
        .filter(|text| text.starts_with("cmp") || text.starts_with("test"))
        .collect();
    of_heap
        && comparisons.len() + both <= 2
        && 2 * comparisons.len() + both == deciding.len()
        && !comparisons.iter().any(|text| text.contains(['$', '#']))
}

/// Returns whether an instruction compares, or jumps on a condition. x86 and Arm.
fn decides(instruction: &str) -> bool {
    let word = instruction.split_whitespace().next().unwrap_or_default();
    let x86 = (word.starts_with('j') && !word.starts_with("jmp"))
        || word.starts_with("cmp")
        || word.starts_with("test")
        || word.starts_with("set")
        || word.starts_with("cmov");
    let arm = word.starts_with("b.")
        || [
            "cbz", "cbnz", "tbz", "tbnz", "csel", "cset", "ccmp", "subs", "tst",
        ]
        .contains(&word);
    x86 || arm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_seen() {
        let assembly = "codegen_alloc_word:\n\t.cfi_startproc\n\tmovl\t$1, %edi\n\tcmpq\t$9, %rsi\n\
                        \tjb\t.LBB0_2\n.LBB0_2:\n\tjmpq\t*mi_wmalloc_small@GOTPCREL(%rip)\n\
                        .Lfunc_end0:\n\t.size\tcodegen_alloc_word, .Lfunc_end0\nother:\n\tje\t.L\n";
        let functions = functions(assembly);
        let body = &functions["codegen_alloc_word"];
        assert_eq!(body.len(), 4);
        assert_eq!(
            aliases("codegen_a = codegen_b\n\t.set\tcodegen_c, codegen_b\n"),
            2
        );
        let deciding: Vec<_> = body
            .iter()
            .filter(|instruction| decides(instruction))
            .collect();
        assert_eq!(deciding, ["cmpq\t$9, %rsi", "jb\t.LBB0_2"]);
        assert!(!asks_for_heap("codegen_heap_word", &deciding));
        let whose = ["cmpq\t%rsi, %fs:(%rax)".to_owned(), "jne\t.L1".to_owned()];
        let whose: Vec<_> = whose.iter().collect();
        assert!(asks_for_heap("codegen_heap_word", &whose));
        assert!(!asks_for_heap("codegen_alloc_word", &whose));
    }
}
