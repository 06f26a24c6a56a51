//! The HPET against a fake whose counter moves with every access, and which, unlike QEMU's, interrupts only when the
//! counter equals a comparator.

#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::{Arc, Condvar, Mutex};

use atoll_hpet::Registers;

pub const COMPARATORS: usize = 3;

#[derive(Default)]
pub struct State {
    pub counter: u32,
    pub enabled: bool,
    pub legacy: bool,
    pub configuration: [u32; COMPARATORS],
    pub comparator: [u32; COMPARATORS],
    route: [[u32; 2]; COMPARATORS],
    /// Ticks of the next accesses, repeated from the start.
    pub steps: Vec<u32>,
    pub accesses: usize,
    /// (access number, address, data) of each interrupt.
    pub interrupts: Vec<(usize, u32, u32)>,
    /// The senders in the order of their accesses; empty: each goes when it can.
    pub schedule: Vec<usize>,
    finished: [bool; 2],
    /// Number of each sender's first access.
    pub first: [Option<usize>; 2],
    /// Femtoseconds of a tick.
    pub period: u32,
    /// What a sender publishes before it rings.
    pub published: bool,
}

impl State {
    pub fn advance(&mut self, ticks: u32) {
        if !self.enabled {
            return;
        }
        for n in 0..COMPARATORS {
            let distance = self.comparator[n].wrapping_sub(self.counter);
            // Interrupt on, message on, edge, one-shot, 32 bits.
            let live = self.configuration[n] & 0x410E == 0x4104;
            if live && distance != 0 && distance <= ticks {
                self.interrupts
                    .push((self.accesses, self.route[n][1], self.route[n][0]));
            }
        }
        self.counter = self.counter.wrapping_add(ticks);
    }
}

#[derive(Clone)]
pub struct Fake {
    pub shared: Arc<(Mutex<State>, Condvar)>,
    pub who: usize,
}

impl Fake {
    pub fn new(counter: u32, steps: &[u32]) -> Fake {
        let state = State {
            counter,
            configuration: [0x8000; COMPARATORS],
            comparator: [u32::MAX; COMPARATORS],
            steps: steps.to_vec(),
            period: 10_000_000,
            ..State::default()
        };
        Fake {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
            who: 0,
        }
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.shared.0.lock().unwrap())
    }

    /// Takes this sender's turn, lets the counter move, then does the access.
    pub fn access<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let (mutex, turn) = &*self.shared;
        let mut state = mutex.lock().unwrap();
        while let Some(&next) = state.schedule.first() {
            if next == self.who || state.finished[next] {
                state.schedule.remove(0);
                if next == self.who {
                    break;
                }
            } else {
                state = turn.wait(state).unwrap();
            }
        }
        let ticks = state.steps[state.accesses % state.steps.len()];
        state.accesses += 1;
        let number = state.accesses;
        state.first[self.who].get_or_insert(number);
        state.advance(ticks);
        let result = f(&mut state);
        turn.notify_all();
        result
    }

    pub fn finish(&self) {
        self.with(|state| state.finished[self.who] = true);
        self.shared.1.notify_all();
    }
}

impl Registers for Fake {
    fn read(&self, offset: usize) -> u32 {
        self.access(|state| match offset {
            0x000 => (COMPARATORS as u32 - 1) << 8 | 1,
            0x004 => state.period,
            0x010 => u32::from(state.enabled) | u32::from(state.legacy) << 1,
            0x0F0 => state.counter,
            0x100.. if offset.is_multiple_of(0x20) => state.configuration[(offset - 0x100) / 0x20],
            _ => panic!("read of {offset:#x}"),
        })
    }

    fn write(&self, offset: usize, value: u32) {
        self.access(|state| match offset {
            0x010 => (state.enabled, state.legacy) = (value & 1 != 0, value & 2 != 0),
            0x100.. => {
                let n = (offset - 0x100) / 0x20;
                match offset % 0x20 {
                    0x00 => {
                        state.configuration[n] = value & 0x7F4E | state.configuration[n] & !0x7F4E;
                    }
                    0x08 => state.comparator[n] = value,
                    0x10 => state.route[n][0] = value,
                    0x14 => state.route[n][1] = value,
                    _ => panic!("write of {offset:#x}"),
                }
            }
            _ => panic!("write of {offset:#x}"),
        });
    }
}
