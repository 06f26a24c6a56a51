//! The memory-mapped PCI configuration space (PCI Express Base Specification, section 7.2.2).

use core::ptr::with_exposed_provenance;

use atoll_abi::plan::ECAM_BASE;

/// Vendor identifiers that are read where no function answers: on a bus, and where there is no bus at all.
const NONE: [u16; 2] = [u16::MAX, 0];

/// Whether the first function of the first bus, which every machine has, answers.
pub fn is_there() -> bool {
    let vendor = with_exposed_provenance::<u16>(ECAM_BASE as usize);
    // SAFETY: the entry code maps the first 4 GiB one to one; a plan's machine has no ordinary memory there, and to read a
    // function's identification changes nothing.
    !NONE.contains(&unsafe { vendor.read_volatile() })
}
