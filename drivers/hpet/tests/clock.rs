//! The clock and its alarm: never early, and no ring of a sender on the same comparator is lost.

mod common;

use atoll_hpet::{Clock, FIRST_DISTANCE, Hpet, HpetError, MAX_DISTANCE};
use common::Fake;

fn running(counter: u32, steps: &[u32], period: u32) -> (Fake, Hpet<Fake>) {
    let fake = Fake::new(counter, steps);
    fake.with(|state| state.period = period);
    let hpet = Hpet::with_registers(fake.clone());
    hpet.enable();
    hpet.listen(0, 1, 0x40).unwrap();
    (fake, hpet)
}

#[test]
fn a_period_that_none_may_have_is_refused() {
    for period in [0, 100_000_001, u32::MAX] {
        let (_, hpet) = running(0, &[1], period);
        let refused = Clock::new(&hpet).unwrap_err();
        assert_eq!(refused, HpetError::NoPeriod { period });
        assert!(refused.to_string().contains("no clock"));
    }
}

/// Over many rounds of the counter no tick and no part of one is lost.
#[test]
fn the_clock_shows_every_tick() {
    for period in [1, 69_841_279, 10_000_000, 100_000_000] {
        for step in [1, 12_345, 1 << 31, u32::MAX] {
            let (fake, hpet) = running(u32::MAX - 5, &[step], period);
            let mut clock = Clock::new(&hpet).unwrap();
            let begin = fake.with(|state| state.accesses);
            for _ in 0..1000 {
                let shown = clock.now(&hpet);
                let reads = fake.with(|state| state.accesses) - begin;
                let passed = reads as u128 * u128::from(step) * u128::from(period) / 1_000_000;
                assert_eq!(u128::from(shown), passed, "period {period}, step {step}");
            }
        }
    }
}

/// The first interrupt after `set` comes when the clock shows the deadline, not a tick before.
#[test]
fn the_alarm_comes_at_its_deadline() {
    for period in [69_841_279, 10_000_000] {
        for start in [0, 1 << 31, u32::MAX - 1000] {
            for wait in [5_000, 123_457, 10_000_001, 3_000_000_000] {
                let (fake, hpet) = running(start, &[1], period);
                let mut clock = Clock::new(&hpet).unwrap();
                let deadline = clock.now(&hpet) + wait;
                assert_eq!(clock.set(&hpet, 0, deadline), Ok(true));
                let ahead = fake.with(|state| state.comparator[0].wrapping_sub(state.counter));
                // The reading of the clock moves the counter by the last tick.
                fake.with(|state| state.advance(ahead - 2));
                assert!(clock.now(&hpet) < deadline);
                assert!(fake.with(|state| state.interrupts.is_empty()));
                assert!(clock.now(&hpet) >= deadline, "{period} {start} {wait}");
                assert_eq!(fake.with(|state| state.interrupts.len()), 1);
            }
        }
    }
}

#[test]
fn a_far_deadline_wakes_long_before_the_counter_comes_round() {
    for wait in [1 << 40, u64::MAX / 2] {
        let (fake, hpet) = running(77, &[1], 10_000_000);
        let mut clock = Clock::new(&hpet).unwrap();
        assert_eq!(clock.set(&hpet, 0, wait), Ok(true));
        fake.with(|state| state.advance(MAX_DISTANCE));
        assert_eq!(fake.with(|state| state.interrupts.len()), 1);
        assert!(clock.now(&hpet) < wait);
        assert_eq!(clock.set(&hpet, 0, wait), Ok(true));
    }
}

#[test]
fn a_deadline_that_has_come_is_not_waited_for() {
    let (_, hpet) = running(0, &[1], 10_000_000);
    let mut clock = Clock::new(&hpet).unwrap();
    let now = clock.now(&hpet);
    assert_eq!(clock.set(&hpet, 0, 0), Ok(false));
    assert_eq!(clock.set(&hpet, 0, now), Ok(false));
    assert!(clock.set(&hpet, 3, now).is_err());
    // The counter overtakes the comparator between the reading of the clock and the write.
    let (fake, hpet) = running(0, &[FIRST_DISTANCE + 1], 10_000_000);
    let mut clock = Clock::new(&hpet).unwrap();
    // The next reading shows 330 ns more.
    let soon = clock.now(&hpet) + 340;
    assert_eq!(clock.set(&hpet, 0, soon), Ok(false));
    assert!(fake.with(|state| state.interrupts.is_empty()));
}

/// One run of a receiver that goes to sleep with a deadline and a sender that publishes and rings, their accesses in the
/// given order. Tells whether the receiver sees the message or is woken long before the deadline.
fn sleeper_and_sender(steps: &[u32], order: u32, alarm_first: bool) -> bool {
    let (fake, hpet) = running(1000, steps, 10_000_000);
    let mut clock = Clock::new(&hpet).unwrap();
    let deadline = 10 * u64::from(MAX_DISTANCE >> 1);
    let sender = Fake {
        who: 1,
        ..fake.clone()
    };
    let bell = Hpet::with_registers(sender.clone());
    fake.with(|state| {
        state.interrupts.clear();
        state.accesses = 0;
        state.first = [None; 2];
        state.schedule = (0..8).map(|bit| (order >> bit & 1) as usize).collect();
    });
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            sender.access(|state| state.published = true);
            bell.ring(0).unwrap();
            sender.finish();
        });
        let mut set = || clock.set(&hpet, 0, deadline).unwrap();
        let look = || fake.access(|state| state.published);
        let (waits, seen) = if alarm_first {
            let waits = set();
            (waits, look())
        } else {
            let seen = look();
            (set(), seen)
        };
        fake.finish();
        seen || !waits
    });
    fake.with(|state| {
        // Every access advances the counter first, so this is one that comes after all others.
        state.accesses += 1;
        state.advance(MAX_DISTANCE >> 2);
        // An interrupt from before the receiver began may have been taken by an earlier wait.
        let woken = state.interrupts.last().map(|interrupt| interrupt.0) > state.first[0];
        seen || woken
    })
}

/// Every order of the accesses of a receiver that sets its alarm and then looks, and a sender that publishes and then
/// rings; the twin that looks first and then sets its alarm loses a wake-up.
#[test]
fn an_alarm_loses_no_ring_if_it_is_set_before_the_last_look() {
    let mut lost = 0;
    let mut runs = 0;
    for steps in [&[1][..], &[20], &[40], &[1, 50, 3], &[33, 1, 1, 70, 1]] {
        for order in (0u32..1 << 8).filter(|order| order.count_ones() == 4) {
            runs += 1;
            assert!(
                sleeper_and_sender(steps, order, true),
                "order {order:#b}, steps {steps:?}"
            );
            lost += usize::from(!sleeper_and_sender(steps, order, false));
        }
    }
    println!("{runs} orders, none lost; {lost} lost by the twin that looks too early");
    assert!(lost > 0);
}
