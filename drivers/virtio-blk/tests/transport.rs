//! Bringing up a device, and every way in which that can fail.

mod support;

use atoll_abi::disk::Properties;
use atoll_pci::{PciError, VirtioKind};
use atoll_test_disk::Memory;
use atoll_test_virtio::{Fault, Function, Shape};
use atoll_virtio::{Device, InterruptMessage, Transport, VirtioError};
use atoll_virtio_blk::{
    Abilities, BLOCK, Disk, DriverError, MOST_SEGMENTS, Operation, Request, start,
};
use support::{DMA_PHYSICAL, DMA_SIZE};

const CAPACITY: u64 = 0x1_2345_6789;

/// A block device with the features that QEMU offers: also what the driver does not use.
fn function_of(block_size: u32, fault: Fault) -> Function {
    let mut configuration = vec![0; 60];
    let mut field = |offset: usize, value: u32| {
        configuration[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    };
    field(0, CAPACITY as u32);
    field(4, (CAPACITY >> 32) as u32);
    field(12, 254);
    field(20, block_size);
    field(36, 0x1003);
    field(48, 0xF_FFFF);
    let shape = Shape {
        device: 0x1042,
        features: 1 << 33 | 1 << 32 | 0x3000_7E74,
        configuration,
        queues: 1,
    };
    Function::new(shape, fault)
}

fn function(fault: Fault) -> Function {
    function_of(4096, fault)
}

type Started = Disk<Transport<Function, Function>>;

fn bring_up(function: &Function, memory: &Memory) -> Result<Started, DriverError> {
    let message = InterruptMessage::to_core(3, 0x50)?;
    start(function.clone(), function.clone(), memory.dma(), message)
}

#[test]
fn a_good_device_comes_up() {
    let (function, memory) = (function(Fault::None), Memory::new(DMA_SIZE, DMA_PHYSICAL));
    let mut driver = bring_up(&function, &memory).unwrap();
    let expected = Abilities {
        sectors: CAPACITY,
        properties: Properties {
            block_size: 4096,
            read_only: true,
            caches: true,
        },
        segments: MOST_SEGMENTS,
        // Of whole blocks.
        zero: 0xFFFF8,
        discard: 0x1000,
    };
    assert_eq!(*driver.abilities(), expected);
    {
        let s = function.0.borrow();
        assert_eq!(s.complaints, [""; 0]);
        assert_eq!(s.resets, 1);
        assert_eq!(s.statuses, [1, 3, 11, 15], "in the order of section 3.1.1");
        let used = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 9 | 1 << 13 | 1 << 14;
        assert_eq!(
            s.driver_features,
            [used, 1],
            "what it uses, and VIRTIO_F_VERSION_1"
        );
        let queue = s.queues[0];
        assert_eq!((s.configuration_vector, queue.vector), (0xFFFF, 0));
        assert_eq!((queue.size, queue.enable), (256, 1));
        assert_eq!(s.table[..4], [0xFEE0_3000, 0, 0x50, 0]);
        assert_eq!(s.table[7], 1, "the other entry stays masked");
        assert_eq!(
            s.words[1] & 0xFFFF,
            0x407,
            "memory, master, no pin interrupt; I/O as it was"
        );
        assert_eq!(s.words[0x98 / 4] >> 30, 2, "MSI-X on, not masked");
        assert_eq!(s.words[4 + 4], 0xFE00_000C, "BARs are as they were");
        let high = (DMA_PHYSICAL >> 32) as u32;
        assert_eq!(queue.addresses, [0, high, 0x1000, high, 0x2000, high]);
    }
    let flush = Request {
        operation: Operation::Flush,
        sector: 0,
        sectors: 0,
        data: &[],
    };
    assert!(driver.stage(&flush).is_some());
    driver.publish();
    assert_eq!(function.0.borrow().notified, [(0x3000 + 3 * 4, 0)]);
    driver.stop(VirtioError::Quiesced);
    let s = function.0.borrow();
    assert_eq!((s.resets, s.status), (2, 0));
    assert_eq!(s.words[1] & 0xFFFF, 0x403, "no bus master any more");
    assert_eq!(s.words[0x98 / 4] >> 30, 0);
}

#[test]
fn broken_devices_are_typed_errors_and_left_harmless() {
    let cases = [
        (Fault::NoReset(0), VirtioError::ResetTimeout.into()),
        (Fault::Legacy, VirtioError::NotModern.into()),
        (Fault::RefusesFeatures, VirtioError::FeaturesRefused.into()),
        (Fault::RefusesVector, VirtioError::VectorRefused.into()),
        (
            Fault::QueueSize(0),
            VirtioError::QueueUnusable { size: 0, needed: 4 }.into(),
        ),
        (
            Fault::QueueSize(3),
            VirtioError::QueueUnusable { size: 3, needed: 4 }.into(),
        ),
        (
            Fault::QueueEnabled,
            VirtioError::QueueInUse { queue: 0 }.into(),
        ),
        (Fault::Restless, VirtioError::ConfigurationUnstable.into()),
        (
            Fault::FailsAtLast,
            VirtioError::DeviceFailed { status: 79 }.into(),
        ),
        (
            Fault::NotifyOffset(0x400),
            VirtioError::StructureOutOfReach(VirtioKind::Notify).into(),
        ),
        (
            Fault::NotifyOffset(0xFFFF),
            VirtioError::StructureOutOfReach(VirtioKind::Notify).into(),
        ),
    ];
    for (fault, expected) in cases {
        let (function, memory) = (function(fault), Memory::new(DMA_SIZE, DMA_PHYSICAL));
        let error = bring_up(&function, &memory).map(|_| ()).unwrap_err();
        assert_eq!(error, expected, "{fault:?}");
        assert!(error.to_string().contains("; "), "{error}");
        let s = function.0.borrow();
        assert_eq!(s.words[1] & 4, 0, "{fault:?}: still a bus master");
        assert!(s.resets == 2, "{fault:?}: {} resets", s.resets);
    }
}

#[test]
fn blocks_of_no_size_that_can_be_used_are_refused() {
    for size in [8192, 0, 1000] {
        let memory = Memory::new(DMA_SIZE, DMA_PHYSICAL);
        let function = function_of(size, Fault::None);
        let error = bring_up(&function, &memory).map(|_| ()).unwrap_err();
        assert_eq!(error, DriverError::BlockSize { size, most: 4096 });
        assert!(error.to_string().contains("; "), "{error}");
        let s = function.0.borrow();
        assert_eq!((s.words[1] & 4, s.resets), (0, 2));
    }
}

#[test]
fn fields_that_the_device_does_not_have_are_not_used() {
    let (function, memory) = (function(Fault::None), Memory::new(DMA_SIZE, DMA_PHYSICAL));
    // Its structure ends behind the size of a block.
    function.0.borrow_mut().words[0x6C / 4] = 24;
    let disk = bring_up(&function, &memory).unwrap();
    let abilities = disk.abilities();
    assert_eq!((abilities.zero, abilities.discard), (0, 0));
    assert_eq!(abilities.properties.block_size, 4096);
    let used = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 9;
    assert_eq!(function.0.borrow().driver_features, [used, 1]);
}

#[test]
fn structures_out_of_reach_are_refused() {
    let out = VirtioError::StructureOutOfReach;
    let cases: [(usize, u32, VirtioError); 10] = [
        (
            0x00,
            0x1041_1AF4,
            VirtioError::WrongKind {
                vendor: 0x1AF4,
                device: 0x1041,
                wanted: "block",
            },
        ),
        (0x00, u32::MAX, VirtioError::Pci(PciError::NoFunction)),
        (0x40, 0, VirtioError::MissingStructure(VirtioKind::Common)),
        (0x44, 0, out(VirtioKind::Common)),
        (0x4C, 55, out(VirtioKind::Common)),
        (0x48, 0x3001, out(VirtioKind::Common)),
        (0x68, 0xFFFF_F000, out(VirtioKind::Device)),
        (0x7C, 1, out(VirtioKind::Notify)),
        (0x9C, 0x0FF1, VirtioError::NoMessageTable),
        (0x9C, 0x0007, VirtioError::NoMessageTable),
    ];
    for (offset, value, expected) in cases {
        let (function, memory) = (function(Fault::None), Memory::new(DMA_SIZE, DMA_PHYSICAL));
        function.0.borrow_mut().words[offset / 4] = value;
        let error = bring_up(&function, &memory).map(|_| ()).unwrap_err();
        assert_eq!(error, expected.into(), "{offset:#x} = {value:#x}");
        assert_eq!(function.0.borrow().status, 7, "never touched");
    }
}

#[test]
fn structures_beyond_what_is_mapped_are_refused() {
    let out = VirtioError::StructureOutOfReach;
    for (bar, length, expected) in [
        (1, 0x001F, VirtioError::NoMessageTable),
        (4, 0, out(VirtioKind::Common)),
        (4, 0x3000, out(VirtioKind::Notify)),
    ] {
        let (function, memory) = (function(Fault::None), Memory::new(DMA_SIZE, DMA_PHYSICAL));
        function.0.borrow_mut().lengths[bar] = length;
        let error = bring_up(&function, &memory).map(|_| ()).unwrap_err();
        assert_eq!(error, expected.into(), "{length:#x} of BAR {bar}");
    }
}

#[test]
fn a_device_that_does_not_reset_is_cut_off() {
    let (function, memory) = (
        function(Fault::NoReset(1)),
        Memory::new(DMA_SIZE, DMA_PHYSICAL),
    );
    let mut transport = Transport::find(function.clone(), &BLOCK, function.clone()).unwrap();
    assert_eq!(transport.stop(), Ok(()));
    assert_eq!(
        transport.stop(),
        Ok(()),
        "it has nothing in its status to lose"
    );
    function.0.borrow_mut().status = 15;
    assert_eq!(transport.stop(), Err(VirtioError::ResetTimeout));
    assert_eq!(function.0.borrow().words[1] & 4, 0);
    assert_eq!(memory.end(), DMA_PHYSICAL + DMA_SIZE as u64);
}

#[test]
fn cores_beyond_messages_are_refused() {
    let error = VirtioError::UnreachableCore { apic_id: 256 };
    assert_eq!(InterruptMessage::to_core(256, 0x50), Err(error));
    let last = InterruptMessage::to_core(255, 0x50).unwrap();
    assert_eq!((last.address, last.data), (0xFEEF_F000, 0x50));
}
