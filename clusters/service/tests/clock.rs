//! A service that has a clock: what time it is told, and when.

use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Actions, Event, Service};
use atoll_service::{Host, NoMemory};
use atoll_test_support::link::FakeLink;

/// Answers a call with the time, and waits after it for as long as the call says.
#[derive(Default)]
struct Timer {
    now: u64,
    due: Option<u64>,
    rung: Vec<u64>,
}

impl Service for Timer {
    const HAS_CLOCK: bool = true;

    fn room(&self, _: usize, free: usize) -> usize {
        free.min(4)
    }

    fn is_quiet(&self, _: usize) -> bool {
        true
    }

    fn is_busy(&self) -> bool {
        false
    }

    fn set_time(&mut self, now: u64) {
        self.now = now;
    }

    fn due(&self) -> Option<u64> {
        self.due
    }

    fn handle(&mut self, event: Event<'_>, actions: &mut impl Actions) {
        match event {
            Event::Calls { ring, calls } => {
                for call in calls {
                    self.due = Some(self.now + u64::from(call.count));
                    let done = Completion::of(call, Status::Done, [self.now, 0]);
                    actions.complete(ring, &[done]);
                }
            }
            Event::Time => {
                self.rung.push(self.now);
                self.due = None;
            }
            _ => {}
        }
    }
}

fn host() -> (Host<Timer, FakeLink, NoMemory>, FakeLink) {
    let link = FakeLink::default();
    let mut host = Host::new(Timer::default(), [link.clone()], None, NoMemory);
    host.start([]);
    (host, link)
}

fn call(count: u16) -> Syscall {
    Syscall {
        count,
        ..Syscall::EMPTY
    }
}

#[test]
fn the_time_is_told_before_what_a_turn_brings() {
    let (mut host, link) = host();
    link.send_to_it(&call(1));
    assert!(!host.tick(70));
    assert!(host.turn());
    let answer: Completion = link.take().unwrap();
    assert_eq!(answer.result[0], 70);
}

#[test]
fn the_time_that_a_service_waits_for_is_told_once_when_it_has_come() {
    let (mut host, link) = host();
    assert!(!host.tick(0) && !host.is_due(u64::MAX), "it waits for none");
    link.send_to_it(&call(100));
    host.tick(50);
    while host.turn() {}
    assert!(!host.tick(149) && !host.is_due(149));
    assert!(host.may_sleep(), "the world wakes it at its time");
    assert!(host.is_due(150) && host.tick(151));
    assert!(!host.tick(152));
    assert_eq!(host.service().rung, [151]);
}

#[test]
fn a_service_without_a_clock_waits_for_no_time() {
    struct Plain;
    impl Service for Plain {
        fn room(&self, _: usize, _: usize) -> usize {
            0
        }
        fn is_quiet(&self, _: usize) -> bool {
            true
        }
        fn is_busy(&self) -> bool {
            false
        }
        fn handle(&mut self, event: Event<'_>, _: &mut impl Actions) {
            assert!(!matches!(event, Event::Time));
        }
    }
    const { assert!(!Plain::HAS_CLOCK) };
    let mut host = Host::new(Plain, [FakeLink::default()], None, NoMemory);
    assert!(!host.tick(u64::MAX));
}
