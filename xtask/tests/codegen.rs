//! Unit tests of `cargo xtask codegen`.

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
