//! Pagers whose uses have hints: processes on host threads, over the real rings.

mod common;

use std::sync::Arc;

use atoll_runtime::pager::{Hint, Use};
use atoll_runtime::{spawn, yield_now};
use common::paged::{LruPager, PAGES, number, number_with, pager, run_paged, set};
use common::partition::Partition as Disk;
use common::partition::Served::{Flush, Read, Write};
use common::{Command, Manners};

const WORKING_SET: [u64; 3] = [2, 8, 12];

/// Reads the working set, and then the whole store, three pages ahead.
fn round(pager: &LruPager, disk: &Disk, hint: Hint) -> u64 {
    disk.served();
    for page in WORKING_SET {
        assert_eq!(number(pager, page), Ok(page));
    }
    let loads = disk.served().len();
    for first in (0..PAGES).step_by(3) {
        let pages = first..PAGES.min(first + 3);
        pager.load_with(pages.clone(), hint).unwrap();
        for page in pages {
            assert_eq!(number_with(pager, page, hint), Ok(page));
        }
    }
    loads as u64
}

#[test]
fn a_pass_over_the_whole_store_leaves_the_working_set_in_memory() {
    let report = run_paged(6, Manners::Honest, |_, disk| {
        let of_pass = PAGES - WORKING_SET.len() as u64;
        for (hint, loads_of_set, loads) in [
            (Hint::Streaming, [3, 0, 0], 3 + 3 * of_pass),
            (Hint::NoReuse, [3, 0, 0], 3 + 3 * of_pass),
            // Of the working set, page 2 alone is still here when the pass comes to it.
            (Hint::Normal, [3, 3, 3], 3 * 3 + 3 * (PAGES - 1)),
        ] {
            let pager = pager(6);
            let rounds = [(); 3].map(|()| round(&pager, disk, hint));
            assert_eq!(rounds, loads_of_set, "{hint:?}");
            let counted = pager.with_map(|map| map.counters().loads);
            assert_eq!(counted, loads, "{hint:?}");
        }
    });
    report.ended_well(6);
}

#[test]
fn pages_stay_and_go_as_their_hints_say() {
    let report = run_paged(3, Manners::Honest, |_, disk| {
        let pager = pager(3);
        let here = || pager.with_map(|map| map.entries().map(|it| it.page).collect::<Vec<_>>());
        let hint_of = |page| pager.with_map(|map| map.entry(page).map(|entry| entry.hint));
        drop(pager.page_with(1, Hint::Keep).unwrap());
        for page in 2..PAGES {
            assert_eq!(number(&pager, page), Ok(page));
        }
        assert_eq!(hint_of(1), Some(Hint::Keep));
        pager.set_hint(1, Hint::NoReuse);
        assert_eq!(hint_of(1), None);
        // A frame is free: nobody makes room.
        assert_eq!(here().len(), 2);
        let first = pager.page_with(3, Hint::NoReuse).unwrap();
        let second = pager.page_with(3, Hint::NoReuse).unwrap();
        drop(first);
        assert_eq!((here().len(), second.bytes()[0]), (3, 3));
        drop(second);
        assert_eq!(hint_of(3), None);
        // One that is written stays until that is on stable storage.
        pager.page_mut_with(5, Hint::NoReuse).unwrap().bytes_mut()[0] = 50;
        assert_eq!(hint_of(5), Some(Hint::NoReuse));
        disk.served();
        disk.state().bad_flushes = 1;
        assert!(pager.flush().is_err());
        pager.flush().unwrap();
        assert_eq!(hint_of(5), None);
        assert_eq!(
            disk.served(),
            [Write(5..6), Flush, Write(5..6), Flush],
            "the hint took nothing away from the second one"
        );
        assert_eq!(disk.state().stable[5][0], 50);
        set(&pager, 5, 5).unwrap();
    });
    report.ended_well(3);
}

#[test]
fn those_who_want_a_page_share_its_load_whatever_the_hint() {
    let report = run_paged(2, Manners::Slow, |control, disk| {
        let pager = Arc::new(pager(2));
        let readers = [7; 4].map(|page| {
            let pager = pager.clone();
            spawn(move || number_with(&pager, page, Hint::NoReuse))
        });
        yield_now();
        let entry = pager.with_map(|map| map.entry(7).unwrap());
        assert_eq!((entry.using, entry.hint), (Use::Loading, Hint::NoReuse));
        // What is loaded again is released too, so that it is counted.
        while Arc::strong_count(&pager) > 1 {
            control.order(Command::ReleaseAll);
            yield_now();
        }
        for reader in readers {
            assert_eq!(reader.join(), Ok(7));
        }
        assert_eq!(disk.served(), [Read(7..8)]);
        assert_eq!(pager.with_map(|map| map.entries().count()), 0);
    });
    report.ended_well(2);
}
