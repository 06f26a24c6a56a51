//! Uthreads and the stacks that they use up.

mod common;

use std::env;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use atoll_runtime::{become_mcp, request_vcores, spawn};
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

/// Counts itself as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        // A result that is not wanted may be one whose end waits.
        atoll_runtime::yield_now();
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn results_are_joined_or_dropped_on_a_uthread() {
    let alive = Arc::new(AtomicUsize::new(0));
    let counted = alive.clone();
    let report = run(2, 1, Vec::new(), Manners::Honest, move || {
        become_mcp().wait().unwrap();
        request_vcores(2).wait().unwrap();
        let uthreads: Vec<_> = (0..200)
            .map(|number| {
                counted.fetch_add(1, Ordering::SeqCst);
                let counted = Counted(counted.clone());
                spawn(move || (number, counted))
            })
            .collect();
        for (number, uthread) in uthreads.into_iter().enumerate() {
            if number % 2 == 0 {
                assert_eq!(uthread.join().0, number);
            }
        }
        while counted.load(Ordering::SeqCst) > 0 {
            atoll_runtime::yield_now();
        }
    });
    assert_eq!(report.status, 0);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}
