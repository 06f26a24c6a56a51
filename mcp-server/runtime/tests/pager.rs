//! Pagers over a partition: processes on host threads, over the real rings.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use atoll_runtime::pager::{
    Candidates, Counters, Hint, Lru, Pager, PagerError, Policy, Refusal, Use,
};
use atoll_runtime::{Runtime, become_mcp, request_vcores, spawn, yield_now};
use common::paged::{LruPager, PAGES, first_word, number, pager, partition, run_paged, set};
use common::partition::Partition as Disk;
use common::partition::Served::{Flush, Read, Write};
use common::{Command, Manners, Setup, run_with};

#[test]
fn pages_are_loaded_where_they_stay_and_written_when_they_go() {
    let report = run_paged(5, Manners::Honest, |_, disk| {
        let pager = pager(3);
        let mut places: BTreeMap<usize, *const u8> = BTreeMap::new();
        for page in (0..PAGES).chain(0..PAGES) {
            let pinned = pager.page(page).unwrap();
            assert_eq!((pinned.number(), first_word(pinned.bytes())), (page, page));
            let entry = pager.with_map(|map| map.entry(page).unwrap());
            assert_eq!(entry.using, Use::Shared(1));
            let place = pinned.bytes().as_ptr();
            assert_eq!(*places.entry(entry.frame).or_insert(place), place);
        }
        assert_eq!(places.len(), 3, "a frame moved");
        disk.served();
        set(&pager, 4, 400).unwrap();
        assert_eq!(disk.served(), [Read(4..5)]);
        for page in 5..8 {
            assert_eq!(number(&pager, page), Ok(page));
        }
        let expected = [Read(5..6), Read(6..7), Write(4..5), Read(7..8)];
        assert_eq!(disk.served(), expected);
        assert_eq!(number(&pager, 4), Ok(400));
        set(&pager, 6, 600).unwrap();
        disk.served();
        pager.flush().unwrap();
        assert_eq!(disk.served(), [Write(6..7), Flush]);
        let stable = [4, 6].map(|page| first_word(&disk.state().stable[page]));
        assert_eq!(stable, [400, 600]);
        assert_eq!(
            Runtime::current().free_blocks(),
            2,
            "the pager keeps its own"
        );
    });
    report.ended_well(5);
}

#[test]
fn two_that_want_one_page_share_its_load() {
    let report = run_paged(3, Manners::Slow, |control, disk| {
        let pager = Arc::new(pager(2));
        let readers = [7, 7, 7].map(|page| {
            let pager = pager.clone();
            spawn(move || number(&pager, page))
        });
        // One vcore: all have asked when this goes on.
        yield_now();
        let entry = pager.with_map(|map| map.entry(7).unwrap());
        assert_eq!(entry.using, Use::Loading);
        control.order(Command::Release(7));
        for reader in readers {
            assert_eq!(reader.join(), Ok(7));
        }
        assert_eq!(disk.served(), [Read(7..8)]);
        // One that is loaded for nobody is waited for too.
        let loader = {
            let pager = pager.clone();
            spawn(move || pager.load(8..9))
        };
        yield_now();
        let read = Arc::new(AtomicBool::new(false));
        let reader = {
            let (pager, read) = (pager.clone(), read.clone());
            spawn(move || {
                number(&pager, 8).unwrap();
                read.store(true, Ordering::SeqCst);
            })
        };
        yield_now();
        control.order(Command::Release(8));
        assert_eq!(loader.join(), Ok(()));
        yield_now();
        assert!(read.load(Ordering::SeqCst), "it was not woken");
        reader.join();
        assert_eq!(disk.served(), [Read(8..9)]);
    });
    report.ended_well(3);
}

#[test]
fn a_page_that_is_evicted_is_waited_for() {
    let report = run_paged(3, Manners::Slow, |control, disk| {
        let pager = Arc::new(pager(1));
        let writer = {
            let pager = pager.clone();
            spawn(move || set(&pager, 3, 300))
        };
        yield_now();
        control.order(Command::ReleaseAll);
        writer.join().unwrap();
        let evicting = {
            let pager = pager.clone();
            spawn(move || number(&pager, 5))
        };
        yield_now();
        let entry = pager.with_map(|map| map.entry(3).unwrap());
        assert_eq!((entry.using, entry.dirty), (Use::Writing, true));
        let reader = {
            let pager = pager.clone();
            spawn(move || number(&pager, 3))
        };
        yield_now();
        assert_eq!(
            disk.served(),
            [Read(3..4)],
            "the old page is not read again"
        );
        for _ in 0..3 {
            control.order(Command::ReleaseAll);
            for _ in 0..10 {
                yield_now();
            }
        }
        assert_eq!((evicting.join(), reader.join()), (Ok(5), Ok(300)));
        assert_eq!(disk.served(), [Write(3..4), Read(5..6), Read(3..4)]);
    });
    report.ended_well(3);
}

#[test]
fn pages_that_follow_each_other_travel_with_one_call() {
    let report = run_paged(14, Manners::Honest, |_, disk| {
        let pager = pager(14);
        number(&pager, 11).unwrap();
        disk.served();
        pager.load(2..14).unwrap();
        assert_eq!(disk.served(), [Read(2..10), Read(10..11), Read(12..14)]);
        pager.load(2..14).unwrap();
        assert_eq!(disk.served(), []);
        for page in 2..14 {
            assert_eq!(number(&pager, page), Ok(page));
        }
        for page in [2, 3, 4, 9, 10] {
            set(&pager, page, 100 + page).unwrap();
        }
        pager.flush().unwrap();
        assert_eq!(disk.served(), [Write(2..5), Write(9..11), Flush]);
        pager.evict(3).unwrap();
        set(&pager, 4, 500).unwrap();
        pager.evict(4).unwrap();
        pager.evict(4).unwrap();
        assert_eq!(disk.served(), [Write(4..5)]);
        assert_eq!((number(&pager, 3), number(&pager, 4)), (Ok(103), Ok(500)));
        assert_eq!(disk.served(), [Read(3..4), Read(4..5)]);
        let counters = Counters {
            loads: 14,
            evictions: 2,
            writes: 6,
        };
        assert_eq!(pager.with_map(|map| map.counters()), counters);
    });
    report.ended_well(14);
}

#[test]
fn a_flush_that_waits_for_a_page_keeps_no_other_one() {
    let report = run_paged(2, Manners::Honest, |_, _| {
        let pager = Arc::new(pager(2));
        set(&pager, 1, 10).unwrap();
        set(&pager, 2, 20).unwrap();
        let using = {
            let pager = pager.clone();
            spawn(move || {
                let two = pager.page_mut(2).unwrap();
                yield_now();
                let one = number(&pager, 1);
                drop(two);
                one
            })
        };
        yield_now();
        pager.flush().unwrap();
        assert_eq!(using.join(), Ok(10));
    });
    report.ended_well(2);
}

#[test]
fn more_pages_than_frames_are_loaded_and_dirty_ones_written_for_them() {
    let report = run_paged(4, Manners::Honest, |_, disk| {
        let pager = pager(4);
        set(&pager, 0, 1000).unwrap();
        pager.load(1..PAGES).unwrap();
        assert!(disk.served().contains(&Write(0..1)));
        assert_eq!(number(&pager, 0), Ok(1000));
    });
    report.ended_well(4);
}

#[test]
fn what_cannot_be_done_is_said() {
    let report = run_paged(4, Manners::Honest, |_, disk| {
        let free = |frames| {
            let refused = Pager::new(partition(), frames, Lru::default());
            refused.err()
        };
        assert_eq!(free(5), Some(PagerError::Frames { free: 4 }));
        assert_eq!(free(0), Some(PagerError::Frames { free: 4 }));
        let pager = pager(2);
        let beyond = PagerError::Refused(Refusal::Beyond { pages: PAGES });
        assert_eq!(number(&pager, PAGES), Err(beyond));
        assert_eq!(pager.load(PAGES - 1..u64::MAX), Err(beyond));
        let pinned = [1, 2].map(|page| pager.page(page).unwrap());
        let all_pinned = PagerError::Refused(Refusal::AllPinned);
        assert_eq!(number(&pager, 3), Err(all_pinned));
        assert_eq!(pager.load(3..4), Err(all_pinned));
        assert_eq!(pager.evict(1), Err(PagerError::Refused(Refusal::Pinned)));
        drop(pinned);
        assert_eq!(number(&pager, 3), Ok(3));
        disk.state().read_only = true;
        pager.reopen(partition()).unwrap();
        assert_eq!(set(&pager, 3, 9), Err(PagerError::ReadOnly));
        disk.state().blocks.truncate(5);
        let smaller = pager.reopen(partition());
        assert_eq!(smaller, Err(PagerError::Smaller { pages: 5 }));
    });
    report.ended_well(4);
}

/// Uthreads of several vcores count on pages of which a few are in memory at a time, with any hints.
#[test]
fn uthreads_that_share_a_pager_lose_no_count() {
    const COUNTERS: u64 = 6;
    const COUNTS: u64 = 200;
    const HINTS: [Hint; 4] = [Hint::Normal, Hint::Keep, Hint::Streaming, Hint::NoReuse];
    let disk = Disk::new(PAGES);
    let own = disk.clone();
    let report = run_with(Setup::of_partition(3, 6, &disk), move |_| {
        become_mcp().wait().unwrap();
        assert_eq!(request_vcores(3).wait(), Ok(3));
        let pager = Arc::new(pager(4));
        let counting = |counter: u64| {
            let pager = pager.clone();
            move || {
                let mut place = counter + 1;
                for count in 0..COUNTS {
                    place = place.wrapping_mul(6364136223846793005).wrapping_add(1);
                    let page = (place >> 33) % PAGES;
                    let hint = HINTS[(place >> 50) as usize % HINTS.len()];
                    while !counted(&pager, page, hint) {
                        yield_now();
                    }
                    match count % 50 {
                        7 => pager.flush().unwrap(),
                        20 => drop(pager.load_with(page..PAGES.min(page + 3), hint)),
                        30 => drop(pager.evict(page)),
                        40 => pager.set_hint(page, hint),
                        _ => {}
                    }
                }
            }
        };
        let uthreads: Vec<_> = (0..COUNTERS).map(|it| spawn(counting(it))).collect();
        uthreads.into_iter().for_each(|uthread| uthread.join());
        pager.flush().unwrap();
        let counters = pager.with_map(|map| map.counters());
        assert!(counters.evictions > COUNTS && counters.writes > COUNTS);
        let grown = |page: u64| first_word(&own.state().stable[page as usize]) - page;
        assert_eq!((0..PAGES).map(grown).sum::<u64>(), COUNTERS * COUNTS);
    });
    report.ended_well(6);
}

/// Counts on a page; `false` where all frames are in use.
fn counted(pager: &LruPager, page: u64, hint: Hint) -> bool {
    let mut page = match pager.page_mut_with(page, hint) {
        Ok(page) => page,
        Err(error) => {
            assert_eq!(error, PagerError::Refused(Refusal::AllPinned));
            return false;
        }
    };
    let word = first_word(page.bytes());
    yield_now();
    page.bytes_mut()[..8].copy_from_slice(&(word + 1).to_le_bytes());
    true
}

/// A program's own policy: it reads its pages in a loop, so it keeps the first ones, and has the others pass through one frame.
struct KeepFirst;

impl Policy for KeepFirst {
    fn loaded(&mut self, _: u64) {}
    fn touched(&mut self, _: u64) {}
    fn evicted(&mut self, _: u64) {}
    fn victim(&mut self, _: u64, candidates: &Candidates<'_>) -> Option<u64> {
        candidates.iter().max()
    }
}

#[test]
fn a_policy_that_knows_its_program_loads_less_than_lru() {
    const ROUNDS: u64 = 10;
    const LOOP: u64 = 12;
    const FRAMES: usize = 8;
    fn loads<P: Policy>(disk: &Disk, policy: P) -> u64 {
        let pager = Pager::new(partition(), FRAMES, policy).unwrap();
        disk.served();
        for page in (0..ROUNDS).flat_map(|_| 0..LOOP) {
            assert_eq!(number(&pager, page), Ok(page));
        }
        let loads = pager.with_map(|map| map.counters().loads);
        assert_eq!(disk.served().len() as u64, loads, "each one is a call");
        loads
    }
    let report = run_paged(9, Manners::Honest, |_, disk| {
        assert_eq!(
            loads(disk, Lru::default()),
            ROUNDS * LOOP,
            "always the next page is gone"
        );
        // All but one frame keep their page after the first round.
        let passing = LOOP - (FRAMES as u64 - 1);
        assert_eq!(loads(disk, KeepFirst), LOOP + (ROUNDS - 1) * passing);
    });
    report.ended_well(9);
}
