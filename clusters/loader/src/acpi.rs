//! The ACPI tables as the loader needs them: find the MADT, count its cores, show a kernel only its own.
//!
//! Structures are those of the ACPI specification 6.5, chapter 5.2.

use crate::extent::Extent;

/// Bytes of a table header, whose length field is at 4 and checksum at 9.
const HEADER_SIZE: usize = 36;
/// Tables of this length or more are not believed.
const MAX_LENGTH: u32 = 1 << 20;
/// Where the MADT's list of structures begins.
const MADT_LIST: usize = 44;
/// MADT structure types: a local APIC, and one with an identifier beyond 8 bits.
const LOCAL_APIC: u8 = 0;
const LOCAL_X2APIC: u8 = 9;
/// Flag of both: the core can be used.
const ENABLED: u32 = 1;

/// What is wrong with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// The bytes end before the table does.
    Truncated,
    /// The bytes do not add up to zero.
    Checksum,
}

/// Where the RSDT lies that the first valid RSDP in the BIOS area names; an RSDP begins at a multiple of 16 bytes.
pub fn rsdt_address(bios: &[u8]) -> Option<u32> {
    let mut places = (0..bios.len()).step_by(16);
    places.find_map(|place| {
        let rsdp = bios.get(place..place + 20)?;
        (rsdp.starts_with(b"RSD PTR ") && sum(rsdp) == 0).then(|| word(rsdp, 16))
    })
}

/// Where the bytes of a table lie that are needed to know its length.
pub fn length_extent(address: u32) -> Option<Extent> {
    Extent::new(address.into(), 8)
}

/// Where a table lies whose first bytes are `header`; `None` where its length is none that a table has.
pub fn table_extent(address: u32, header: &[u8]) -> Option<Extent> {
    let length = u32::from_le_bytes(header.get(4..8)?.try_into().ok()?);
    let has_header = (HEADER_SIZE as u32..MAX_LENGTH).contains(&length);
    Extent::new(address.into(), length.into()).filter(|_| has_header)
}

/// The addresses of the tables that an RSDT lists; none where its signature or checksum is wrong.
pub fn rsdt_entries(table: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let valid = table.starts_with(b"RSDT") && sum(table) == 0;
    let list = table.get(HEADER_SIZE..).filter(|_| valid).unwrap_or(&[]);
    list.chunks_exact(4).map(|entry| word(entry, 0))
}

/// Whether a table says that it is a MADT.
pub fn is_madt(table: &[u8]) -> bool {
    table.starts_with(b"APIC")
}

/// A MADT in memory.
pub struct Madt<'a> {
    table: &'a mut [u8],
}

impl<'a> Madt<'a> {
    /// Takes a table whose signature is `APIC`.
    ///
    /// # Errors
    /// Where its length or its checksum is wrong.
    pub fn new(table: &'a mut [u8]) -> Result<Madt<'a>, TableError> {
        if table.len() < MADT_LIST {
            return Err(TableError::Truncated);
        }
        if sum(table) != 0 {
            return Err(TableError::Checksum);
        }
        Ok(Madt { table })
    }

    /// Calls `visit` with the APIC identifier and the flags of each core, in the table's order.
    pub fn for_each_core(&mut self, mut visit: impl FnMut(u32, &mut u32)) {
        let mut at = MADT_LIST;
        while at + 2 <= self.table.len() {
            let kind = self.table[at];
            let length = usize::from(self.table[at + 1]);
            if length < 2 || at + length > self.table.len() {
                break;
            }
            let entry = &mut self.table[at..at + length];
            let place = match (kind, length) {
                (LOCAL_APIC, 8..) => Some((u32::from(entry[3]), 4)),
                (LOCAL_X2APIC, 16..) => Some((word(entry, 4), 8)),
                _ => None,
            };
            if let Some((identifier, flags_at)) = place {
                let mut flags = word(entry, flags_at);
                visit(identifier, &mut flags);
                entry[flags_at..flags_at + 4].copy_from_slice(&flags.to_le_bytes());
            }
            at += length;
        }
        self.table[9] = 0;
        self.table[9] = sum(self.table).wrapping_neg();
    }

    /// Whether a core is there and can be used.
    pub fn has_core(&mut self, core: u32) -> bool {
        let mut found = false;
        self.for_each_core(|identifier, flags| {
            found |= identifier == core && *flags & ENABLED != 0;
        });
        found
    }

    /// Marks exactly the given cores as usable, and mends the checksum.
    pub fn show_only(&mut self, cores: &[u32]) {
        self.for_each_core(|identifier, flags| {
            *flags = u32::from(cores.contains(&identifier)) * ENABLED;
        });
    }
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> [u8; MADT_LIST + 4 * 8 + 12] {
        let mut table = [0; MADT_LIST + 4 * 8 + 12];
        table[..4].copy_from_slice(b"APIC");
        for core in 0..4 {
            let at = MADT_LIST + core * 8;
            table[at..at + 8].copy_from_slice(&[0, 8, core as u8, core as u8, 1, 0, 0, 0]);
        }
        // An I/O APIC, which must be left alone.
        table[MADT_LIST + 32..].copy_from_slice(&[1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
        table[9] = 0u8.wrapping_sub(sum(&table));
        table
    }

    #[test]
    fn a_kernel_sees_only_its_own_cores() {
        let mut bytes = table();
        let mut madt = Madt::new(&mut bytes).unwrap();
        assert!(madt.has_core(3));
        assert!(!madt.has_core(4));
        madt.show_only(&[1, 2]);
        assert!(!madt.has_core(0));
        assert!(madt.has_core(1));
        madt.show_only(&[0, 3]);
        assert!(madt.has_core(0) && madt.has_core(3) && !madt.has_core(1));
        assert_eq!(sum(&bytes), 0);
        assert_eq!(&bytes[MADT_LIST + 32..], &table()[MADT_LIST + 32..]);
    }

    #[test]
    fn a_table_that_lies_is_refused_or_ends_the_walk() {
        assert_eq!(Madt::new(&mut [0; 10]).err(), Some(TableError::Truncated));
        let mut bytes = table();
        bytes[0] ^= 1;
        assert_eq!(Madt::new(&mut bytes).err(), Some(TableError::Checksum));
        let mut bytes = table();
        bytes[MADT_LIST + 1] = 0;
        bytes[9] = bytes[9].wrapping_add(8);
        let mut madt = Madt::new(&mut bytes).unwrap();
        assert!(!madt.has_core(0));
    }

    #[test]
    fn the_root_pointer_is_checked() {
        let mut bios = [0; 64];
        bios[16..24].copy_from_slice(b"RSD PTR ");
        bios[32..36].copy_from_slice(&0x1234_5678u32.to_le_bytes());
        assert_eq!(rsdt_address(&bios), None);
        bios[24] = 0u8.wrapping_sub(sum(&bios));
        assert_eq!(rsdt_address(&bios), Some(0x1234_5678));
        assert_eq!(rsdt_address(&bios[..35]), None);
        bios.copy_within(16..36, 17);
        bios[16] = 0;
        assert_eq!(rsdt_address(&bios), None);
    }

    #[test]
    fn the_list_of_tables_is_checked() {
        let mut rsdt = [0; HEADER_SIZE + 9];
        rsdt[..4].copy_from_slice(b"RSDT");
        rsdt[HEADER_SIZE..HEADER_SIZE + 8].copy_from_slice(&[1, 0, 0, 0, 0, 2, 0, 0]);
        assert_eq!(rsdt_entries(&rsdt).next(), None);
        rsdt[9] = 0u8.wrapping_sub(sum(&rsdt));
        assert!(rsdt_entries(&rsdt).eq([1, 0x200]));
        rsdt.swap(0, 1);
        assert_eq!(rsdt_entries(&rsdt).next(), None);
        assert_eq!(rsdt_entries(b"RSDT").next(), None);
    }

    #[test]
    fn the_length_of_a_table_is_checked() {
        let extent = |address, length: u32| {
            let mut header = [0; 8];
            header[4..].copy_from_slice(&length.to_le_bytes());
            table_extent(address, &header)
        };
        assert_eq!(extent(0x7fe_0000, 36), Extent::new(0x7fe_0000, 36));
        for length in [0, 35, MAX_LENGTH, u32::MAX] {
            assert_eq!(extent(0x7fe_0000, length), None, "{length}");
        }
        assert_eq!(table_extent(0x7fe_0000, &[0; 7]), None);
    }
}
