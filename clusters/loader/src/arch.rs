//! Entry from the firmware, the way into a kernel, and the start of other cores.
//!
//! A Multiboot loader enters in 32-bit protected mode without paging. Rust runs in 64-bit mode with the first 4 GiB mapped
//! one to one; a kernel is entered in 32-bit mode again, as if by a Multiboot loader.

use core::arch::{asm, global_asm};

use atoll_loader::extent::{Extent, OutOfExtent};
use atoll_loader::machine::START_UP_PAGE;

use crate::memory::{self, Region};
use crate::refuse;

global_asm!(
    r#"
    .section .multiboot, "a"
    .align 4
    .global loader_image_start      # The linker script puts this section first.
loader_image_start:
    .long 0x1BADB002                # magic
    .long 0x3                       # modules on page boundaries, memory information
    .long -(0x1BADB002 + 0x3)

    .section .text.entry, "ax"
    .code32
    .global _start
_start:
    cli
    cld
    movl $loader_stack_top, %esp
    movl %eax, %edi
    movl %ebx, %esi
    # Four page directories of 2 MiB pages, 0x83 = present, writable, large.
    movl $loader_directories, %edx
    movl $0x83, %eax
    xorl %ecx, %ecx
1:  movl %eax, (%edx,%ecx,8)
    movl $0, 4(%edx,%ecx,8)
    addl $0x200000, %eax
    incl %ecx
    cmpl $2048, %ecx
    jne 1b
    movl $loader_pdpt, %edx
    movl $loader_directories + 3, %eax
    xorl %ecx, %ecx
2:  movl %eax, (%edx,%ecx,8)
    addl $0x1000, %eax
    incl %ecx
    cmpl $4, %ecx
    jne 2b
    movl $loader_pdpt + 3, loader_pml4
    # SSE, which the compiler uses: CR0.MP on and EM off, CR4.PAE, OSFXSR, OSXMMEXCPT on.
    movl %cr4, %eax
    orl $0x620, %eax
    movl %eax, %cr4
    movl $loader_pml4, %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx          # EFER.LME
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    andl $0xfffffffb, %eax
    orl $0x80000002, %eax
    movl %eax, %cr0
    lgdt loader_gdt_pointer
    ljmp $0x18, $3f
    .code64
3:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %ebp, %ebp
    call {run}
    ud2

    # enter_kernel_32(entry: edi, information: esi): leaves 64-bit mode and jumps.
    .global loader_enter_kernel
loader_enter_kernel:
    cli
    lgdt loader_gdt_pointer
    pushq $0x08
    leaq 4f(%rip), %rax
    pushq %rax
    lretq
    .code32
4:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    movl $0xC0000080, %ecx
    rdmsr
    andl $0xfffffeff, %eax
    wrmsr
    movl %edi, %ecx
    movl %esi, %ebx
    movl $0x2BADB002, %eax
    jmp *%ecx

    # Copied to the trampoline page; every address in it is made relative to that page.
    .code16
    .global loader_trampoline
loader_trampoline:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl {trampoline} + (loader_trampoline_gdt_pointer - loader_trampoline)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, ${trampoline} + (5f - loader_trampoline)
    .code32
5:  movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl {trampoline} + (loader_trampoline_entry - loader_trampoline), %ecx
    movl {trampoline} + (loader_trampoline_information - loader_trampoline), %ebx
    movl $0x2BADB002, %eax
    jmp *%ecx
    .align 8
loader_trampoline_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        # 32-bit code
    .quad 0x00cf93000000ffff        # data
loader_trampoline_gdt_pointer:
    .word 23
    .long {trampoline} + (loader_trampoline_gdt - loader_trampoline)
    .align 4
    .global loader_trampoline_entry
loader_trampoline_entry:
    .long 0
    .global loader_trampoline_information
loader_trampoline_information:
    .long 0
    .global loader_trampoline_end
loader_trampoline_end:
    .code64

    .section .rodata.gdt, "a"
    .align 8
loader_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        # 0x08: 32-bit code
    .quad 0x00cf93000000ffff        # 0x10: data
    .quad 0x00af9b000000ffff        # 0x18: 64-bit code
loader_gdt_pointer:
    .word 31
    .quad loader_gdt                # 64-bit mode reads eight bytes, 32-bit mode the lower four

    .section .bss.entry, "aw", @nobits
    .align 4096
loader_pml4:
    .skip 4096
loader_pdpt:
    .skip 4096
loader_directories:
    .skip 16384
    .skip 65536
loader_stack_top:
    .text
"#,
    run = sym crate::run,
    trampoline = const START_UP_PAGE,
    options(att_syntax)
);

unsafe extern "C" {
    fn loader_enter_kernel(entry: u32, information: u32) -> !;
    static loader_image_start: u8;
    static loader_image_end: u8;
    static loader_trampoline: u8;
    static loader_trampoline_entry: u8;
    static loader_trampoline_information: u8;
    static loader_trampoline_end: u8;
}

/// Where the loader's code, data, page tables and stack are.
pub fn image() -> Extent {
    between(&raw const loader_image_start, &raw const loader_image_end)
}

/// The memory between two symbols.
fn between(start: *const u8, end: *const u8) -> Extent {
    Extent::between(start.addr() as u64, end.addr() as u64).unwrap_or_else(|| {
        refuse(format_args!(
            "the loader's image ends before it starts; build it with its linker script"
        ))
    })
}

/// Enters a kernel on this processor.
///
/// # Safety
/// The entry point is that of a kernel that was put in its memory, and the other argument the address of what it is told.
pub unsafe fn enter_kernel(entry: u32, information: u32) -> ! {
    // SAFETY: the caller's; the loader's stack and tables are not needed any more once the kernel runs.
    unsafe { loader_enter_kernel(entry, information) }
}

/// Sets up the page at which another core starts and enters a kernel. The code runs at [`START_UP_PAGE`] alone.
pub fn prepare_trampoline(
    page: &mut Region,
    entry: u32,
    information: u32,
) -> Result<(), OutOfExtent> {
    let start = &raw const loader_trampoline;
    let code = between(start, &raw const loader_trampoline_end);
    // SAFETY: the trampoline's code lies between these two symbols and is not written to.
    page.place(START_UP_PAGE, unsafe { memory::bytes(code) })?;
    for (symbol, value) in [
        (&raw const loader_trampoline_entry, entry),
        (&raw const loader_trampoline_information, information),
    ] {
        let offset = symbol.addr() - start.addr();
        page.place(START_UP_PAGE + offset as u64, &value.to_le_bytes())?;
    }
    Ok(())
}

/// Something that the kernels are built for and this processor lacks.
pub fn missing_feature() -> Option<&'static str> {
    use core::arch::x86_64::__cpuid;
    let (basic, extended) = (__cpuid(0).eax, __cpuid(0x8000_0000).eax);
    if basic < 7 || extended < 0x8000_0001 {
        return Some("CPUID leaves 7 and 0x80000001");
    }
    let features = [
        (__cpuid(1).ecx >> 23, "POPCNT"),
        (__cpuid(7).ebx, "FSGSBASE"),
        (__cpuid(0x8000_0001).edx >> 11, "SYSCALL"),
        (__cpuid(0x8000_0001).edx >> 26, "1 GiB pages"),
    ];
    features
        .into_iter()
        .find(|(register, _)| register & 1 == 0)
        .map(|(_, name)| name)
}

/// Writes a byte to an I/O port.
pub fn output(port: u16, value: u8) {
    // SAFETY: only called for the registers of the first serial port and for the number of the clock's register, which only the loader uses
    // before the first kernel starts.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags))
    };
}

/// Reads a byte from an I/O port.
pub fn input(port: u16) -> u8 {
    let value;
    // SAFETY: only called for the line status of the first serial port and for registers of the clock; reading these has no effect.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags))
    };
    value
}

/// The time stamp counter.
pub fn timestamp() -> u64 {
    // SAFETY: every x86-64 processor has the counter, and at the loader's privilege it can be read.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Stops this processor for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: interrupts are off, so the processor stays halted.
        unsafe { asm!("hlt", options(nomem, nostack)) };
    }
}
