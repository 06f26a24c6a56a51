//! The memory functions that the compiler calls, for programs that link no C library.
//!
//! They are string instructions, so that the compiler cannot turn their bodies into calls of themselves. The symbols exist
//! with the feature `guest` only; a program on a host has those of its C library.
#![cfg_attr(
    not(feature = "guest"),
    allow(dead_code, reason = "exported to guests only")
)]

use core::arch::asm;
use core::ffi::c_int;

/// Copies upwards.
///
/// # Safety
///
/// As for `memcpy`; the regions may overlap if `dst` is below `src`.
#[inline(always)]
unsafe fn copy_up(dst: *mut u8, src: *const u8, n: usize) {
    // SAFETY: the caller says that both regions can be used; the direction flag is clear in the C calling convention.
    unsafe {
        asm!(
            "rep movsb",
            inout("rcx") n => _,
            inout("rdi") dst => _,
            inout("rsi") src => _,
            options(nostack, preserves_flags),
        );
    }
}

/// Copies downwards.
///
/// # Safety
///
/// As for `memmove`; the regions may overlap if `dst` is above `src`.
#[inline(always)]
unsafe fn copy_down(dst: *mut u8, src: *const u8, n: usize) {
    // SAFETY: the caller says that both regions can be used; the direction flag is clear again at the end.
    unsafe {
        asm!(
            "std",
            "rep movsb",
            "cld",
            inout("rcx") n => _,
            inout("rdi") dst.wrapping_add(n).wrapping_sub(1) => _,
            inout("rsi") src.wrapping_add(n).wrapping_sub(1) => _,
            options(nostack),
        );
    }
}

/// Compares: below, at or above 0 as the first byte that differs.
///
/// # Safety
///
/// As for `memcmp`.
#[inline(always)]
unsafe fn compare(left: *const u8, right: *const u8, n: usize) -> c_int {
    let (above, below): (u8, u8);
    // SAFETY: the caller says that both regions can be read. The first instruction makes empty regions equal.
    unsafe {
        asm!(
            "cmp {zero:e}, {zero:e}",
            "repe cmpsb",
            "seta {above}",
            "setb {below}",
            zero = in(reg) 0,
            above = out(reg_byte) above,
            below = out(reg_byte) below,
            inout("rcx") n => _,
            inout("rsi") left => _,
            inout("rdi") right => _,
            options(nostack, readonly),
        );
    }
    c_int::from(above) - c_int::from(below)
}

/// Sets every byte.
///
/// # Safety
///
/// As for `memset`.
#[inline(always)]
unsafe fn fill(dst: *mut u8, byte: u8, n: usize) {
    // SAFETY: the caller says that the region can be written; the direction flag is clear in the C calling convention.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") n => _,
            inout("rdi") dst => _,
            in("al") byte,
            options(nostack, preserves_flags),
        );
    }
}

/// The number of bytes before the first zero.
///
/// # Safety
///
/// As for `strlen`.
#[inline(always)]
unsafe fn length(text: *const u8) -> usize {
    let left: usize;
    // SAFETY: the caller says that a zero follows; the direction flag is clear in the C calling convention.
    unsafe {
        asm!(
            "repne scasb",
            inout("rcx") usize::MAX => left,
            inout("rdi") text => _,
            in("al") 0u8,
            options(nostack, readonly),
        );
    }
    // The count starts at -1 and also covers the zero.
    !left - 1
}

/// Copies between regions that may overlap.
///
/// # Safety
///
/// As for `memmove`.
#[inline(always)]
unsafe fn copy(dst: *mut u8, src: *const u8, n: usize) {
    // SAFETY: the direction is chosen so that no byte is overwritten before it is read.
    unsafe {
        if (dst as usize).wrapping_sub(src as usize) >= n {
            copy_up(dst, src, n);
        } else {
            copy_down(dst, src, n);
        }
    }
}

#[cfg(all(feature = "guest", not(test)))]
mod symbols {
    use core::ffi::{c_char, c_int, c_void};

    use super::{compare, copy, copy_up, fill, length};

    /// The C function.
    ///
    /// # Safety
    ///
    /// As in C.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(dst: *mut c_void, src: *const c_void, n: usize) -> *mut c_void {
        // SAFETY: as the caller says.
        unsafe { copy_up(dst.cast(), src.cast(), n) };
        dst
    }

    /// The C function.
    ///
    /// # Safety
    ///
    /// As in C.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(dst: *mut c_void, src: *const c_void, n: usize) -> *mut c_void {
        // SAFETY: as the caller says.
        unsafe { copy(dst.cast(), src.cast(), n) };
        dst
    }

    /// The C function.
    ///
    /// # Safety
    ///
    /// As in C.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(dst: *mut c_void, byte: c_int, n: usize) -> *mut c_void {
        // SAFETY: as the caller says.
        unsafe { fill(dst.cast(), byte as u8, n) };
        dst
    }

    /// The C function.
    ///
    /// # Safety
    ///
    /// As in C.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(left: *const c_void, right: *const c_void, n: usize) -> c_int {
        // SAFETY: as the caller says.
        unsafe { compare(left.cast(), right.cast(), n) }
    }

    /// The C function.
    ///
    /// # Safety
    ///
    /// As in C.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(left: *const c_void, right: *const c_void, n: usize) -> c_int {
        // SAFETY: as the caller says.
        unsafe { compare(left.cast(), right.cast(), n) }
    }

    /// The C function.
    ///
    /// # Safety
    ///
    /// As in C.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn strlen(text: *const c_char) -> usize {
        // SAFETY: as the caller says.
        unsafe { length(text.cast()) }
    }

    /// Named by the unwinding tables of the prebuilt libraries. A program that aborts on panic never calls it.
    #[unsafe(no_mangle)]
    extern "C" fn rust_eh_personality() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 40;

    fn pattern() -> [u8; N] {
        core::array::from_fn(|index| index as u8 + 1)
    }

    #[test]
    fn every_move_within_a_buffer_is_that_of_the_standard_library() {
        for src in 0..N {
            for dst in 0..N {
                for n in 0..=N - src.max(dst) {
                    let (mut ours, mut theirs) = (pattern(), pattern());
                    let base = ours.as_mut_ptr();
                    // SAFETY: both regions lie within the array.
                    unsafe { copy(base.add(dst), base.add(src), n) };
                    theirs.copy_within(src..src + n, dst);
                    assert_eq!(ours, theirs, "{n} bytes from {src} to {dst}");
                }
            }
        }
    }

    #[test]
    fn comparison_finds_the_first_difference() {
        let left = pattern();
        for n in 0..=N {
            for at in 0..N {
                for change in [0u8, 0xff] {
                    let mut right = left;
                    right[at] = change;
                    // SAFETY: both regions lie within the arrays.
                    let order = unsafe { compare(left.as_ptr(), right.as_ptr(), n) };
                    assert_eq!(order.signum(), left[..n].cmp(&right[..n]) as c_int);
                }
            }
        }
    }

    #[test]
    fn filling_keeps_the_neighbours_and_length_stops_at_zero() {
        for n in 0..N {
            let mut bytes = pattern();
            // SAFETY: the region lies within the array.
            unsafe { fill(bytes.as_mut_ptr(), 0xaa, n) };
            assert!(bytes[..n].iter().all(|byte| *byte == 0xaa));
            assert_eq!(bytes[n..], pattern()[n..]);
            bytes[n] = 0;
            // SAFETY: a zero follows within the array.
            assert_eq!(unsafe { length(bytes.as_ptr()) }, n);
        }
    }
}
