//! Where the kernel enters a root task: boot info in `rdi`, no stack.

use core::arch::global_asm;

use crate::STACK_SIZE;

global_asm!(
    r#"
    .section .text.entry, "ax", @progbits
    .global _start
_start:
    leaq sel4_root_task_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call sel4_root_task_main
    ud2

    .section .bss.stack, "aw", @nobits
    .align 4096
    .skip {size}
sel4_root_task_stack_top:
    .text
"#,
    size = const STACK_SIZE,
    options(att_syntax)
);
