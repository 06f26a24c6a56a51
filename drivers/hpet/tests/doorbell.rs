//! Rings: none is missed, even where another sender writes the comparator too.

mod common;

use atoll_hpet::{ATTEMPTS, FIRST_DISTANCE, Hpet, HpetError, Registers};
use common::Fake;

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
    hpet.let_interrupt(2).unwrap();
    hpet.ring(2).unwrap();
    fake.with(|state| state.advance(1 << 20));
    assert_eq!(fake.with(|state| state.interrupts.len()), 2);
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

/// A device whose accesses take long is aimed at as far away as it needs, and no farther when they are fast again.
#[test]
fn a_slow_device_is_aimed_at_once() {
    let fake = Fake::new(0, &[200]);
    let hpet = Hpet::with_registers(fake.clone());
    hpet.enable();
    hpet.listen(0, 1, 0x40).unwrap();
    let ring = || {
        let before = fake.with(|state| state.accesses);
        hpet.ring(0).unwrap();
        let distance = fake.with(|state| state.comparator[0].wrapping_sub(state.counter));
        (fake.with(|state| state.accesses) - before, distance)
    };
    assert!(ring().0 > 3, "the first one looks for the distance");
    for _ in 0..10 {
        assert_eq!(ring().0, 3, "a look, a write and a look");
    }
    fake.with(|state| state.steps = vec![1]);
    ring();
    assert!(ring().1 <= FIRST_DISTANCE, "it is near again");
    // However long one took, the next one does not wait for as long.
    fake.with(|state| state.steps = vec![100_000]);
    ring();
    fake.with(|state| state.steps = vec![1]);
    assert!(ring().1 <= FIRST_DISTANCE << 5);
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
