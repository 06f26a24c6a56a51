//! The `mem*` functions of the C standard, section 7.24.
//!
//! String instructions do the work: a loop would be recognised by the compiler and turned into a call of itself.

use core::arch::asm;

/// Bytes that one step of a string instruction handles, but for the rest.
const WORD: usize = size_of::<u64>();

/// A word whose bytes are all 1.
const EACH_BYTE: u64 = u64::from_ne_bytes([1; WORD]);

/// Copies `count` bytes between ranges that do not overlap.
///
/// # Safety
/// As the C standard's `memcpy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(target: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's; the direction flag is clear by the calling convention.
    unsafe {
        asm!("rep movsq", "mov rcx, {rest}", "rep movsb", rest = in(reg) count % WORD,
            inout("rcx") count / WORD => _, inout("rdi") target => _, inout("rsi") source => _,
            options(nostack, preserves_flags));
    }
    target
}

/// Copies `count` bytes between ranges that may overlap.
///
/// # Safety
/// As the C standard's `memmove`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(target: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    if target.addr().wrapping_sub(source.addr()) >= count {
        // SAFETY: the target does not begin inside the source, so copying upwards reads each byte before it is written,
        // by words too: what a word overwrites lies before what is read after it.
        return unsafe { memcpy(target, source, count) };
    }
    // SAFETY: the caller's; the target begins inside the source, so the copy goes downwards from the last byte, and
    // the direction flag is clear again afterwards. The count is not zero here.
    unsafe {
        asm!("std", "rep movsb", "cld", inout("rcx") count => _,
            inout("rdi") target.wrapping_add(count).wrapping_sub(1) => _,
            inout("rsi") source.wrapping_add(count).wrapping_sub(1) => _, options(nostack));
    }
    target
}

/// Sets `count` bytes to the low byte of `value`.
///
/// # Safety
/// As the C standard's `memset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(target: *mut u8, value: i32, count: usize) -> *mut u8 {
    // SAFETY: the caller's; the direction flag is clear by the calling convention.
    unsafe {
        asm!("rep stosq", "mov rcx, {rest}", "rep stosb", rest = in(reg) count % WORD,
            inout("rcx") count / WORD => _, inout("rdi") target => _,
            in("rax") u64::from(value as u8) * EACH_BYTE, options(nostack, preserves_flags));
    }
    target
}

/// Compares `count` bytes.
///
/// # Safety
/// As the C standard's `memcmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for index in 0..count {
        // SAFETY: the caller's: both ranges have `count` bytes. Volatile, so that the loop stays one.
        let (a, b) = unsafe {
            (
                left.add(index).read_volatile(),
                right.add(index).read_volatile(),
            )
        };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// Tells whether `count` bytes differ.
///
/// # Safety
/// As `memcmp`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: the caller's.
    unsafe { memcmp(left, right, count) }
}

/// Counts the bytes before the first zero.
///
/// # Safety
/// As the C standard's `strlen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller's: the text ends with a zero. Volatile, so that the loop stays one.
    while unsafe { text.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

/// Referred to by the prebuilt `core`; never called with `panic = "abort"`.
#[unsafe(no_mangle)]
pub extern "C" fn rust_eh_personality() {}

/// Referred to by the prebuilt `alloc`, which was compiled to unwind; never called with `panic = "abort"`.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_Resume() -> ! {
    // SAFETY: an undefined instruction is a fault, which the supervisor of this program reports.
    unsafe { asm!("ud2", options(noreturn)) }
}
