//! The link, notifications and interrupts.

mod support;

use atoll_test_net::FrameHeader;
use atoll_virtio::VirtioError;
use atoll_virtio_net::{Abilities, DriverError};
use support::*;

#[test]
fn the_link_goes_down_and_up() {
    let mut bench = bench();
    assert!(bench.driver.link_is_up());
    assert_eq!(bench.driver.look_at_link(), None);
    bench.line.status.set(0);
    assert_eq!(bench.driver.look_at_link(), Some(false));
    assert_eq!(bench.driver.look_at_link(), None, "told once");
    assert!(!bench.driver.link_is_up());
    // The other bit wants an announcement.
    bench.line.status.set(3);
    assert_eq!(bench.driver.look_at_link(), Some(true));
    assert_eq!(bench.driver.statistics().link_changes, 2);
    let abilities = Abilities {
        tells_link: false,
        ..ABILITIES
    };
    let mut bench = bench_of(abilities, [256, 256]);
    bench.line.status.set(0);
    assert_eq!(bench.driver.look_at_link(), None);
    assert!(bench.driver.link_is_up());
}

#[test]
fn a_device_that_says_that_it_has_failed_is_stopped() {
    let mut bench = bench();
    bench.post(0..3);
    let failed = VirtioError::DeviceFailed { status: 0x4F };
    bench.line.failure.set(Some(failed));
    assert_eq!(bench.driver.look_at_link(), None);
    assert_eq!(bench.driver.failure(), Some(DriverError::Virtio(failed)));
    assert_eq!(
        (bench.line.stopped.get(), bench.take_back()),
        (1, vec![0, 1, 2])
    );
}

#[test]
fn notifications_and_interrupts_can_be_suppressed() {
    let mut bench = bench();
    let notified = |bench: &Bench| [0, 1].map(|queue| bench.line.notified[queue].get());
    bench.post(0..8);
    assert_eq!(notified(&bench), [1, 0], "one for all buffers");
    let segments = bench.write(0, &frame(0, 60), 4096);
    for token in 0..3 {
        bench.stage(token, &segments).unwrap();
    }
    bench.driver.publish();
    assert_eq!(notified(&bench), [1, 1], "one for all frames");
    bench.device.receive.set_notifications(false);
    bench.device.transmit.set_notifications(false);
    bench.post(8..9);
    bench.stage(3, &segments).unwrap();
    bench.driver.publish();
    assert_eq!(notified(&bench), [1, 1]);
    assert_eq!(
        bench.device.take_outgoing().len(),
        4,
        "it finds them all the same"
    );

    let wants = |bench: &Bench| {
        let queues = [&bench.device.receive, &bench.device.transmit];
        queues.map(|queue| queue.wants_interrupt())
    };
    for wanted in [[true, true], [true, false], [false, true], [false, false]] {
        bench.driver.set_interrupts(wanted[0], wanted[1]);
        assert_eq!(wants(&bench), wanted);
    }
    assert!(!bench.driver.has_finished());
    assert!(
        bench
            .device
            .deliver(FrameHeader::default(), &frame(0, 60), |_| 4096, true)
    );
    assert!(bench.driver.has_finished());
    assert!(bench.collect().is_some() && !bench.driver.has_finished());
}
