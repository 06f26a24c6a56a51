//! Pagers whose partition fails, or whose service dies: processes on host threads, over the real rings.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use atoll_runtime::pager::{Lru, Pager, PagerError, Refusal, Store};
use atoll_runtime::{
    BLOCK_SIZE, Blocks, File, Partition, Reply, Runtime, Status, Transfer, Volume, connect, open,
    spawn, with_timeout, yield_now,
};
use common::paged::{LruPager, PAGES, first_word, number, pager, run_paged, set};
use common::partition::Partition as Disk;
use common::partition::Served::{Flush, Write};
use common::{Command, Manners, SERVICES, Setup, run_with};

#[test]
fn a_transfer_that_fails_loses_nothing() {
    let report = run_paged(10, Manners::Honest, |_, disk| {
        let status = Status::DeviceError;
        let pager = pager(9);
        disk.state().bad.extend([3, 6]);
        let failed = PagerError::Load { page: 3, status };
        assert_eq!(number(&pager, 3), Err(failed));
        // Its neighbours come all the same.
        assert_eq!(pager.load(0..8), Err(failed));
        let here: BTreeSet<u64> = pager.with_map(|map| map.entries().map(|it| it.page).collect());
        assert_eq!(here, BTreeSet::from([0, 1, 2, 4, 5, 7]));
        disk.state().bad.clear();
        pager.load(0..9).unwrap();
        for page in 0..9 {
            set(&pager, page, 100 + page).unwrap();
        }
        disk.state().bad.insert(2);
        disk.served();
        let failed = PagerError::Write { page: 2, status };
        assert_eq!(pager.flush(), Err(failed));
        assert!(
            !disk.served().contains(&Flush),
            "it would say what is not so"
        );
        assert_eq!(pager.with_map(|map| map.unwritten()), Ok(vec![2]));
        // It was not used for the longest time when the others are used again.
        for page in [0, 1, 3, 4, 5, 6, 7, 8] {
            assert_eq!(number(&pager, page), Ok(100 + page));
        }
        assert_eq!(number(&pager, 9), Err(failed));
        assert_eq!(pager.evict(2), Err(failed));
        assert_eq!(number(&pager, 2), Ok(102), "it is here, and whole");
        assert_eq!(number(&pager, 9), Ok(9), "another one makes room");
        disk.state().bad.clear();
        pager.flush().unwrap();
        assert_eq!(first_word(&disk.state().stable[2]), 102);
    });
    report.ended_well(10);
}

#[test]
fn a_flush_that_fails_is_made_good_by_the_next_one() {
    let report = run_paged(4, Manners::Honest, |_, disk| {
        let pager = pager(4);
        set(&pager, 1, 100).unwrap();
        pager.flush().unwrap();
        set(&pager, 2, 200).unwrap();
        disk.state().bad_flushes = 1;
        let failed = PagerError::Flush(Status::DeviceError);
        assert_eq!(pager.flush(), Err(failed));
        pager.flush().unwrap();
        let stable = [1, 2].map(|page| first_word(&disk.state().stable[page]));
        assert_eq!(stable, [100, 200]);
        // What has left cannot be written again.
        set(&pager, 3, 300).unwrap();
        pager.evict(3).unwrap();
        disk.state().bad_flushes = 1;
        assert_eq!(pager.flush(), Err(failed));
        let unsure = PagerError::Refused(Refusal::Unsure);
        assert_eq!(pager.flush(), Err(unsure));
        pager.accept_losses();
        pager.flush().unwrap();
        assert_eq!(number(&pager, 3), Ok(3));
    });
    report.ended_well(4);
}

#[test]
fn a_service_that_dies_takes_nothing_that_is_in_memory() {
    let report = run_paged(4, Manners::Slow, |control, disk| {
        let pager = Arc::new(pager(2));
        let working = |page: u64, work: fn(&LruPager, u64) -> Result<(), PagerError>| {
            let pager = pager.clone();
            spawn(move || work(&pager, page))
        };
        let set_it = |pager: &LruPager, page| set(pager, page, 10 * page);
        for page in [1, 2] {
            let setting = working(page, set_it);
            yield_now();
            control.order(Command::ReleaseAll);
            setting.join().unwrap();
        }
        disk.served();
        let evicting = working(5, |pager, page| number(pager, page).map(drop));
        yield_now();
        control.order(Command::Kill(0));
        let status = Status::PeerLost;
        let failed = PagerError::Write { page: 1, status };
        assert_eq!(evicting.join(), Err(failed));
        assert_eq!(pager.with_map(|map| map.unwritten()), Ok(vec![1, 2]));
        assert_eq!((number(&pager, 1), number(&pager, 2)), (Ok(10), Ok(20)));
        assert_eq!(pager.flush(), Err(failed));
        control.order(Command::Revive(0));
        let status = Status::BadHandle;
        assert_eq!(pager.flush(), Err(PagerError::Write { page: 1, status }));
        pager.reopen(reconnected()).unwrap();
        let flushing = working(0, |pager, _| pager.flush());
        yield_now();
        control.order(Command::ReleaseAll);
        flushing.join().unwrap();
        assert_eq!(disk.served(), [Write(1..3), Flush]);
        let stable = [1, 2].map(|page| first_word(&disk.state().stable[page]));
        assert_eq!(stable, [10, 20]);
    });
    report.ended_well(4);
}

#[test]
fn a_flush_that_nobody_was_asked_for_has_not_failed() {
    let report = run_paged(4, Manners::Honest, |control, disk| {
        let pager = pager(2);
        set(&pager, 1, 100).unwrap();
        pager.evict(1).unwrap();
        control.order(Command::Kill(0));
        control.order(Command::Revive(0));
        let _ = reconnected();
        assert_eq!(pager.flush(), Err(PagerError::Flush(Status::BadHandle)));
        pager.reopen(reconnected()).unwrap();
        pager.flush().unwrap();
        assert_eq!(first_word(&disk.state().stable[1]), 100);
    });
    report.ended_well(4);
}

/// The blocks of a file.
#[derive(Clone)]
struct FilePages(File);

impl Store for FilePages {
    fn pages(&self) -> u64 {
        self.0.length().div_ceil(BLOCK_SIZE as u64)
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read(&self, first: u64, into: Blocks) -> Transfer {
        let length = into.len() * BLOCK_SIZE;
        self.0.read_blocks(first * BLOCK_SIZE as u64, length, into)
    }

    fn write(&self, first: u64, from: Blocks) -> Transfer {
        let length = from.len() * BLOCK_SIZE;
        self.0.write(first * BLOCK_SIZE as u64, length, from)
    }

    fn flush(&self) -> Reply<()> {
        Volume::first().sync()
    }
}

#[test]
fn a_page_of_which_the_store_has_only_a_part_is_not_loaded() {
    let setup = Setup::new(1, 2, vec![7; BLOCK_SIZE + 10], Manners::Honest);
    let report = run_with(setup, |_| {
        let store = FilePages(open("input").wait().unwrap());
        let pager = Pager::new(store, 1, Lru::default()).unwrap();
        assert_eq!(pager.page(0).unwrap().bytes(), [7; BLOCK_SIZE]);
        let status = Status::Malformed;
        let torn = PagerError::Load { page: 1, status };
        assert_eq!(pager.page(1).err(), Some(torn));
        assert_eq!(pager.with_map(|map| map.entries().count()), 0);
        assert_eq!(pager.page(0).unwrap().bytes(), [7; BLOCK_SIZE]);
    });
    report.ended_well(2);
}

#[test]
fn a_time_out_of_the_one_who_asks_takes_no_frame() {
    let disk = Disk::new(PAGES);
    let mut setup = Setup::of_partition(1, 2, &disk);
    (setup.manners, setup.manual_clock) = (Manners::Slow, true);
    let report = run_with(setup, |control| {
        let pager = Arc::new(pager(2));
        let reader = {
            let pager = pager.clone();
            spawn(move || with_timeout(Duration::from_micros(5), || number(&pager, 3)))
        };
        yield_now();
        control.advance(10);
        yield_now();
        control.order(Command::ReleaseAll);
        assert_eq!(reader.join(), Ok(3));
    });
    report.ended_well(2);
}

/// The partition of a service that is back. The first call of a vcore may still go to the dead one.
fn reconnected() -> Partition {
    let service = connect(SERVICES[0]).wait().unwrap();
    loop {
        match service.partition().wait() {
            Err(Status::PeerLost) => {}
            partition => return partition.unwrap(),
        }
    }
}

#[test]
fn a_page_that_a_broken_service_has_is_lost_and_the_others_are_not() {
    let report = run_paged(4, Manners::Honest, |_, disk| {
        let pager = pager(2);
        set(&pager, 1, 100).unwrap();
        set(&pager, 2, 200).unwrap();
        disk.state().corrupts = true;
        let status = Status::PeerLost;
        let failed = PagerError::Write { page: 1, status };
        assert_eq!(number(&pager, 3), Err(failed));
        let lost = PagerError::Refused(Refusal::Lost { page: 1 });
        assert_eq!(number(&pager, 1), Err(lost));
        assert_eq!(pager.flush(), Err(lost));
        assert_eq!(number(&pager, 2), Ok(200));
        assert_eq!(Runtime::current().blocks_in_flight(), 1);
        pager.accept_losses();
        assert_eq!(pager.with_map(|map| map.unwritten()), Ok(vec![2]));
    });
    assert_eq!((report.status, report.free_blocks), (0, 3), "{report:?}");
}
