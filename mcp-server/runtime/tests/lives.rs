//! A process that has had a life before, whose services may still have blocks of it.

mod common;

use std::sync::atomic::Ordering;

use atoll_runtime::{Block, connect, spawn};
use common::{Command, Manners, SERVICES, Setup, run_with};

fn second_life() -> Setup {
    let mut setup = Setup::new(1, 2, vec![1; 10], Manners::Honest);
    setup.files.push(vec![2; 20]);
    setup.generation = 2;
    setup
}

#[test]
fn blocks_are_given_when_no_service_has_any_of_the_life_before() {
    let report = run_with(second_life(), |control| {
        control.order(Command::Meet(0));
        let services = SERVICES.map(|name| connect(name).wait().unwrap());
        let file = services[0].open("input").wait().unwrap();
        // The device of the other service may still write to any block.
        assert!(Block::try_acquire().is_none());
        let reading = spawn(move || {
            let block = file.read(0, 4096, Block::acquire()).wait().unwrap();
            assert_eq!(block.bytes(), [1; 10]);
        });
        assert_eq!(file.stat().wait(), Ok(10));
        assert!(Block::try_acquire().is_none());
        // The vcore sleeps when the other service notices that the process is back.
        std::thread::spawn(|| {
            while control.host.blocked[0].load(Ordering::SeqCst) == 0 {}
            control.order(Command::Meet(1));
        });
        reading.join();
        services[1].open("input").wait().unwrap();
    });
    report.ended_well(2);
}

#[test]
fn a_service_that_has_died_writes_no_block() {
    let report = run_with(second_life(), |control| {
        control.order(Command::Kill(1));
        control.order(Command::Meet(0));
        drop(Block::acquire());
        control.order(Command::Revive(1));
        let service = connect(SERVICES[1]).wait().unwrap();
        let file = service.open("input").wait().unwrap();
        let block = file.read(0, 4096, Block::acquire()).wait().unwrap();
        assert_eq!(block.bytes(), [2; 20]);
    });
    report.ended_well(2);
}
