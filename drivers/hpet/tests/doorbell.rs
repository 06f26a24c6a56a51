//! The HPET against a fake whose counter moves with every access, and which, unlike QEMU's, interrupts only when the
//! counter equals a comparator.

use std::sync::{Arc, Condvar, Mutex};

use atoll_hpet::{ATTEMPTS, FIRST_DISTANCE, Hpet, HpetError, Registers};

const COMPARATORS: usize = 3;

#[derive(Default)]
struct State {
    counter: u32,
    enabled: bool,
    legacy: bool,
    configuration: [u32; COMPARATORS],
    comparator: [u32; COMPARATORS],
    route: [[u32; 2]; COMPARATORS],
    /// Ticks of the next accesses, repeated from the start.
    steps: Vec<u32>,
    accesses: usize,
    /// (access number, address, data) of each interrupt.
    interrupts: Vec<(usize, u32, u32)>,
    /// Whose turn it is; empty: anybody's.
    schedule: Vec<usize>,
    finished: [bool; 2],
    /// Number of each sender's first access.
    first: [Option<usize>; 2],
}

impl State {
    fn advance(&mut self, ticks: u32) {
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
struct Fake {
    shared: Arc<(Mutex<State>, Condvar)>,
    who: usize,
}

impl Fake {
    fn new(counter: u32, steps: &[u32]) -> Fake {
        let state = State {
            counter,
            configuration: [0x8000; COMPARATORS],
            comparator: [u32::MAX; COMPARATORS],
            steps: steps.to_vec(),
            ..State::default()
        };
        Fake {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
            who: 0,
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.shared.0.lock().unwrap())
    }

    /// Takes this sender's turn, lets the counter move, then does the access.
    fn access<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
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

    fn finish(&self) {
        self.with(|state| state.finished[self.who] = true);
        self.shared.1.notify_all();
    }
}

impl Registers for Fake {
    fn read(&self, offset: usize) -> u32 {
        self.access(|state| match offset {
            0x000 => (COMPARATORS as u32 - 1) << 8 | 1,
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

#[test]
fn listens_and_rings() {
    let fake = Fake::new(0, &[1]);
    fake.with(|state| state.legacy = true);
    let hpet = Hpet::with_registers(fake.clone());
    hpet.enable();
    hpet.enable();
    assert!(fake.with(|state| state.enabled && !state.legacy));
    assert_eq!(hpet.comparators(), 3);
    hpet.listen(2, 5, 0x40).unwrap();
    hpet.ring(2).unwrap();
    assert!(fake.with(|state| state.interrupts.is_empty()));
    fake.with(|state| state.advance(FIRST_DISTANCE));
    let seen: Vec<_> = fake.with(|state| state.interrupts.iter().map(|i| (i.1, i.2)).collect());
    assert_eq!(seen, [(0xFEE0_5000, 0x40)]);
    hpet.ignore(2).unwrap();
    hpet.ring(2).unwrap();
    fake.with(|state| state.advance(1 << 20));
    assert_eq!(fake.with(|state| state.interrupts.len()), 1);
}

#[test]
fn refuses_what_cannot_work() {
    let fake = Fake::new(0, &[1]);
    let hpet = Hpet::with_registers(fake.clone());
    let missing = HpetError::NoSuchComparator {
        comparator: 3,
        count: 3,
    };
    assert_eq!(hpet.listen(3, 0, 0x40), Err(missing));
    assert_eq!(hpet.ring(3), Err(missing));
    assert!(missing.to_string().contains("hpet.timers=N"));
    assert!(hpet.ignore(u32::MAX).is_err());
    assert_eq!(
        hpet.listen(0, 256, 0x40),
        Err(HpetError::UnreachableCore { apic_id: 256 })
    );
    fake.with(|state| state.configuration[1] = 0);
    assert_eq!(
        hpet.listen(1, 0, 0x40),
        Err(HpetError::NoMessageSignalling { comparator: 1 })
    );
}

/// Whatever the speed of the counter and wherever it stands, a ring that succeeds interrupts after it began.
#[test]
fn a_ring_is_never_missed() {
    let mut retried = 0;
    for step in (1..200).chain([1_000, 10_000, 500_000]) {
        for start in [0, 1 << 31, u32::MAX - 100, u32::MAX - step] {
            let fake = Fake::new(start, &[step]);
            let hpet = Hpet::with_registers(fake.clone());
            hpet.enable();
            hpet.listen(0, 1, 0x40).unwrap();
            let before = fake.with(|state| state.accesses);
            hpet.ring(0).unwrap();
            let after = fake.with(|state| state.accesses);
            retried += usize::from(after - before > 3);
            fake.with(|state| state.advance(FIRST_DISTANCE << ATTEMPTS));
            assert!(
                fake.with(|state| state.interrupts.iter().any(|i| i.0 > before)),
                "step {step}, start {start}"
            );
        }
    }
    assert!(retried > 100, "only {retried} rings had to aim again");
}

#[test]
fn gives_up_on_a_counter_that_cannot_be_caught() {
    let fake = Fake::new(0, &[FIRST_DISTANCE << ATTEMPTS]);
    let hpet = Hpet::with_registers(fake);
    hpet.enable();
    hpet.listen(0, 1, 0x40).unwrap();
    assert_eq!(hpet.ring(0), Err(HpetError::Overtaken));
}

/// Every order of the first twelve accesses of two senders, with several speeds of the counter.
#[test]
fn two_senders_lose_no_ring() {
    let mut undone = 0;
    let mut runs = 0;
    for steps in [&[1][..], &[20], &[40], &[1, 50, 3], &[33, 1, 1, 70, 1]] {
        for order in 0u32..1 << 12 {
            if order.count_ones() != 6 {
                continue;
            }
            runs += 1;
            let fake = Fake::new(u32::MAX - 90, steps);
            let hpet = Hpet::with_registers(fake.clone());
            hpet.enable();
            hpet.listen(0, 1, 0x40).unwrap();
            // Made before the schedule, which is to order the accesses of `ring` alone.
            let senders = [0, 1].map(|who| {
                let fake = Fake {
                    who,
                    ..fake.clone()
                };
                let hpet = Hpet::with_registers(fake.clone());
                Sender { fake, hpet }
            });
            fake.with(|state| {
                state.interrupts.clear();
                state.accesses = 0;
                state.first = [None; 2];
                state.schedule = (0..12).map(|bit| (order >> bit & 1) as usize).collect();
            });
            std::thread::scope(|scope| {
                for sender in &senders {
                    scope.spawn(|| sender.ring());
                }
            });
            fake.with(|state| {
                state.accesses += 1;
                state.advance(FIRST_DISTANCE << ATTEMPTS);
                let last = state.interrupts.last().map(|i| i.0);
                let newest = state.first.iter().flatten().max().copied();
                assert!(
                    last > newest,
                    "order {order:#b}, steps {steps:?}: {last:?}, {newest:?}"
                );
                undone += usize::from(state.interrupts.len() == 1);
            });
        }
    }
    println!("{runs} runs, in {undone} of them one interrupt served both");
    assert!(undone > 0);
}

struct Sender {
    fake: Fake,
    hpet: Hpet<Fake>,
}

impl Sender {
    fn ring(&self) {
        self.hpet.ring(0).unwrap();
        self.fake.finish();
    }
}

/// What `ring` would be without its second look: lost on a real HPET.
#[test]
fn a_ring_without_a_second_look_is_missed() {
    let fake = Fake::new(0, &[FIRST_DISTANCE + 1]);
    let hpet = Hpet::with_registers(fake.clone());
    hpet.enable();
    hpet.listen(0, 1, 0x40).unwrap();
    fake.write(0x108, fake.read(0x0F0) + FIRST_DISTANCE);
    fake.with(|state| state.advance(FIRST_DISTANCE << ATTEMPTS));
    assert!(fake.with(|state| state.interrupts.is_empty()));
}
