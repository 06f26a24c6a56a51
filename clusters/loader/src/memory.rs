//! Physical memory, which the entry code has mapped one to one.
//!
//! The loader reads and writes it only through [`PhysicalMemory`], which keeps account of who uses what: what is written
//! is a [`Region`], and a region overlaps no other region and nothing that is read.

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use core::slice;

use atoll_loader::acpi;
use atoll_loader::claims::Claims;
use atoll_loader::extent::{Extent, OutOfExtent};
use atoll_loader::memory_map::MemoryMap;
use atoll_loader::multiboot::{Information, MAX_MODULES, Module};
use atoll_loader::refusal::{Owner, Refusal};
use zerocopy::FromBytes;

use crate::arch;

/// Where the firmware's ACPI root pointer is looked for.
const BIOS_AREA: Option<Extent> = Extent::between(0xE_0000, 0x10_0000);

/// The machine's memory and who uses it.
pub struct PhysicalMemory {
    claims: Claims,
    modules: [Option<Extent>; MAX_MODULES],
}

impl PhysicalMemory {
    /// Takes the memory over from a Multiboot loader; its modules and the loader's own image are in use. The Multiboot
    /// structures are copied, so that the memory that they lie in can be used.
    ///
    /// # Safety
    /// A Multiboot loader has passed the address of its information structure, no memory has been written since but the
    /// loader's own, and this is called once.
    pub unsafe fn new(information: u32) -> Result<PhysicalMemory, Refusal> {
        let extent = Information::extent(information)?;
        // SAFETY: the structure is mapped, it lies there as the caller says, and any bytes are a value of it.
        let information: Information = unsafe { read(extent.start()) };
        let map = information.memory_map()?;
        // SAFETY: the memory map is mapped, and lies there as the Multiboot loader says; the bytes are only used in this
        // statement.
        let map = MemoryMap::parse(unsafe { bytes(map) })?;
        let mut claims = Claims::new(map);
        claims.claim(Owner::Loader, arch::image())?;
        let list = information.modules()?;
        let mut modules = [None; MAX_MODULES];
        let addresses = (list.start()..list.end()).step_by(size_of::<Module>());
        for (index, (slot, address)) in modules.iter_mut().zip(addresses).enumerate() {
            // SAFETY: the list of modules is mapped, it lies there as the Multiboot loader says, and any bytes are a
            // value of a descriptor.
            let module: Module = unsafe { read(address) };
            let extent = module.extent(index)?;
            claims.claim(Owner::Module(index), extent)?;
            *slot = Some(extent);
        }
        Ok(PhysicalMemory { claims, modules })
    }

    /// How many modules follow the first one, which is always there.
    pub fn image_count(&self) -> usize {
        self.modules.iter().flatten().skip(1).count()
    }

    /// Checks that the modules lie below an address.
    ///
    /// # Errors
    /// [`Refusal::LargeImages`].
    pub fn check_images(&self, limit: u64) -> Result<(), Refusal> {
        let ends = self.modules.iter().flatten().map(|module| module.end());
        match ends.max() {
            Some(end) if end > limit => Err(Refusal::LargeImages { end, limit }),
            _ => Ok(()),
        }
    }

    /// The bytes of a module; those of one that does not exist are none.
    pub fn module(&self, index: usize) -> &'static [u8] {
        let Some(extent) = self.modules.get(index).copied().flatten() else {
            return &[];
        };
        // SAFETY: the module was claimed when it was found, so it is mapped ordinary memory that lies in no region and is
        // no table, and nothing writes to it.
        unsafe { bytes(extent) }
    }

    /// Takes the firmware's MADT, which can be taken once.
    pub fn madt(&mut self) -> Result<&'static mut [u8], Refusal> {
        let extent = self.find_madt().ok_or(Refusal::NoMadt)?;
        self.claims.claim_firmware(Owner::FirmwareTable, extent)?;
        let length = extent.size() as usize;
        let start = with_exposed_provenance_mut(extent.start() as usize);
        // SAFETY: the table is mapped. It has just been claimed: so it overlaps no module, no region and nothing of the
        // loader, it was not taken before, and `free_bytes` does not lend it any more. What `find_madt` borrowed of it
        // ended with the call, because it borrows `self`.
        Ok(unsafe { slice::from_raw_parts_mut(start, length) })
    }

    /// Where the MADT lies that the firmware's RSDT lists.
    fn find_madt(&self) -> Option<Extent> {
        let bios = self.free_bytes(BIOS_AREA?)?;
        let rsdt = self.find_table(acpi::rsdt_address(bios)?)?;
        acpi::rsdt_entries(self.free_bytes(rsdt)?)
            .filter_map(|address| self.find_table(address))
            .find(|&table| self.free_bytes(table).is_some_and(acpi::is_madt))
    }

    fn find_table(&self, address: u32) -> Option<Extent> {
        acpi::table_extent(address, self.free_bytes(acpi::length_extent(address)?)?)
    }

    /// Bytes that the firmware keeps somewhere, until some memory is claimed.
    fn free_bytes(&self, extent: Extent) -> Option<&[u8]> {
        // SAFETY: the memory is mapped, and nothing writes to it, because no region or table has it, and none
        // can take it while `self` is borrowed.
        self.claims
            .is_free(extent)
            .then(|| unsafe { bytes(extent) })
    }

    /// Takes ordinary memory that is not in use, to write to it.
    pub fn region(&mut self, owner: Owner, extent: Extent) -> Result<Region, Refusal> {
        self.claims.claim(owner, extent)?;
        Ok(Region(extent))
    }
}

/// Memory that may be written to. It is mapped ordinary memory, there are no references to it, and no other region overlaps
/// it.
pub struct Region(Extent);

impl Region {
    /// Where it is.
    pub fn extent(&self) -> Extent {
        self.0
    }

    /// Sets some of it to zero.
    pub fn clear(&mut self, address: u64, size: u64) -> Result<(), OutOfExtent> {
        if let Some(part) = self.0.part(address, size)? {
            let start = with_exposed_provenance_mut::<u8>(part.start() as usize);
            // SAFETY: the part lies in the region, which is mapped and has no references to it.
            unsafe { start.write_bytes(0, part.size() as usize) };
        }
        Ok(())
    }

    /// Copies bytes into it.
    pub fn place(&mut self, address: u64, bytes: &[u8]) -> Result<(), OutOfExtent> {
        if let Some(part) = self.0.part(address, bytes.len() as u64)? {
            let start = with_exposed_provenance_mut::<u8>(part.start() as usize);
            // SAFETY: the part lies in the region, which is mapped and has no references to it, so the bytes, to which
            // there is one, lie elsewhere.
            unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        Ok(())
    }

    /// Reads a word that a root task may write meanwhile; `None` where it is not in the region or not aligned.
    pub fn word(&self, address: u64) -> Option<u32> {
        let part = self.0.part(address, size_of::<u32>() as u64).ok()??;
        let word = with_exposed_provenance::<u32>(part.start() as usize);
        // SAFETY: the word lies in the region, which is mapped and has no references to it, and is aligned; the root task
        // writes it with one store.
        word.is_aligned().then(|| unsafe { word.read_volatile() })
    }
}

/// Reads a structure.
///
/// # Safety
/// It lies in mapped memory that nothing writes to meanwhile.
unsafe fn read<T: FromBytes>(address: u64) -> T {
    let structure = with_exposed_provenance::<T>(address as usize);
    // SAFETY: the caller's; every bit pattern is a value of `T`.
    unsafe { structure.read_unaligned() }
}

/// Bytes that stay as they are.
///
/// # Safety
/// They lie in mapped memory ([`Extent::is_mapped`]) that nothing writes to while the result lives.
pub unsafe fn bytes<'a>(extent: Extent) -> &'a [u8] {
    let start = with_exposed_provenance(extent.start() as usize);
    // SAFETY: the caller's; what counts as mapped does not begin at address 0.
    unsafe { slice::from_raw_parts(start, extent.size() as usize) }
}
