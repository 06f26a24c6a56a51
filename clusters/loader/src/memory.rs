//! Physical memory, which the entry code has mapped one to one.

use core::slice;

use atoll_loader::acpi;
use zerocopy::FromBytes;

/// Reads a structure.
///
/// # Safety
/// The address lies in mapped memory that nothing writes to meanwhile.
pub unsafe fn read<T: FromBytes>(address: u64) -> T {
    // SAFETY: the caller's; every bit pattern is a value of `T`.
    unsafe { (address as *const T).read_unaligned() }
}

/// Bytes at an address that stay as they are.
///
/// # Safety
/// The range lies in mapped memory that nothing writes to.
pub unsafe fn bytes(address: u64, length: usize) -> &'static [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { slice::from_raw_parts(address as *const u8, length) }
}

/// An array of structures that stay as they are.
///
/// # Safety
/// The range lies in mapped memory that nothing writes to, aligned for `T`.
pub unsafe fn structures<T: FromBytes>(address: u32, count: usize) -> &'static [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's; every bit pattern is a value of `T`.
    unsafe { slice::from_raw_parts(address as usize as *const T, count) }
}

/// Sets memory to zero that belongs to nobody yet.
pub fn clear(address: u64, length: u64) {
    // SAFETY: only called for memory that the machine check found present and that no image, stack or table of the
    // loader lies in: the shared windows, the memory of instances, and the page of ready words.
    unsafe { (address as *mut u8).write_bytes(0, length as usize) };
}

/// Copies bytes to memory that belongs to an instance that has not been started.
pub fn place(address: u64, bytes: &[u8]) {
    // SAFETY: as for `clear`; the source is a module, and modules end below the first instance's memory.
    unsafe { (address as *mut u8).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

/// The firmware's MADT, where there is one.
pub fn find_madt() -> Option<&'static mut [u8]> {
    // SAFETY: the BIOS area is always mapped and nothing writes to it.
    let bios = unsafe { bytes(0xE_0000, 0x2_0000) };
    let rsdt = bios
        .chunks(16)
        .enumerate()
        .find_map(|(index, _)| acpi::rsdt_address(&bios[index * 16..]))?;
    let rsdt = table(rsdt)?;
    let madt = acpi::rsdt_entries(rsdt)
        .filter_map(table)
        .find(|table| table.starts_with(b"APIC"))?;
    // SAFETY: the table lies in memory that the firmware reserved for it; the loader is the only one that runs, and
    // `find_madt` is called once, so this is the only reference through which it is accessed from here on.
    Some(unsafe { slice::from_raw_parts_mut(madt.as_ptr().cast_mut(), madt.len()) })
}

fn table(address: u32) -> Option<&'static [u8]> {
    // SAFETY: the RSDP or RSDT, whose checksum was right, names this table; below 4 GiB everything is mapped.
    let header = unsafe { bytes(u64::from(address), 8) };
    let length = acpi::table_length(header).filter(|length| *length < 1 << 20)?;
    // SAFETY: as above.
    Some(unsafe { bytes(u64::from(address), length) })
}
