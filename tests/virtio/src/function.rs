//! A fake PCI function with the registers of a modern virtio device, laid out as QEMU does.

use std::cell::RefCell;
use std::rc::Rc;

use atoll_pci::{BARS, ConfigurationSpace};
use atoll_virtio::Registers;

/// How the function departs from a good one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// Status never reads as zero after this many resets.
    NoReset(usize),
    /// It does not offer VIRTIO_F_VERSION_1.
    Legacy,
    /// It does not accept what the driver accepts.
    RefusesFeatures,
    /// It has no resources for an interrupt.
    RefusesVector,
    /// Its queues have so many descriptors.
    QueueSize(u16),
    /// Its queues are in use after a reset.
    QueueEnabled,
    /// Its configuration changes all the time.
    Restless,
    /// It needs a reset when it has been started.
    FailsAtLast,
    /// Where its queues are notified, before the multiplier.
    NotifyOffset(u16),
}

/// What a device is.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its device identifier.
    pub device: u16,
    /// Features that it offers.
    pub features: u64,
    /// Its own configuration.
    pub configuration: Vec<u8>,
    /// How many queues it has.
    pub queues: usize,
}

/// The registers of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueState {
    /// Descriptors.
    pub size: u16,
    /// Its entry in the MSI-X table.
    pub vector: u16,
    /// Whether it is in use.
    pub enable: u16,
    /// The addresses of its parts, low half first.
    pub addresses: [u32; 6],
}

/// The registers and what was done to them.
pub struct State {
    /// What it is.
    pub shape: Shape,
    /// Its configuration space.
    pub words: [u32; 64],
    /// How it departs from a good one.
    pub fault: Fault,
    /// Its status.
    pub status: u8,
    /// What was written to the status since the last reset.
    pub statuses: Vec<u8>,
    /// How often it was reset.
    pub resets: usize,
    /// Which word of features is selected.
    pub feature_select: u32,
    /// What the driver accepted.
    pub driver_features: [u32; 2],
    /// The MSI-X entry of changes of the configuration.
    pub configuration_vector: u16,
    /// Which queue is selected.
    pub queue_select: u16,
    /// Its queues.
    pub queues: Vec<QueueState>,
    /// The generation of its configuration.
    pub generation: u8,
    /// Its MSI-X table: two entries.
    pub table: [u32; 8],
    /// Offset and value of each write to the notification structure.
    pub notified: Vec<(u32, u16)>,
    /// Whether the device was ever enabled or its MSI-X entry changed in a wrong order.
    pub complaints: Vec<&'static str>,
    /// How much of each BAR the driver maps.
    pub lengths: [u32; BARS],
}

/// One view of the function; as configuration space and as registers.
#[derive(Clone)]
pub struct Function(pub Rc<RefCell<State>>);

const MSIX_BAR: u8 = 1;
const BAR: u8 = 4;

impl Function {
    /// A function of a device.
    pub fn new(shape: Shape, fault: Fault) -> Function {
        let mut words = [0; 64];
        words[0] = u32::from(shape.device) << 16 | 0x1AF4;
        words[1] = 0x0010_0003;
        words[4 + 1] = 0xFEBD_5000;
        words[4 + 4] = 0xFE00_000C;
        words[13] = 0x98;
        words[0x98 / 4] = 0x0001_8411;
        words[0x9C / 4] = 1;
        let mut structure = |at: usize, next: u32, length: u32, kind: u32, rest: [u32; 3]| {
            words[at / 4] = 9 | next << 8 | length << 16 | kind << 24;
            words[at / 4 + 1..][..3].copy_from_slice(&rest);
        };
        structure(0x84, 0x70, 20, 5, [0, 0, 0]);
        structure(0x70, 0x60, 20, 2, [BAR.into(), 0x3000, 0x1000]);
        structure(0x60, 0x50, 16, 4, [BAR.into(), 0x2000, 0x1000]);
        structure(0x50, 0x40, 16, 3, [BAR.into(), 0x1000, 0x1000]);
        structure(0x40, 0, 16, 1, [BAR.into(), 0, 0x1000]);
        words[0x80 / 4] = 4;
        let queue = QueueState {
            size: match fault {
                Fault::QueueSize(size) => size,
                _ => 256,
            },
            vector: 0xFFFF,
            enable: u16::from(fault == Fault::QueueEnabled),
            addresses: [0; 6],
        };
        Function(Rc::new(RefCell::new(State {
            words,
            fault,
            status: 7,
            statuses: Vec::new(),
            resets: 0,
            feature_select: 0,
            driver_features: [u32::MAX; 2],
            configuration_vector: 0,
            queue_select: 0,
            queues: vec![queue; shape.queues],
            shape,
            generation: 0,
            table: [0, 0, 0, 1, 0, 0, 0, 1],
            notified: Vec::new(),
            complaints: Vec::new(),
            lengths: [0, 0x1000, 0, 0, 0x4000, 0],
        })))
    }

    fn get(&self, bar: u8, offset: u32) -> u32 {
        let mut s = self.0.borrow_mut();
        match (bar, offset) {
            (BAR, 4) => match (s.feature_select, s.fault) {
                (1, Fault::Legacy) => 0,
                (select, _) => (s.shape.features >> (32 * select)) as u32,
            },
            (BAR, 16) => s.configuration_vector.into(),
            (BAR, 20) => s.status.into(),
            (BAR, 21) => {
                s.generation = s
                    .generation
                    .wrapping_add(u8::from(s.fault == Fault::Restless));
                s.generation.into()
            }
            (BAR, 24) => s.queue().map_or(0, |it| it.size.into()),
            (BAR, 26) => s.queue().map_or(0xFFFF, |it| it.vector.into()),
            (BAR, 28) => s.queue().map_or(0, |it| it.enable.into()),
            (BAR, 30) => match s.fault {
                Fault::NotifyOffset(offset) => offset.into(),
                _ => 3 + u32::from(s.queue_select),
            },
            (BAR, 0x2000..0x3000) => {
                let fields = s.shape.configuration.get(offset as usize - 0x2000..);
                let fields = fields.filter(|it| !it.is_empty());
                let mut bytes = fields.expect("a field that the device has").iter();
                u32::from_le_bytes([(); 4].map(|()| bytes.next().copied().unwrap_or(0)))
            }
            _ => panic!("read of BAR {bar} at {offset:#x}"),
        }
    }

    fn set(&self, bar: u8, offset: u32, value: u32) {
        let mut s = self.0.borrow_mut();
        if s.words[1] & 2 == 0 {
            s.complaints.push("registers without memory decoding");
        }
        let control = s.words[0x98 / 4] >> 30;
        match (bar, offset) {
            (BAR, 0 | 8) => s.feature_select = value,
            (BAR, 12) => {
                let select = s.feature_select as usize;
                s.driver_features[select] = value;
            }
            (BAR, 16 | 26) if s.fault == Fault::RefusesVector => {}
            (BAR, 16) => s.configuration_vector = value as u16,
            (BAR, 20) => s.set_status(value as u8),
            (BAR, 22) => s.queue_select = value as u16,
            (BAR, 24) => s.own_queue().size = value as u16,
            (BAR, 26) => {
                if control != 2 {
                    s.complaints.push("vector before MSI-X is on");
                }
                s.own_queue().vector = value as u16;
            }
            (BAR, 28) => s.own_queue().enable = value as u16,
            (BAR, 32..56) => s.own_queue().addresses[(offset as usize - 32) / 4] = value,
            (BAR, 0x3000..0x4000) => s.notified.push((offset, value as u16)),
            (MSIX_BAR, 0..32) => {
                if control != 3 {
                    s.complaints.push("MSI-X entry changed while live");
                }
                s.table[offset as usize / 4] = value;
            }
            _ => panic!("write of BAR {bar} at {offset:#x}"),
        }
    }
}

impl State {
    fn queue(&self) -> Option<&QueueState> {
        self.queues.get(usize::from(self.queue_select))
    }

    fn own_queue(&mut self) -> &mut QueueState {
        let queue = self.queues.get_mut(usize::from(self.queue_select));
        queue.expect("a queue that the device has")
    }

    fn set_status(&mut self, value: u8) {
        if value == 0 {
            self.resets += 1;
            self.statuses.clear();
            for queue in &mut self.queues {
                queue.enable = u16::from(self.fault == Fault::QueueEnabled);
            }
            match self.fault {
                Fault::NoReset(after) if self.resets > after => {}
                _ => self.status = 0,
            }
            return;
        }
        self.statuses.push(value);
        self.status = value;
        if self.fault == Fault::RefusesFeatures {
            self.status &= !8;
        }
        if value & 4 != 0 {
            let whole = self.queues.iter().all(|it| it.enable == 1);
            if self.words[1] & 4 == 0 || !whole {
                self.complaints.push("live without bus mastering or queue");
            }
            if self.fault == Fault::FailsAtLast {
                self.status |= 64;
            }
        }
    }
}

impl ConfigurationSpace for Function {
    fn read32(&self, offset: u16) -> u32 {
        self.0.borrow().words[usize::from(offset) / 4]
    }

    fn write32(&mut self, offset: u16, value: u32) {
        let mut s = self.0.borrow_mut();
        let word = usize::from(offset) / 4;
        let (old, writable) = match offset {
            0x04 => (s.words[1], 0x0000_FFFF),
            0x10..0x28 => panic!("a driver moves the memory of its device"),
            0x98 => (s.words[word], 0xC000_0000),
            _ => (s.words[word], 0),
        };
        s.words[word] = old & !writable | value & writable;
    }
}

impl Registers for Function {
    fn lengths(&self) -> [u32; BARS] {
        self.0.borrow().lengths
    }

    fn read8(&self, bar: u8, offset: u32) -> u8 {
        self.get(bar, offset) as u8
    }

    fn read16(&self, bar: u8, offset: u32) -> u16 {
        self.get(bar, offset) as u16
    }

    fn read32(&self, bar: u8, offset: u32) -> u32 {
        self.get(bar, offset)
    }

    fn write8(&mut self, bar: u8, offset: u32, value: u8) {
        self.set(bar, offset, value.into());
    }

    fn write16(&mut self, bar: u8, offset: u32, value: u16) {
        self.set(bar, offset, value.into());
    }

    fn write32(&mut self, bar: u8, offset: u32, value: u32) {
        self.set(bar, offset, value);
    }
}
