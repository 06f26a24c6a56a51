//! Functions with an ordinary, an odd and a hostile configuration space.

use atoll_pci::{
    BARS, BarKind, Capability, Command, ConfigurationSpace, Function, MSI_X, PciError, VirtioKind,
};

/// A configuration space of 64 words; `masks` are the writable bits of each BAR.
#[derive(Clone, Debug)]
struct Fake {
    words: [u32; 64],
    masks: [u32; BARS],
    sized_while_decoding: bool,
}

impl Fake {
    fn new() -> Fake {
        let mut fake = Fake {
            words: [0; 64],
            masks: [0; BARS],
            sized_while_decoding: false,
        };
        fake.words[0] = 0x1042_1AF4;
        fake.words[2] = 0x0100_0001;
        fake
    }

    fn bar(&mut self, index: usize, value: u32, mask: u32) {
        self.words[4 + index] = value;
        self.masks[index] = mask;
    }

    /// Makes a capability list of (offset, identifier, next pointer).
    fn list(&mut self, first: u8, list: &[(u8, u8, u8)]) {
        self.words[1] |= 1 << 20;
        self.words[13] = first.into();
        for &(offset, id, next) in list {
            self.words[usize::from(offset) / 4] |= u32::from(id) | u32::from(next) << 8;
        }
    }

    fn virtio(&mut self, at: u8, kind: u8, length: u8, rest: [u32; 4]) {
        let at = usize::from(at) / 4;
        self.words[at] |= u32::from(length) << 16 | u32::from(kind) << 24;
        // Only the notification structure has the fourth word.
        let words = if kind == 2 { 4 } else { 3 };
        for (i, word) in rest.into_iter().take(words).enumerate() {
            if let Some(place) = self.words.get_mut(at + 1 + i) {
                *place = word;
            }
        }
    }
}

impl ConfigurationSpace for Fake {
    fn read32(&self, offset: u16) -> u32 {
        assert_eq!(offset % 4, 0);
        self.words[usize::from(offset) / 4]
    }

    fn write32(&mut self, offset: u16, value: u32) {
        let word = usize::from(offset) / 4;
        match word {
            1 => {
                let status = self.words[1] & 0xFFFF_0000 & !value;
                self.words[1] = status | value & 0xFFFF;
            }
            4..=9 => {
                self.sized_while_decoding |= self.words[1] & 7 != 0;
                let mask = self.masks[word - 4];
                self.words[word] = self.words[word] & !mask | value & mask;
            }
            _ => self.words[word] = value,
        }
    }
}

#[test]
fn identity_and_command() {
    let mut fake = Fake::new();
    fake.words[1] = 0xF000_0000;
    let mut function = Function::new(fake).unwrap();
    assert_eq!(function.identity(), (0x1AF4, 0x1042));
    assert_eq!(function.class(), (1, 0, 0));
    function.set_command(Command::MEMORY | Command::NO_PIN_INTERRUPT);
    assert_eq!(function.command().bits(), 0x402);
    assert_eq!(
        function.space().words[1],
        0xF000_0402,
        "status bits survive"
    );
}

#[test]
fn absent_functions_and_bridges_are_refused() {
    let mut fake = Fake::new();
    fake.words[0] = u32::MAX;
    assert_eq!(
        Function::new(fake.clone()).unwrap_err(),
        PciError::NoFunction
    );
    fake.words[0] = 0x29C0_8086;
    fake.words[3] = 0x0081_0000;
    assert_eq!(
        Function::new(fake).unwrap_err(),
        PciError::NotADevice { header: 1 }
    );
}

#[test]
fn bars_are_sized_and_put_back() {
    let mut fake = Fake::new();
    fake.words[1] = 0x0010_0007;
    fake.bar(0, 0x0000_C001, 0x0000_FF80);
    fake.bar(1, 0xFEBD_5000, 0xFFFF_F000);
    fake.bar(2, 0, 0xFFF0_0000);
    fake.bar(4, 0xE000_000C, 0xFFFF_C000);
    fake.bar(5, 0x0000_0038, u32::MAX);
    let before = fake.words;
    let mut function = Function::new(fake).unwrap();
    let bars = function.bars().unwrap();
    let found: Vec<_> = bars
        .iter()
        .flatten()
        .map(|b| (b.index, b.kind, b.address, b.size))
        .collect();
    assert_eq!(
        found,
        [
            (0, BarKind::Io, 0xC000, 0x80),
            (1, BarKind::Memory32, 0xFEBD_5000, 0x1000),
            (2, BarKind::Memory32, 0, 0x10_0000),
            (4, BarKind::Memory64, 0x38_E000_0000, 0x4000),
        ]
    );
    assert_eq!(function.space().words, before);
    assert!(!function.space().sized_while_decoding);
    assert!(bars[4].unwrap().contains(0x3000, 0x1000));
    assert!(!bars[4].unwrap().contains(0x3001, 0x1000));
    assert!(!bars[4].unwrap().contains(u64::MAX, 1));
}

#[test]
fn regions_above_4_gib_are_sized() {
    let mut fake = Fake::new();
    fake.bar(2, 0x0000_0004, 0);
    fake.bar(3, 0x0000_0040, 0xFFFF_FFFE);
    let bars = Function::new(fake).unwrap().bars().unwrap();
    let bar = bars[2].unwrap();
    assert_eq!((bar.address, bar.size), (0x40_0000_0000, 0x2_0000_0000));
}

#[test]
fn broken_bars_are_errors() {
    for (index, value, mask) in [
        (0, 0x4, 0),           // 64 bits and no size
        (5, 0x4, 0xFFFF_F000), // 64 bits in the last register
        (1, 0x2, 0xFFFF_F000), // reserved type
        (2, 0x0, 0xFF0F_F000), // a mask with a hole
    ] {
        let mut fake = Fake::new();
        fake.words[1] = 6;
        fake.bar(index, value, mask);
        let mut function = Function::new(fake).unwrap();
        let bar = index as u8;
        assert_eq!(function.bars().unwrap_err(), PciError::BrokenBar { bar });
        assert_eq!(function.command().bits(), 6);
        assert_eq!(function.space().words[4 + index], value);
    }
}

#[test]
fn capability_lists_end() {
    let mut fake = Fake::new();
    assert_eq!(
        Function::new(fake.clone()).unwrap().capabilities().count(),
        0
    );
    // A pointer with reserved bits set; MSI-X whose next pointer leads into the header.
    fake.list(0x43, &[(0x40, 9, 0x50), (0x50, MSI_X, 0x10)]);
    let function = Function::new(fake).unwrap();
    let found: Vec<_> = function.capabilities().collect();
    assert_eq!(
        found,
        [
            Capability {
                id: 9,
                offset: 0x40
            },
            Capability {
                id: MSI_X,
                offset: 0x50
            }
        ]
    );
    // A circle.
    let mut fake = Fake::new();
    fake.list(0x40, &[(0x40, 9, 0x44), (0x44, 9, 0x40)]);
    assert_eq!(Function::new(fake).unwrap().capabilities().count(), 48);
}

#[test]
fn message_tables() {
    let mut fake = Fake::new();
    fake.list(0x98, &[(0x98, MSI_X, 0)]);
    fake.words[0x98 / 4] |= 0x0001 << 16;
    fake.words[0x9C / 4] = 0x2001;
    let mut function = Function::new(fake).unwrap();
    let table = function.message_table().unwrap();
    assert_eq!((table.bar, table.offset, table.entries), (1, 0x2000, 2));
    function.set_messages(&table, true, true);
    assert_eq!(function.space().words[0x98 / 4], 0xC001_0011);
    function.set_messages(&table, true, false);
    assert_eq!(function.space().words[0x98 / 4], 0x8001_0011);
    function.set_messages(&table, false, false);
    assert_eq!(function.space().words[0x98 / 4], 0x0001_0011);

    let mut fake = Fake::new();
    fake.list(0xFC, &[(0xFC, MSI_X, 0)]);
    assert_eq!(Function::new(fake).unwrap().message_table(), None);
}

#[test]
fn virtio_structures() {
    let mut fake = Fake::new();
    fake.list(
        0x40,
        &[
            (0x40, 9, 0x50),
            (0x50, 9, 0x60),
            (0x60, 9, 0x74),
            (0x74, 9, 0xF4),
            (0xF4, 9, 0),
        ],
    );
    // A reserved BAR is skipped and the next structure of the kind taken.
    fake.virtio(0x40, 1, 16, [7, 0, 0x1000, 0]);
    fake.virtio(0x50, 1, 16, [4, 0x100, 0x38, 0]);
    fake.virtio(0x60, 2, 20, [4, 0x3000, 0x1000, 4]);
    // Too short for what it claims to be, and past the end of the space.
    fake.virtio(0x74, 4, 12, [4, 0x2000, 0x1000, 0]);
    fake.virtio(0xF4, 3, 16, [4, 0x1000, 0x1000, 0]);
    let function = Function::new(fake).unwrap();
    let common = function.virtio_structure(VirtioKind::Common).unwrap();
    assert_eq!((common.bar, common.offset, common.length), (4, 0x100, 0x38));
    let notify = function.virtio_structure(VirtioKind::Notify).unwrap();
    assert_eq!((notify.offset, notify.multiplier), (0x3000, 4));
    assert_eq!(function.virtio_structure(VirtioKind::Device), None);
    assert_eq!(function.virtio_structure(VirtioKind::InterruptStatus), None);
}
