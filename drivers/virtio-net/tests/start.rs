//! Bringing up a device, and every way in which that can fail.

use atoll_test_net::Pool;
use atoll_test_virtio::{Fault, Function, Memory, Shape};
use atoll_virtio::{InterruptMessage, Segment, VirtioError};
use atoll_virtio_net::{Abilities, DriverError, Network, Offloads, Started, Vectors, start};

const DMA_PHYSICAL: u64 = 0x7_0000_0000;

/// What QEMU offers beside what the driver uses: segmentation, a control queue, filters, an announcement, event indices.
const OTHERS: u64 = 1 << 7 | 1 << 11 | 1 << 17 | 1 << 18 | 1 << 21 | 1 << 28 | 1 << 29 | 1 << 33;
const USED: u64 = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 5 | 1 << 15 | 1 << 16;
const VERSION_1: u64 = 1 << 32;

fn shape(mtu: u16) -> Shape {
    let mut configuration = vec![0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 1, 0];
    configuration.extend(mtu.to_le_bytes());
    Shape {
        device: 0x1041,
        features: OTHERS | USED | VERSION_1,
        configuration,
        queues: 2,
    }
}

type Driver = Network<Started<Function, Function>, Pool>;

fn bring_up(function: &Function, linked: bool) -> Result<(Driver, Memory), DriverError> {
    let memory = Memory::new(8 * 4096, DMA_PHYSICAL);
    let message = |vector| InterruptMessage::to_core(3, vector).unwrap();
    let vectors = Vectors {
        queues: message(0x50),
        configuration: linked.then(|| message(0x51)),
    };
    let pool = Pool::new(1, 0x1000_0000);
    let network = start(
        function.clone(),
        function.clone(),
        memory.dma(),
        vectors,
        pool,
    )?;
    Ok((network, memory))
}

#[test]
fn a_good_device_comes_up() {
    let function = Function::new(shape(9000), Fault::None);
    let (mut network, _memory) = bring_up(&function, true).unwrap();
    let expected = Abilities {
        address: Some([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
        mtu: 9000,
        mergeable: true,
        checksums: Offloads {
            transmit: true,
            receive: true,
        },
        tells_link: true,
    };
    assert_eq!(*network.abilities(), expected);
    assert!(network.link_is_up());
    {
        let s = function.0.borrow();
        assert_eq!(s.complaints, [""; 0]);
        assert_eq!(s.statuses, [1, 3, 11, 15], "in the order of section 3.1.1");
        assert_eq!(s.driver_features, [USED as u32, 1]);
        assert_eq!(s.configuration_vector, 1);
        assert_eq!(s.table, [0xFEE0_3000, 0, 0x50, 0, 0xFEE0_3000, 0, 0x51, 0]);
        let high = (DMA_PHYSICAL >> 32) as u32;
        for (queue, start) in s.queues.iter().zip([0, 0x3000]) {
            assert_eq!((queue.size, queue.vector, queue.enable), (256, 0, 1));
            let expected = [start, high, start + 0x1000, high, start + 0x2000, high];
            assert_eq!(queue.addresses, expected);
        }
    }
    let segment = Segment {
        address: 0x1000_0000,
        length: 4096,
    };
    network.post(0, segment).unwrap();
    let frame = atoll_virtio_net::OutgoingFrame {
        token: 1,
        segments: &[segment],
        checksum: None,
    };
    network.stage(&frame).unwrap();
    network.publish();
    assert_eq!(function.0.borrow().notified, [(0x300C, 0), (0x3010, 1)]);
    function.0.borrow_mut().shape.configuration[6] = 0;
    assert_eq!(network.look_at_link(), Some(false));
    function.0.borrow_mut().status |= 64;
    assert_eq!(network.look_at_link(), None);
    let failure = VirtioError::DeviceFailed { status: 79 };
    assert_eq!(network.failure(), Some(DriverError::Virtio(failure)));
    assert_eq!(
        function.0.borrow().words[1] & 4,
        0,
        "no bus master any more"
    );
    assert_eq!((network.take_back(), network.take_back()), (Some(0), None));
}

#[test]
fn what_a_device_does_not_offer_or_have_is_not_used() {
    let mut plain = shape(0);
    (plain.device, plain.features) = (0x1000, VERSION_1 | OTHERS);
    let function = Function::new(plain, Fault::None);
    let (network, _memory) = bring_up(&function, false).unwrap();
    let expected = Abilities {
        address: None,
        mtu: 1500,
        mergeable: false,
        checksums: Offloads {
            transmit: false,
            receive: false,
        },
        tells_link: false,
    };
    assert_eq!(*network.abilities(), expected);
    let s = function.0.borrow();
    assert_eq!(
        (s.driver_features, s.configuration_vector),
        ([0, 1], 0xFFFF)
    );
    assert_eq!(s.table[7], 1, "the other entry stays masked");
    drop(s);
    // A frame of its MTU fits no page, and it cannot merge pages.
    let mut large = shape(9000);
    large.features &= !(1 << 15);
    let function = Function::new(large, Fault::None);
    let (network, _memory) = bring_up(&function, false).unwrap();
    assert_eq!(network.abilities().mtu, 1500);
    assert_eq!(function.0.borrow().driver_features[0] & 1 << 3, 0);
    // Its structure ends behind its address.
    let function = Function::new(shape(9000), Fault::None);
    function.0.borrow_mut().words[0x6C / 4] = 6;
    let (network, _memory) = bring_up(&function, false).unwrap();
    assert_eq!(
        (network.abilities().mtu, network.abilities().tells_link),
        (1500, false)
    );
    assert!(network.abilities().address.is_some());
}

#[test]
fn broken_devices_are_typed_errors_and_left_harmless() {
    let unusable = |size, needed| VirtioError::QueueUnusable { size, needed }.into();
    let cases = [
        (9000, Fault::NoReset(0), VirtioError::ResetTimeout.into()),
        (9000, Fault::Legacy, VirtioError::NotModern.into()),
        (
            9000,
            Fault::RefusesFeatures,
            VirtioError::FeaturesRefused.into(),
        ),
        (
            9000,
            Fault::RefusesVector,
            VirtioError::VectorRefused.into(),
        ),
        (9000, Fault::QueueSize(0), unusable(0, 1)),
        (9000, Fault::QueueSize(18), unusable(18, 19)),
        (
            9000,
            Fault::QueueEnabled,
            VirtioError::QueueInUse { queue: 0 }.into(),
        ),
        (
            9000,
            Fault::Restless,
            VirtioError::ConfigurationUnstable.into(),
        ),
        (
            9000,
            Fault::FailsAtLast,
            VirtioError::DeviceFailed { status: 79 }.into(),
        ),
        (67, Fault::None, DriverError::Mtu { found: 67 }),
    ];
    for (mtu, fault, expected) in cases {
        let function = Function::new(shape(mtu), fault);
        let error = bring_up(&function, true).map(|_| ()).unwrap_err();
        assert_eq!(error, expected, "{fault:?}");
        assert!(
            error.leaves_quiet() && error.to_string().contains("; "),
            "{error}"
        );
        let s = function.0.borrow();
        assert_eq!((s.words[1] & 4, s.resets), (0, 2), "{fault:?}");
    }
    let mut other = shape(9000);
    other.device = 0x1042;
    let error = bring_up(&Function::new(other, Fault::None), true)
        .map(|_| ())
        .unwrap_err();
    let expected = VirtioError::WrongKind {
        vendor: 0x1AF4,
        device: 0x1042,
        wanted: "network",
    };
    assert_eq!(error, expected.into());
    assert!(!error.leaves_quiet());
}

#[test]
fn a_device_that_was_stopped_comes_up_again_as_before() {
    let function = Function::new(shape(9000), Fault::None);
    let (mut network, _memory) = bring_up(&function, true).unwrap();
    let registers = |function: &Function| {
        let s = function.0.borrow();
        let queues: Vec<_> = s.queues.iter().map(|it| format!("{it:?}")).collect();
        let command = s.words[1] & 4;
        (
            s.driver_features,
            s.configuration_vector,
            s.table,
            queues,
            command,
        )
    };
    let before = registers(&function);
    let segment = Segment {
        address: 0x1000_0000,
        length: 4096,
    };
    network.post(0, segment).unwrap();
    network.publish();
    network.restart();
    assert_eq!(network.take_back(), None, "it was not stopped");
    network.stop(VirtioError::Quiesced);
    network.restart();
    assert!(network.failure().is_some(), "not before all is taken back");
    assert_eq!(network.take_back(), Some(0));
    function.0.borrow_mut().statuses.clear();
    // A link that went down meanwhile is known.
    function.0.borrow_mut().shape.configuration[6] = 0;
    network.restart();
    assert_eq!(network.failure(), None);
    assert_eq!(registers(&function), before);
    assert!(!network.link_is_up() && !network.has_finished());
    let s = function.0.borrow();
    assert_eq!(
        (&s.statuses[..], &s.complaints[..]),
        (&[1, 3, 11, 15][..], &[""; 0][..])
    );
}

#[test]
fn a_device_that_does_not_come_up_again_is_stopped() {
    let function = Function::new(shape(9000), Fault::None);
    let (mut network, _memory) = bring_up(&function, true).unwrap();
    network.stop(VirtioError::Quiesced);
    function.0.borrow_mut().fault = Fault::FailsAtLast;
    network.restart();
    let found = network.failure();
    assert!(
        matches!(
            found,
            Some(DriverError::Virtio(VirtioError::DeviceFailed { .. }))
        ),
        "{found:?}"
    );
    assert_eq!(
        function.0.borrow().words[1] & 4,
        0,
        "no bus master any more"
    );
    // One that is mended comes up.
    function.0.borrow_mut().fault = Fault::None;
    network.restart();
    assert_eq!(network.failure(), None);
}
