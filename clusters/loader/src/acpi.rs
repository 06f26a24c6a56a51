//! The ACPI tables as the loader needs them: find the MADT, count its cores, show a kernel only its own.
//!
//! Structures are those of the ACPI specification 6.5, chapter 5.2.

/// Bytes of a table header, whose length field is at 4 and checksum at 9.
const HEADER_SIZE: usize = 36;
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

/// The address of the RSDT that an RSDP at the start of `bytes` names, where there is one.
pub fn rsdt_address(bytes: &[u8]) -> Option<u32> {
    let rsdp = bytes.get(..20)?;
    (rsdp.starts_with(b"RSD PTR ") && sum(rsdp) == 0).then(|| word(rsdp, 16))
}

/// The length that a table's header claims; `header` must have at least 8 bytes.
pub fn table_length(header: &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(header.get(4..8)?.try_into().ok()?) as usize)
}

/// The addresses of the tables that an RSDT lists.
pub fn rsdt_entries(table: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let list = table.get(HEADER_SIZE..).unwrap_or(&[]);
    list.chunks_exact(4).map(|entry| word(entry, 0))
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
        let mut rsdp = [0; 20];
        rsdp[..8].copy_from_slice(b"RSD PTR ");
        rsdp[16..20].copy_from_slice(&0x1234_5678u32.to_le_bytes());
        assert_eq!(rsdt_address(&rsdp), None);
        rsdp[8] = 0u8.wrapping_sub(sum(&rsdp));
        assert_eq!(rsdt_address(&rsdp), Some(0x1234_5678));
        assert_eq!(rsdt_address(&rsdp[..19]), None);
    }
}
