//! How long it pays to look for work before blocking.
//!
//! Looking for as long as blocking costs is at most twice as dear as the best choice of a component that knows when
//! work comes: the rule of competitive spinning (A. Karlin, K. Li, M. Manasse, S. Owicki: Empirical studies of
//! competitive spinning for a shared-memory multiprocessor, SOSP 1991).

use core::hint::spin_loop;

/// The least budget: an answer that is on its way in another core's cache is worth that.
pub const FLOOR: u32 = 16;

/// The largest budget, where a clock misleads.
pub const CEILING: u32 = 20_000;

/// Times that each is measured; the shortest counts, in which interrupts and other threads disturbed the core least.
const ROUNDS: usize = 8;

/// Polls that are measured together.
const POLLS: u32 = 64;

/// The polls that cost as much as blocking once and being woken, which `block` and `poll` do once each.
pub fn calibrate(
    clock: impl Fn() -> u64,
    mut block: impl FnMut(),
    mut poll: impl FnMut() -> bool,
) -> u32 {
    let shortest = |work: &mut dyn FnMut()| {
        let rounds = (0..ROUNDS).map(|_| {
            let begin = clock();
            work();
            clock().saturating_sub(begin)
        });
        rounds.min().unwrap_or(0)
    };
    let blocking = shortest(&mut block);
    let polling = shortest(&mut || {
        for _ in 0..POLLS {
            core::hint::black_box(poll());
            spin_loop();
        }
    });
    budget(blocking, polling)
}

/// The budget where blocking takes so many ticks, and [`POLLS`] polls so many.
fn budget(blocking: u64, polling: u64) -> u32 {
    let polls = u128::from(blocking) * u128::from(POLLS) / u128::from(polling.max(1));
    u32::try_from(polls)
        .unwrap_or(CEILING)
        .clamp(FLOOR, CEILING)
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    #[test]
    fn the_budget_costs_what_blocking_costs() {
        let now = Cell::new(0);
        let takes = |ticks: u64| now.set(now.get() + ticks);
        for (block, poll, polls) in [(5000, 20, 250), (300_000, 100, 3000), (999, 3, 333)] {
            let found = calibrate(
                || now.get(),
                || takes(block),
                || {
                    takes(poll);
                    true
                },
            );
            assert_eq!(found, polls);
        }
    }

    #[test]
    fn a_clock_that_misleads_is_kept_in_bounds() {
        assert_eq!(budget(0, 0), FLOOR);
        assert_eq!(budget(u64::MAX, 0), CEILING);
        assert_eq!(budget(0, u64::MAX), FLOOR);
    }
}
