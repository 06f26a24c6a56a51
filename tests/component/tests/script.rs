//! The script that every world runs, on threads of the host.

use std::thread;

use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::{Completion, NO_BLOCK, Route};
use atoll_component_tests::{Machine, Port, Vcore};
use atoll_scenarios::script::{EXIT_STATUS, FILES, Runner, SCRIPT};

fn run(mut vcore: Vcore, process: usize) {
    let mut runner = Runner::new(process);
    while let Some(call) = runner.next(0) {
        let port = match runner.route() {
            Route::Local | Route::Remote => Port::Files,
            _ => Port::Server,
        };
        let answer = vcore.ask(port, call);
        let block = if answer.block_returned {
            call.block
        } else {
            NO_BLOCK
        };
        runner.ended(&Completion {
            block,
            ..Completion::of(&call, answer.status, answer.result)
        });
    }
    if let Err(difference) = runner.verdict() {
        panic!(
            "process {process}: {difference:?}, where {:?} is expected",
            SCRIPT.get(difference.step)
        );
    }
    let status = EXIT_STATUS;
    vcore.done(Port::Server, request::Exit { status }.encode());
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
