//! Reads the release machine code of requests whose layout is constant, and fails on
//! any test or branch that is left in it, but for those of heaps that are not about
//! the layout. The requests are in `tests/codegen`.

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{cargo, output, root};

/// The beginning of the requests' names.
const PREFIX: &str = "codegen_";

/// The number of requests: seven kinds for six types.
const REQUESTS: usize = 42;

#[test]
fn requests_of_constant_layout_decide_nothing() {
    let target = root().join("target/codegen");
    let line =
        "rustc --release -p mimalloc-tests --example codegen -- --emit=asm -Ccodegen-units=1";
    let mut cargo = cargo();
    cargo.args(line.split(' ')).env_remove("RUSTFLAGS");
    output(cargo.env("CARGO_TARGET_DIR", &target));
    let mut assembly = String::new();
    for entry in fs::read_dir(target.join("release/examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "s") {
            assembly.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    let functions = functions(&assembly);
    let requests = functions.len() + aliases(&assembly);
    assert!(
        requests == REQUESTS,
        "{requests} of {REQUESTS} requests are in the machine code"
    );
    let mut bad = 0;
    for (name, body) in &functions {
        let deciding: Vec<_> = body.iter().filter(|text| decides(text)).collect();
        if !(deciding.is_empty() || asks_for_heap(name, &deciding)) {
            for instruction in &deciding {
                println!("{name}: {instruction}");
            }
            bad += deciding.len();
        }
    }
    assert!(
        bad == 0,
        "{bad} instructions decide at run time what is known at compile time"
    );
    let longest = functions.values().map(Vec::len).max().unwrap_or(0);
    println!(
        "{REQUESTS} requests of constant layout, none decides on size or alignment; at most \
         {longest} instructions"
    );
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
    let is = |text: &str, words: [&str; 2]| words.iter().any(|word| text.starts_with(word));
    // Arm has jumps that compare.
    let both = deciding.iter().filter(|text| is(text, ["cbz", "cbnz"]));
    let comparisons = deciding.iter().filter(|text| is(text, ["cmp", "test"]));
    let (both, comparing) = (both.count(), comparisons.clone().count());
    of_heap
        && comparing + both <= 2
        && 2 * comparing + both == deciding.len()
        && !comparisons.clone().any(|text| text.contains(['$', '#']))
}

/// Returns whether an instruction compares, or jumps on a condition. x86 and Arm.
fn decides(instruction: &str) -> bool {
    let word = instruction.split_whitespace().next().unwrap_or_default();
    let x86 = ["cmp", "test", "set", "cmov"];
    let arm = "cbz cbnz tbz tbnz csel cset ccmp subs tst";
    x86.iter().any(|start| word.starts_with(start))
        || (word.starts_with('j') && !word.starts_with("jmp"))
        || word.starts_with("b.")
        || arm.split(' ').any(|arm| arm == word)
}

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
