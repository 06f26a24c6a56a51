//! The script that every world runs, on threads of the host.

use std::thread;

use atoll_abi::syscall::{Call, NO_BLOCK, Syscall};
use atoll_component_tests::{Machine, Vcore};
use atoll_scenarios::script::{EXIT_STATUS, FILES, Runner, SCRIPT};

fn run(mut vcore: Vcore, process: usize) {
    let mut runner = Runner::new(process);
    let mut tag = 0;
    while let Some(syscall) = runner.next(tag) {
        vcore.submit(&[syscall]);
        let end = vcore.wait();
        assert_eq!(end.tag, tag);
        runner.ended(&end);
        tag += 1;
    }
    if let Err(difference) = runner.verdict() {
        panic!(
            "process {process}: {difference:?}, where {:?} is expected",
            SCRIPT.get(difference.step)
        );
    }
    vcore.submit(&[Syscall {
        tag,
        call: Call::Exit as u16,
        pool: 0,
        handle: 0,
        arguments: [EXIT_STATUS, 0, 0, 0],
        block: NO_BLOCK,
        generation: 1,
    }]);
    let _ = vcore.wait();
}

#[test]
fn both_processes_see_the_expected_trace() {
    let (machine, processes) = Machine::start(&FILES, 1);
    let threads: Vec<_> = processes
        .into_iter()
        .enumerate()
        .map(|(process, mut vcores)| {
            let vcore = vcores.remove(0);
            thread::spawn(move || run(vcore, process))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    for (cluster, told) in machine.stop().into_iter().enumerate() {
        assert_eq!(told.ended, [(cluster, EXIT_STATUS)]);
        assert_eq!(told.lines, [(cluster, "the script is running".to_owned())]);
    }
}
