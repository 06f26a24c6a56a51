//! Who uses which physical memory, so that no byte is written for one while it is read for another.

use atoll_abi::plan::MAX_CLUSTERS;

use crate::extent::{Extent, MAPPED_END};
use crate::memory_map::MemoryMap;
use crate::multiboot::MAX_MODULES;
use crate::refusal::{Owner, Refusal};

/// Most claims: the modules, the instances, and one for each [`Owner`] of which there is one.
pub const MAX_CLAIMS: usize = MAX_MODULES + MAX_CLUSTERS + 6;

/// The memory in use. Its extents are mapped, and no two of them overlap.
#[derive(Clone, Debug)]
pub struct Claims {
    map: MemoryMap,
    held: [Option<(Owner, Extent)>; MAX_CLAIMS],
}

impl Claims {
    /// Of a machine on which nothing is in use.
    pub fn new(map: MemoryMap) -> Claims {
        Claims {
            map,
            held: [None; MAX_CLAIMS],
        }
    }

    /// Marks ordinary memory as in use.
    ///
    /// # Errors
    /// Where the machine does not have it, the loader does not map it, or some of it is in use, be it by the same owner.
    pub fn claim(&mut self, owner: Owner, extent: Extent) -> Result<(), Refusal> {
        if !self.map.holds(extent) {
            return Err(self.no_memory(owner, extent));
        }
        self.claim_any(owner, extent)
    }

    /// Marks memory as in use that is the firmware's and may therefore be missing in the memory map.
    ///
    /// # Errors
    /// As for [`Claims::claim`], except that any mapped memory will do.
    pub fn claim_firmware(&mut self, owner: Owner, extent: Extent) -> Result<(), Refusal> {
        self.claim_any(owner, extent)
    }

    /// Whether the loader maps the extent and none of it is in use.
    pub fn is_free(&self, extent: Extent) -> bool {
        extent.is_mapped() && self.holder(extent).is_none()
    }

    fn claim_any(&mut self, owner: Owner, extent: Extent) -> Result<(), Refusal> {
        if !extent.is_mapped() {
            return Err(self.no_memory(owner, extent));
        }
        if let Some((holder, held)) = self.holder(extent) {
            return Err(Refusal::Overlap {
                owner,
                needed: extent,
                holder,
                held,
            });
        }
        let mut slots = self.held.iter_mut();
        let slot = slots
            .find(|slot| slot.is_none())
            .ok_or(Refusal::ManyClaims)?;
        *slot = Some((owner, extent));
        Ok(())
    }

    fn holder(&self, extent: Extent) -> Option<(Owner, Extent)> {
        let mut held = self.held.iter().flatten().copied();
        held.find(|(_, held)| held.overlaps(extent))
    }

    fn no_memory(&self, owner: Owner, extent: Extent) -> Refusal {
        Refusal::NoMemory {
            owner,
            base: extent.start(),
            end: extent.end(),
            beyond: self.map.beyond(MAPPED_END),
        }
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes;

    use super::*;
    use crate::multiboot::{MemoryRegion, Module};

    const MIB: u64 = 1 << 20;

    fn extent(start: u64, size: u64) -> Extent {
        Extent::new(start, size).unwrap()
    }

    /// A machine with memory below 640 KiB and from 1 MiB to 8 GiB, where the loader takes 1 MiB to 2 MiB.
    fn claims() -> Claims {
        let map = [
            MemoryRegion::usable(0, 640 << 10),
            MemoryRegion::usable(MIB, 8 << 30),
        ];
        let mut claims = Claims::new(MemoryMap::parse(map.as_bytes()).unwrap());
        claims.claim(Owner::Loader, extent(MIB, MIB)).unwrap();
        claims
    }

    fn is_missing(result: Result<(), Refusal>) -> bool {
        matches!(result, Err(Refusal::NoMemory { .. }))
    }

    #[test]
    fn memory_has_one_owner() {
        let mut claims = claims();
        let module = extent(2 * MIB, MIB);
        claims.claim(Owner::Module(1), module).unwrap();
        for (needed, holder, held) in [
            (extent(3 * MIB - 1, 2), Owner::Module(1), module),
            (extent(2 * MIB, 1), Owner::Module(1), module),
            (extent(MIB, 8 * MIB), Owner::Loader, extent(MIB, MIB)),
            (extent(MIB + 4096, 1), Owner::Loader, extent(MIB, MIB)),
        ] {
            let refused = Err(Refusal::Overlap {
                owner: Owner::Instance(0),
                needed,
                holder,
                held,
            });
            assert_eq!(claims.claim(Owner::Instance(0), needed), refused);
            assert_eq!(claims.claim_firmware(Owner::Instance(0), needed), refused);
            assert!(!claims.is_free(needed));
        }
        assert!(claims.is_free(extent(3 * MIB, MIB)));
        claims
            .claim(Owner::Instance(0), extent(3 * MIB, MIB))
            .unwrap();
        assert!(!claims.is_free(extent(3 * MIB, MIB)));
    }

    #[test]
    fn an_owner_has_memory_once() {
        let mut claims = claims();
        let table = extent(0xE_0000, 64);
        claims.claim_firmware(Owner::FirmwareTable, table).unwrap();
        assert!(claims.claim_firmware(Owner::FirmwareTable, table).is_err());
    }

    #[test]
    fn memory_must_be_there_and_mapped() {
        let mut claims = claims();
        let hole = extent(0xE_0000, 0x1000);
        assert!(is_missing(claims.claim(Owner::Shared, hole)));
        assert!(claims.is_free(hole));
        let beyond = extent((4 << 30) - 4096, 8192);
        assert!(is_missing(claims.claim(Owner::Shared, beyond)));
        assert!(is_missing(
            claims.claim_firmware(Owner::FirmwareTable, beyond)
        ));
        assert!(is_missing(
            claims.claim_firmware(Owner::FirmwareTable, extent(0, 64))
        ));
        assert!(!claims.is_free(beyond));
    }

    #[test]
    fn a_module_outside_of_memory_is_refused() {
        let mut claims = claims();
        for (start, end) in [(0x9_f000, 0xa_1000), (0xf_0000, 0x10_1000)] {
            let module = Module {
                start,
                end,
                ..Module::default()
            };
            let module = module.extent(3).unwrap();
            assert!(is_missing(claims.claim(Owner::Module(3), module)));
        }
    }

    #[test]
    fn the_account_is_not_full_before_every_owner_has_memory() {
        let mut claims = claims();
        for index in 1..MAX_CLAIMS as u64 {
            claims
                .claim(Owner::Shared, extent((1 + index) * MIB, MIB))
                .unwrap();
        }
        assert_eq!(
            claims.claim(Owner::Shared, extent(512 * MIB, MIB)),
            Err(Refusal::ManyClaims)
        );
    }
}
