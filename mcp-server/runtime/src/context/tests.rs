extern crate std;

use std::env;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Command, ExitStatus};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::vec::Vec;

use super::*;
use crate::DEFAULT_STACK_SIZE;

/// Tells a child what it does.
const DEED: &str = "ATOLL_TEST_DEED";

/// Exit status of a child whose fiber wrote below its stack.
const OVERRAN: i32 = 3;

/// The signal that a fault is.
const SIGSEGV: i32 = 11;

/// Has a process of its own do something.
fn child(deed: &str) -> ExitStatus {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "context::tests::in_a_child", "--ignored"])
        .env(DEED, deed)
        .output()
        .unwrap()
        .status
}

#[test]
#[ignore = "other tests run it in a process of its own"]
fn in_a_child() {
    let deed = env::var(DEED).unwrap();
    let stack = Stack::new(DEFAULT_STACK_SIZE).unwrap();
    match deed.as_str() {
        "overrun" => {}
        "overrun without a guard" => stack.remove_guard(),
        _ => panic!("what is `{deed}`?"),
    }
    let stop = stack.base().addr() - 1024;
    let deed = move || {
        black_box(descend(stop));
    };
    Fiber::on(stack, Box::new(deed)).resume();
    process::exit(OVERRAN);
}

/// Calls itself until its frame lies below an address.
#[inline(never)]
fn descend(stop: usize) -> u64 {
    let frame = black_box([1; 8]);
    if ptr::from_ref(&frame).addr() < stop {
        return 0;
    }
    descend(stop) + black_box(frame)[0]
}

#[test]
fn a_fiber_that_overruns_its_stack_faults_and_overwrites_nothing() {
    let ended = child("overrun");
    assert_eq!(ended.signal(), Some(SIGSEGV), "{ended}");
}

/// Without the guard the same fiber goes on below its stack, and the test above would see it.
#[test]
fn a_fiber_without_a_guard_overruns_its_stack_unseen() {
    let ended = child("overrun without a guard");
    assert_eq!(ended.code(), Some(OVERRAN), "{ended}");
}

#[test]
fn a_fiber_that_has_ended_has_no_stack() {
    let mut fiber = Fiber::new(0, Box::new(suspend)).unwrap();
    fiber.resume();
    assert!(!fiber.finished() && fiber.inner.get_mut().stack.is_some());
    fiber.resume();
    assert!(fiber.finished() && fiber.inner.get_mut().stack.is_none());
}

#[test]
fn a_fiber_that_never_ran_drops_its_closure() {
    let captured = Arc::new(());
    let held = captured.clone();
    let fiber = Fiber::new(0, Box::new(move || drop(held))).unwrap();
    drop(fiber);
    assert_eq!(Arc::strong_count(&captured), 1);
}

/// Others may refer to what is on the stack of a fiber that is suspended for good, as to a pinned value in a list.
#[test]
fn the_stack_of_a_fiber_that_is_dropped_while_suspended_stays() {
    const VALUE: u64 = 0x1234_5678_9abc_def0;
    let address = Arc::new(AtomicUsize::new(0));
    let told = address.clone();
    let entry = Box::new(move || {
        let value = AtomicU64::new(VALUE);
        told.store(ptr::from_ref(&value).expose_provenance(), Ordering::Relaxed);
        suspend();
        unreachable!("{value:?}");
    });
    let fiber = Fiber::new(0, entry).unwrap();
    fiber.resume();
    drop(fiber);
    // Would lie where the first one lay, were that free, and have something else there.
    let others: Vec<Fiber> = (0..16)
        .map(|_| Fiber::new(0, Box::new(fill)).unwrap())
        .collect();
    others.iter().for_each(Fiber::resume);
    let value = ptr::with_exposed_provenance::<AtomicU64>(address.load(Ordering::Relaxed));
    // SAFETY: on the stack of the fiber that never ended, which stays: that is what is tested.
    let value = unsafe { &*value };
    assert_eq!(value.load(Ordering::Relaxed), VALUE);
}

fn fill() {
    black_box([7u8; DEFAULT_STACK_SIZE / 8]);
    suspend();
}
