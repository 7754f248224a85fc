//! Reads the release machine code of requests whose layout is constant, and fails on
//! any test or branch that is left in it, but for those that are not about the
//! layout. Also fails when a small request to `MiMalloc` calls C although there is a
//! free block, where Rust can do without. The requests are in `tests/codegen`.

#[allow(dead_code, reason = "each test uses a part")]
mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{cargo, output, root};

/// The beginning of the requests' names.
const PREFIX: &str = "codegen_";

/// The requests to `MiMalloc` for small blocks.
const SMALL: [&str; 8] = [
    "alloc_word",
    "alloc_small",
    "alloc_wide",
    "alloc_last",
    "zeroed_word",
    "zeroed_small",
    "zeroed_wide",
    "zeroed_last",
];

/// The functions that a small request calls when a page has no free block.
const SLOW: [&str; 2] = ["mi_theap_wmalloc_small", "mi_theap_wzalloc_small"];

/// The number of requests: seven kinds for six types.
const REQUESTS: usize = 42;

#[test]
fn requests_of_constant_layout_decide_nothing() {
    let target = root().join("target/codegen");
    let line =
        "rustc --release -p mimalloc-fixtures --example codegen -- --emit=asm -Ccodegen-units=1";
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
        if !(deciding.is_empty() || asks_for_block(name, &deciding)) {
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
    if READS_THREAD_LOCALS {
        for name in SMALL.map(|kind| format!("{PREFIX}{kind}")) {
            let body = functions.get(&name).map_or(&[][..], |body| body);
            assert!(
                is_inlined(body),
                "{name} calls C before it looks for a free block:\n{}",
                body.join("\n")
            );
        }
    }
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

/// Where `mimalloc-sys/src/default_theap.rs` is compiled.
const READS_THREAD_LOCALS: bool = cfg!(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
));

/// Returns whether a request decides nothing but what is not about its layout:
/// whether the thread used the heap last (`mimalloc/src/raw/theap_cache.rs`), whether
/// there is a free block, whether free blocks are zero
/// (`mimalloc-sys/src/inline_alloc.rs`), and whether the address of a plain block is
/// aligned. These are at most two comparisons, none with a constant, as a size would
/// be, but for the zero and the alignment of the last two.
fn asks_for_block(name: &str, deciding: &[&String]) -> bool {
    let request = &name[PREFIX.len()..];
    let kinds = ["heap_", "shared_", "local_", "alloc_", "zeroed_"];
    let may_ask = kinds.iter().any(|kind| request.starts_with(kind));
    // Arm has jumps that compare.
    let both = deciding
        .iter()
        .filter(|text| text.starts_with("cbz") || text.starts_with("cbnz"))
        .count();
    let comparisons: Vec<_> = deciding
        .iter()
        .filter(|text| {
            ["cmp", "test", "tst"]
                .iter()
                .any(|word| text.starts_with(word))
        })
        .collect();
    let asks_for_zeros =
        |text: &str| request.starts_with("zeroed_") && text.starts_with("cmpb\t$0, ");
    let asks_for_address = |text: &str| {
        request.ends_with("_line")
            && (text.starts_with("testb\t$63, ")
                || text.starts_with("tst") && text.ends_with("#0x3f"))
    };
    may_ask
        && comparisons.len() + both <= 2
        && 2 * comparisons.len() + both == deciding.len()
        && !comparisons.iter().any(|text| {
            text.contains(['$', '#']) && !asks_for_zeros(text) && !asks_for_address(text)
        })
}

/// Returns whether a request reads a thread-local variable by the thread pointer, and
/// calls nothing but the slow function, behind a branch. Zeroing may call `memset`.
fn is_inlined(body: &[String]) -> bool {
    let position = |found: fn(&str) -> bool| body.iter().position(|text| found(text));
    let thread = position(|text| text.contains("%fs:(") || text.contains("tpidr_el0"));
    let branch = position(decides);
    let (Some(thread), Some(branch)) = (thread, branch) else {
        return false;
    };
    let calls: Vec<_> = (0..)
        .zip(body)
        .filter_map(|(i, text)| Some((i, called(text)?)))
        .collect();
    let is_expected =
        |&(i, name): &(usize, &str)| i > branch && (SLOW.contains(&name) || name == "memset");
    thread < branch
        && calls.iter().filter(|(_, name)| SLOW.contains(name)).count() == 1
        && calls.iter().all(is_expected)
}

/// Returns the function that an instruction calls, or jumps to. x86 and Arm.
fn called(instruction: &str) -> Option<&str> {
    let (word, rest) = instruction.split_once(char::is_whitespace)?;
    if !(word.starts_with("call") || word.starts_with("jmp") || ["b", "bl"].contains(&word)) {
        return None;
    }
    let name = rest.trim().trim_start_matches('*');
    let name = name.split(['@', '(']).next()?;
    (!name.starts_with(".L")).then_some(name)
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
    assert!(!asks_for_block("codegen_heap_word", &deciding));
    let whose = ["cmpq\t%rsi, %fs:(%rax)".to_owned(), "jne\t.L1".to_owned()];
    let whose: Vec<_> = whose.iter().collect();
    assert!(asks_for_block("codegen_heap_word", &whose));
    assert!(!asks_for_block("codegen_free_word", &whose));
    let zeros = ["cmpb\t$0, 63(%rcx)".to_owned(), "je\t.L1".to_owned()];
    let zeros: Vec<_> = zeros.iter().collect();
    assert!(asks_for_block("codegen_zeroed_word", &zeros));
    assert!(!asks_for_block("codegen_alloc_word", &zeros));
    let address = ["testb\t$63, %al".to_owned(), "je\t.L1".to_owned()];
    let address: Vec<_> = address.iter().collect();
    assert!(asks_for_block("codegen_alloc_line", &address));
    assert!(!asks_for_block("codegen_alloc_word", &address));
}

#[test]
fn calls_are_seen() {
    let body = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let x86 = "movq\tx@GOTTPOFF(%rip), %rdi\nmovq\t%fs:(%rdi), %rdi\ntestq\t%rax, %rax\n\
               je\t.L2\nretq\nmovl\t$1, %esi\njmpq\t*mi_theap_wmalloc_small@GOTPCREL(%rip)";
    assert!(is_inlined(&body(x86)));
    let arm = "adrp\tx0, :gottprel:x\nmrs\tx1, tpidr_el0\ncbz\tx0, .L2\nret\n\
               b\tmi_theap_wmalloc_small";
    assert!(is_inlined(&body(arm)));
    assert!(!is_inlined(&body(
        "movl\t$1, %edi\njmpq\t*mi_wmalloc_small@GOTPCREL(%rip)"
    )));
    // A call before the branch, and another one behind it.
    assert!(!is_inlined(&body(&format!("callq\t__tls_get_addr\n{x86}"))));
    assert!(!is_inlined(&body(&format!("{x86}\ncallq\tother"))));
    assert!(!is_inlined(&[]));
}
