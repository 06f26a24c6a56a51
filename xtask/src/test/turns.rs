//! Several tests at a time.

use std::sync::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

/// Does something for each of some things, for so many at a time, in order; what came of them, in order too. While it is done for one that
/// `is_alone`, it is done for no other one.
pub fn at_a_time<T: Sync, R: Send>(
    count: usize,
    things: &[T],
    is_alone: impl Fn(&T) -> bool + Sync,
    act: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let machine = RwLock::new(());
    // Nothing is protected by the lock, so a panic while it was held matters to nobody here.
    let in_turn = |thing| match is_alone(thing) {
        true => {
            let _others_wait = machine.write();
            act(thing)
        }
        false => {
            let _beside_others = machine.read();
            act(thing)
        }
    };
    let one_after_the_other = || {
        let mut results = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(place) else {
                return results;
            };
            let result = in_turn(thing);
            if result.is_err() {
                // Nobody begins another one.
                next.store(things.len(), Ordering::Relaxed);
            }
            results.push((place, result));
        }
    };
    let mut results: Vec<(usize, Result<R>)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| scope.spawn(one_after_the_other))
            .collect();
        let joined = threads.into_iter().map(|thread| {
            let panicked = |cause| std::panic::resume_unwind(cause);
            thread.join().unwrap_or_else(panicked)
        });
        joined.flatten().collect()
    });
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn what_is_done_at_a_time_comes_in_order() {
        let barrier = std::sync::Barrier::new(2);
        let things: Vec<u32> = (0..10).collect();
        let results = at_a_time(
            2,
            &things,
            |_| false,
            |thing| {
                // Comes to an end only where two are under way.
                barrier.wait();
                Ok(thing * 2)
            },
        );
        let expected: Vec<u32> = things.iter().map(|thing| thing * 2).collect();
        assert_eq!(results.unwrap(), expected);
        let begun = AtomicUsize::new(0);
        let failed = at_a_time(
            1,
            &things,
            |_| false,
            |thing| {
                begun.fetch_add(1, Ordering::Relaxed);
                match thing {
                    7 => bail!("seven"),
                    thing => Ok(*thing),
                }
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), "seven");
        assert_eq!(begun.into_inner(), 8, "nothing begins behind a failure");
    }
    #[test]
    fn nothing_is_done_beside_what_is_alone() {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let things: Vec<u32> = (0..40).collect();
        let is_alone = |thing: &u32| thing.is_multiple_of(4);
        let seen = at_a_time(3, &things, is_alone, |thing| {
            let begun = under_way.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(begun, Ordering::SeqCst);
            thread::sleep(std::time::Duration::from_millis(1));
            let ended = under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(is_alone(thing).then_some((begun, ended)))
        });
        for alone in seen.unwrap().into_iter().flatten() {
            assert_eq!(alone, (1, 1));
        }
        assert!(most.into_inner() > 1, "the others are done at a time");
    }
}
