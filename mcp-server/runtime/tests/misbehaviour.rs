//! Services and servers that break the protocol.

mod common;

use atoll_runtime::{Block, Status, batch, become_mcp, exit, open, request_vcores, spawn};
use common::{Command, Manners, Setup, run, run_with};

#[test]
fn second_answers_and_answers_to_no_call_are_ignored() {
    let report = run(2, 4, vec![1; 100_000], Manners::Unmatched, || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let file = open("input").wait().unwrap();
        let handles: Vec<_> = (0..4)
            .map(|_| {
                spawn(move || {
                    for number in 0..200 {
                        let block = file.read(number % 20 * 4096, 4096, Block::acquire());
                        assert_eq!(block.wait().unwrap().bytes().len(), 4096);
                    }
                })
            })
            .collect();
        handles.into_iter().for_each(|handle| handle.join());
    });
    assert_eq!((report.status, report.free_blocks), (0, 4));
    assert!(report.unmatched > 1000, "{}", report.unmatched);
}

#[test]
fn a_block_that_does_not_come_back_is_never_used_again() {
    let report = run(1, 2, vec![1; 100], Manners::WrongBlock, || {
        let file = open("input").wait().unwrap();
        let error = file.read(0, 4096, Block::acquire()).wait().unwrap_err();
        assert_eq!(error.status, Status::Malformed);
        assert!(error.block.is_none());
    });
    assert_eq!((report.status, report.free_blocks), (0, 1));
}

#[test]
fn a_service_that_breaks_the_ring_ends_every_call_with_peer_lost() {
    let report = run(1, 8, vec![1; 100_000], Manners::Corrupt, || {
        let file = open("input").wait().unwrap();
        let read = |number: u64| file.read(number * 4096, 4096, Block::acquire());
        // All of them are under way before the ring is broken.
        let readings: Vec<_> = batch(|| (0..8).map(read).collect());
        for reading in readings {
            let error = reading.wait().unwrap_err();
            assert_eq!(error.status, Status::PeerLost);
            assert!(error.block.is_none(), "the service may still write it");
        }
        assert_eq!(file.stat().wait(), Err(Status::PeerLost));
        // The server is not concerned.
        assert_eq!(become_mcp().wait(), Ok(()));
    });
    assert_eq!((report.status, report.outstanding_calls), (0, 0));
    assert_eq!((report.free_blocks, report.blocks_in_flight), (0, 8));
}

#[test]
fn a_process_whose_server_breaks_the_ring_goes_on_and_ends_when_it_dies() {
    let setup = Setup::new(1, 1, vec![1; 100], Manners::CorruptServer);
    let report = run_with(setup, |control| {
        assert_eq!(become_mcp().wait(), Err(Status::PeerLost));
        assert_eq!(become_mcp().wait(), Err(Status::PeerLost));
        let file = open("input").wait().unwrap();
        assert_eq!(file.stat().wait(), Ok(100));
        std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            control.order(Command::KillServer);
        });
        exit(5);
    });
    assert_eq!((report.status, report.outstanding_calls), (5, 0));
    assert_eq!(report.routes, [0, 0, 2, 0]);
}
