//! Asynchronous syscalls: over the runtime, the rings and the server.

use alloc::vec::Vec;

use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::{File, Reply, kernel_entries, println, request_vcores};

use crate::wrong;

/// Calls before those that are counted.
const WARM_UP: usize = 2_000;

/// Calls that are counted: a multiple of every batch.
const CALLS: usize = 10_240;

/// What is called.
#[derive(Clone, Copy)]
pub enum Operation {
    /// Asks for as many vcores as there are: the server looks the process up, and answers with a number.
    Vcores,
    /// Asks for the length of a file.
    Stat(File),
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Vcores => "vcores",
            Operation::Stat(_) => "stat",
        }
    }

    /// Makes calls and waits for all of them.
    fn call(self, count: usize) {
        match self {
            Operation::Vcores => wait((0..count).map(|_| request_vcores(1)).collect(), 1),
            Operation::Stat(file) => wait((0..count).map(|_| file.stat()).collect(), file.length()),
        }
    }
}

fn wait<T: PartialEq>(replies: Vec<Reply<T>>, expected: T) {
    for reply in replies {
        if !reply.wait().is_ok_and(|answer| answer == expected) {
            wrong("a syscall was answered wrongly")
        }
    }
}

/// Counts what calls of one kind cost.
pub fn measure(operation: Operation, batch: usize) {
    for _ in 0..WARM_UP / batch {
        operation.call(batch);
    }
    let (own, server) = (kernel_entries(), procinfo().server_kernel_entries);
    let start = timestamp();
    for _ in 0..CALLS / batch {
        operation.call(batch);
    }
    let instructions = timestamp() - start;
    let own = kernel_entries() - own;
    let server = procinfo().server_kernel_entries - server;
    println!(
        r#"result {{"kind":"asynchronous","what":"{}","batch":{batch},"calls":{CALLS},"instructions":{instructions},"entries":{own},"server_entries":{server}}}"#,
        operation.name()
    );
}
