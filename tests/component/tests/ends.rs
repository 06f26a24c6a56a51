//! How things end on real threads: a process with calls under way, and a sleep.

use std::thread;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::Syscall;
use atoll_component_tests::plan::BLOCKS;
use atoll_component_tests::{Machine, Port, Vcore};

const FILES: [(&str, u64); 1] = [("input", BLOCK_SIZE as u64)];

fn on_both(files: &[(&str, u64)], vcores: u32, process: fn(Vec<Vcore>)) {
    let (machine, processes) = Machine::start(files, vcores);
    let threads = processes.map(|vcores| thread::spawn(move || process(vcores)));
    for thread in threads {
        thread.join().unwrap();
    }
    for (cluster, told) in machine.stop().into_iter().enumerate() {
        assert_eq!(told.ended, [(cluster, 9)]);
    }
}

fn exit(vcore: &mut Vcore) {
    vcore.stage(Port::Server, request::Exit { status: 9 }.encode(), None);
    vcore.send();
}

/// Opens files, of which it closes none, has all its blocks read into, and exits before it has one answer.
fn leave_everything(mut vcores: Vec<Vcore>) {
    for vcore in &mut vcores {
        vcore.open("input");
    }
    let (file, _) = vcores[0].open("input");
    let read = request::Read {
        file,
        offset: 0,
        length: BLOCK_SIZE as u64,
    };
    let used = vcores.len();
    for block in 0..BLOCKS {
        let call = read.encode();
        let vcore = &mut vcores[block as usize % used];
        vcore.stage(Port::Files, Syscall { block, ..call }, None);
    }
    vcores.iter_mut().for_each(Vcore::send);
    exit(&mut vcores[0]);
}

/// [`Machine::stop`] requires that nothing is left of it.
#[test]
fn a_process_that_ends_with_calls_under_way_leaves_nothing() {
    for _ in 0..50 {
        on_both(&FILES, 2, leave_everything);
    }
}

/// Sleeps by alarms only: nothing comes through a ring to wake it.
fn sleep(mut vcores: Vec<Vcore>) {
    let vcore = &mut vcores[0];
    for nanoseconds in [0, 1_000, 100_000, 1_000_000].repeat(25) {
        let before = vcore.now();
        vcore.done(Port::Server, request::SetAlarm { nanoseconds }.encode());
        // It may be woken before, for an answer that it had found without having slept. `sleep` waits for ever for nothing.
        while vcore.now() < before + nanoseconds {
            vcore.sleep();
        }
    }
    exit(vcore);
}

#[test]
fn alarms_wake_a_vcore_that_waits_for_nothing_else() {
    on_both(&FILES, 1, sleep);
}
