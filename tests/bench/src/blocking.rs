//! What it costs to block on Linux, in floors, and how long polling pays.

mod budgets;
mod bursts;

use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::io::{read, write};

use crate::floor::{TRIPS, chunk_times};
use crate::pair::{self, Pair};
use crate::pin::Cores;

pub use budgets::{Budget, BudgetResult, Calibration, GAPS, calibrate, compare_budgets};
pub use bursts::{Cost, bursts};

/// A doorbell of the host: an eventfd.
pub struct Event(OwnedFd);

impl Event {
    /// An event that has not been rung.
    #[allow(clippy::new_without_default, reason = "it takes a file descriptor")]
    pub fn new() -> Event {
        Event(eventfd(0, EventfdFlags::empty()).expect("there is a file descriptor left"))
    }

    /// Rings it.
    pub fn ring(&self) {
        write(&self.0, &1u64.to_ne_bytes()).expect("an event can be rung");
    }

    /// Blocks until it was rung.
    pub fn wait(&self) {
        read(&self.0, &mut [0; 8]).expect("an event can be read");
    }
}

impl atoll_channel::Doorbell for &Event {
    fn ring(&mut self) {
        Event::ring(self);
    }
}

/// A round trip of two threads that block on an eventfd each.
pub fn event_round_trip(cores: Cores, chunks: usize) -> Pair {
    let (there, back) = (Event::new(), Event::new());
    let timed = || {
        chunk_times(chunks, TRIPS, || {
            for _ in 0..TRIPS {
                there.ring();
                back.wait();
            }
        })
    };
    let peer = || {
        for _ in 0..chunks * TRIPS {
            there.wait();
            back.ring();
        }
    };
    pair::measure(cores, chunks, timed, peer)
}

/// As [`event_round_trip`], with threads that wait for their eventfd in `epoll_wait`.
pub fn epoll_round_trip(cores: Cores, chunks: usize) -> Pair {
    let (there, back) = (Event::new(), Event::new());
    let timed = || {
        let set = watch(&back);
        chunk_times(chunks, TRIPS, || {
            for _ in 0..TRIPS {
                there.ring();
                wait(&set, &back);
            }
        })
    };
    let peer = || {
        let set = watch(&there);
        for _ in 0..chunks * TRIPS {
            wait(&set, &there);
            back.ring();
        }
    };
    pair::measure(cores, chunks, timed, peer)
}

fn watch(event: &Event) -> OwnedFd {
    let set = epoll::create(epoll::CreateFlags::empty()).expect("there is a file descriptor left");
    let data = epoll::EventData::new_u64(0);
    epoll::add(&set, &event.0, data, epoll::EventFlags::IN).expect("an event can be watched");
    set
}

fn wait(set: &OwnedFd, event: &Event) {
    let mut events = Vec::with_capacity(1);
    epoll::wait(set, spare_capacity(&mut events), None).expect("a set can be waited for");
    event.wait();
}
