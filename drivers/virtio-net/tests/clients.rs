//! Clients that ask for what they may not have, or die.

mod served;

use atoll_abi::block::BlockList;
use atoll_abi::interface::Call;
use atoll_abi::net::ChecksumPlace;
use atoll_abi::syscall::{NO_BLOCK, Status, Syscall};
use atoll_call::{Event, Service};
use atoll_driver::DeviceService;
use atoll_test_net::FrameHeader;
use atoll_virtio::VirtioError;
use atoll_virtio_net::{Abilities, STANDARD_MTU};
use served::*;

fn large(call: Syscall, blocks: &[u32]) -> Syscall {
    BlockList::of_order(1, blocks).unwrap().into_call(call)
}

#[test]
fn what_is_not_the_clients_never_reaches_the_device() {
    let mut bench = bench();
    let good = receive(0);
    let call = |call| Syscall { call, ..good };
    let no_list = |count, block| Syscall {
        count,
        block,
        ..good
    };
    let unknown_checksum = Syscall {
        arguments: [60, u64::MAX, 0, 0],
        ..transmit(OWN, &[0], 60)
    };
    let beyond = Some(ChecksumPlace {
        start: 50,
        offset: 9,
    });
    let several = |pool, blocks: &[u32], lengths| transmit_several(pool, blocks, lengths, None);
    let bad = [
        (receive(POOL_BLOCKS), Status::BadBlock),
        (no_list(0, NO_BLOCK), Status::BadBlock),
        (no_list(8, 0), Status::BadBlock),
        // Pools of the process, of the other one, of its service, and none: the driver reads headers in one pool alone.
        (receive_into(LENT, &[0]), Status::BadBlock),
        (receive_into(1, &[0]), Status::BadBlock),
        (receive_into(3, &[0]), Status::BadBlock),
        (receive_into(4, &[0]), Status::BadBlock),
        (receive_into(u32::MAX, &[0]), Status::BadBlock),
        (transmit(1, &[0], 60), Status::BadBlock),
        (transmit(3, &[0], 60), Status::BadBlock),
        (transmit(OWN, &[0, POOL_BLOCKS], 60), Status::BadBlock),
        (receive_into(OWN, &[0, 1]), Status::InvalidArgument),
        (large(receive(0), &[0]), Status::InvalidArgument),
        (
            large(transmit(OWN, &[0], 60), &[0]),
            Status::InvalidArgument,
        ),
        (transmit(OWN, &[0], 0), Status::InvalidArgument),
        (transmit(OWN, &[0], 13), Status::InvalidArgument),
        (transmit(OWN, &[0], 4097), Status::InvalidArgument),
        (transmit(OWN, &[0], u32::MAX), Status::InvalidArgument),
        (transmit(OWN, &[0, 1, 2], 9019), Status::TooLong),
        (
            transmit_with(OWN, &[0], 60, beyond),
            Status::InvalidArgument,
        ),
        (unknown_checksum, Status::InvalidArgument),
        (several(1, &[0, 1], [60; 2]), Status::BadBlock),
        (several(3, &[0, 1], [60; 2]), Status::BadBlock),
        (several(OWN, &[0, POOL_BLOCKS], [60; 2]), Status::BadBlock),
        (several(OWN, &[1, 0, 1], [60; 2]), Status::BadBlock),
        (several(OWN, &[0, 1], [4097, 60]), Status::InvalidArgument),
        (several(OWN, &[0, 1], [60, 4097]), Status::InvalidArgument),
        (several(OWN, &[0, 1], [0, 60]), Status::InvalidArgument),
        (several(OWN, &[0, 1], [13, 60]), Status::InvalidArgument),
        (
            transmit_several(OWN, &[0, 1], [60; 2], beyond),
            Status::InvalidArgument,
        ),
        (
            large(several(OWN, &[0, 2], [60; 2]), &[0, 2]),
            Status::InvalidArgument,
        ),
        (call(0), Status::UnknownCall),
        (call(u16::MAX), Status::UnknownCall),
        (call(Call::Read as u16), Status::NotAllowed),
        (call(Call::ReadSectors as u16), Status::NotAllowed),
        (call(Call::SendBytes as u16), Status::NotAllowed),
    ];
    for (request, status) in &bad {
        let tag = bench.call(*request);
        let block = match status {
            Status::BadBlock => NO_BLOCK,
            _ => request.block,
        };
        assert_eq!(
            bench.answer(),
            Some((tag, *status, [0; 2], block)),
            "{request:?}"
        );
        assert!(bench.is_at_rest(), "{request:?}");
    }
    assert_eq!(
        bench.device.posted() + bench.device.take_outgoing().len(),
        0
    );
    bench.works();
}

#[test]
fn a_checksum_that_the_device_does_not_make_is_refused() {
    let mut abilities = Abilities {
        mtu: STANDARD_MTU,
        ..ABILITIES
    };
    abilities.checksums.transmit = false;
    let mut bench = bench_of(abilities, [256; 2]);
    let place = Some(ChecksumPlace {
        start: 34,
        offset: 16,
    });
    let asked = bench.ask(transmit_with(OWN, &[0], 60, place));
    assert_eq!(asked, Status::InvalidArgument);
    assert_eq!(bench.ask(transmit(OWN, &[0], 1519)), Status::TooLong);
    bench.works();
}

#[test]
fn a_block_is_in_one_call() {
    let mut bench = bench();
    bench.calls(&[receive(4), transmit(OWN, &[5, 6], 60)]);
    // The first block of the list has its data, and the device has the other one all the same.
    for call in [
        receive(4),
        receive(5),
        receive(6),
        transmit(OWN, &[4], 60),
        transmit(OWN, &[7, 5], 60),
        transmit(OWN, &[6, 7], 60),
        // One that is refused for another reason too does not come back.
        transmit(OWN, &[4], 5000),
        receive_into(OWN, &[4, 7]),
    ] {
        let tag = bench.call(call);
        let refused = Some((tag, Status::BadBlock, [0; 2], NO_BLOCK));
        assert_eq!(bench.answer(), refused, "a duplicate block: {call:?}");
    }
    assert_eq!(bench.driver.blocks_taken(), 3);
    // A block of the same index of another pool is another one.
    bench.call(transmit(LENT, &[4], 60));
    assert_eq!(bench.send_all().len(), 2);
    assert_eq!(bench.answers().len(), 2);
    bench.call(transmit(OWN, &[7, 5], 60));
    bench.send_all();
    assert_eq!(bench.answer().map(|it| it.1), Some(Status::Done));
    bench.deliver(FrameHeader::default(), &frame(0, 60));
    assert_eq!(bench.received().map(|it| it.2), Some(4));
    assert!(bench.is_at_rest());
}

#[test]
fn a_second_client_is_refused_everything() {
    let mut bench = bench();
    for call in [
        describe(),
        await_link(0),
        await_link(1),
        receive_into(3, &[0]),
        transmit(3, &[0], 60),
        Syscall {
            call: 0,
            ..describe()
        },
    ] {
        let tag = bench.calls_of(1, &[call])[0];
        let refused = Some((tag, Status::NotAllowed, [0; 2], call.block));
        assert_eq!(bench.answer_of(1), refused, "{call:?}");
    }
    // Its death is none of the first one's.
    bench.call(receive(0));
    bench.event(Event::ClientLost { ring: 1 });
    assert_eq!(bench.driver.take_quiet(), Some(1));
    assert_eq!(bench.line.stopped.get(), 0);
    bench.deliver(FrameHeader::default(), &frame(0, 60));
    assert_eq!(bench.received().map(|it| it.2), Some(0));
}

#[test]
fn a_client_that_is_lost_is_quiet_when_the_device_was_reset() {
    let mut bench = bench_of(ABILITIES, [4, 32]);
    for life in 1..4 {
        let calls: Vec<Syscall> = (0..6).map(receive).collect();
        bench.calls(&calls);
        let calls: Vec<Syscall> = (10..25).map(|block| transmit(OWN, &[block], 60)).collect();
        bench.calls(&calls);
        // Of these the device has one.
        bench.call(transmit_several(OWN, &[40, 41, 42], [60; 2], None));
        bench.call(await_link(1));
        assert!(
            !bench.driver.is_quiet(0),
            "the device still writes for the client"
        );
        assert_eq!(bench.driver.take_quiet(), None, "it lives");
        // A frame of which a part is missing.
        let header = FrameHeader {
            buffers: 2,
            ..FrameHeader::default()
        };
        bench.deliver(header, &frame(0, 60));
        bench.lose();
        assert_eq!(
            (bench.line.stopped.get(), bench.line.restarted.get()),
            (life, life)
        );
        assert!(bench.driver.is_quiet(0) && bench.is_at_rest());
        assert_eq!(bench.driver.take_quiet(), Some(0));
        assert_eq!(bench.driver.take_quiet(), None, "it is told once");
        assert!(bench.answer().is_none(), "nobody is answered");
        assert!(!bench.driver.has_finished());
        bench.connect();
        bench.works();
    }
}

/// What the device had done and nobody has looked at is not done for the next life.
#[test]
fn what_the_device_had_done_for_a_lost_client_is_forgotten() {
    let mut bench = bench();
    bench.calls(&[receive(0), receive(1), transmit(OWN, &[2], 60)]);
    let sent = bench.device.take_outgoing();
    bench.device.finish(&sent[0]);
    assert!(
        bench
            .device
            .deliver(FrameHeader::default(), &frame(0, 60), |_| PAGE, true)
    );
    bench.lose();
    assert!(bench.is_at_rest() && bench.answer().is_none());
    bench.connect();
    bench.works();
    assert!(bench.answer().is_none());
}

#[test]
fn a_client_of_which_the_device_has_nothing_costs_no_reset() {
    let mut bench = bench();
    bench.works();
    bench.call(await_link(1));
    for _ in 0..2 {
        bench.lose();
        assert!(bench.is_at_rest());
        assert_eq!(bench.driver.take_quiet(), Some(0));
    }
    assert_eq!(
        (bench.line.stopped.get(), bench.line.restarted.get()),
        (0, 0)
    );
    bench.connect();
    bench.lose();
    bench.connect();
    assert_eq!(bench.driver.take_quiet(), None, "it is back");
    bench.call(await_link(1));
    assert!(bench.answer().is_none(), "nobody else waits");
    bench.works();
}

#[test]
fn a_device_that_does_not_come_up_again_leaves_the_client_quiet() {
    let mut bench = bench();
    bench.call(receive(0));
    bench.line.failure.set(Some(VirtioError::ResetTimeout));
    bench.lose();
    assert!(bench.is_at_rest() && bench.driver.failure().is_some());
    assert_eq!(
        (bench.driver.take_quiet(), bench.line.stopped.get()),
        (Some(0), 2)
    );
    bench.connect();
    assert_eq!(bench.ask(receive(0)), Status::DeviceError);
    assert_eq!(bench.ask(describe()), Status::Done);
    bench.line.failure.set(None);
    bench.lose();
    assert!(bench.driver.failure().is_none());
    bench.connect();
    bench.works();
}
