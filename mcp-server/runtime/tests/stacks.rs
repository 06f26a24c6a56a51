//! Uthreads and the stacks that they use up.

mod common;

use std::env;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use atoll_runtime::{become_mcp, request_vcores, spawn, yield_now};
use common::{Manners, run};

/// Says that this process is the child of the test.
const CHILD: &str = "ATOLL_TEST_CHILD";

/// The signal that a fault is.
const SIGSEGV: i32 = 11;

#[allow(unconditional_recursion, reason = "that is what is tested")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 8]);
    recurse(depth + 1) + black_box(frame)[0]
}

#[test]
fn recursion_without_end_is_a_fault_of_the_process() {
    if env::var_os(CHILD).is_some() {
        run(1, 1, Vec::new(), Manners::Honest, || {
            spawn(|| recurse(0)).join();
        });
        return;
    }
    let ended = Command::new(env::current_exe().unwrap())
        .args(["--exact", "recursion_without_end_is_a_fault_of_the_process"])
        .env(CHILD, "1")
        .output()
        .unwrap()
        .status;
    assert_eq!(ended.signal(), Some(SIGSEGV), "{ended}");
}

/// A result whose end waits, as that of a file may: it must end on a uthread.
struct Ends(Arc<[AtomicUsize; 2]>);

impl Drop for Ends {
    fn drop(&mut self) {
        let on_uthread = catch_unwind(yield_now).is_ok();
        self.0[usize::from(on_uthread)].fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn results_are_joined_or_dropped_on_a_uthread() {
    const RESULTS: usize = 200;
    let ended = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counts = ended.clone();
    let report = run(2, 1, Vec::new(), Manners::Honest, move || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let mut wanted = Vec::new();
        for number in 0..RESULTS {
            let result = Ends(counts.clone());
            let uthread = spawn(move || (number, result));
            // Every other one is not wanted, which is known before most of them run.
            if number % 2 == 0 {
                wanted.push((number, uthread));
            }
        }
        for (number, uthread) in wanted {
            assert_eq!(uthread.join().0, number);
        }
        let done = || {
            counts
                .iter()
                .map(|count| count.load(Ordering::SeqCst))
                .sum::<usize>()
        };
        while done() < RESULTS {
            yield_now();
        }
    });
    assert_eq!(report.status, 0);
    let [elsewhere, on_uthreads] = &*ended;
    assert_eq!(elsewhere.load(Ordering::SeqCst), 0);
    assert_eq!(on_uthreads.load(Ordering::SeqCst), RESULTS);
}
