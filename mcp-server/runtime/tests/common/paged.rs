//! Processes with a pager of a partition.

use atoll_runtime::pager::{Hint, Lru, Pager, PagerError, Policy};
use atoll_runtime::{Partition, connect};

use super::partition::Partition as Disk;
use super::{Control, Manners, Report, SERVICES, Setup, run_with};

/// Pages of a partition.
pub const PAGES: u64 = 20;

pub type LruPager = Pager<Lru, Partition>;

pub fn partition() -> Partition {
    let service = connect(SERVICES[0]).wait().unwrap();
    service.partition().wait().unwrap()
}

pub fn pager(frames: usize) -> LruPager {
    Pager::new(partition(), frames, Lru::default()).unwrap()
}

/// Runs a process with one vcore and a partition.
pub fn run_paged(
    blocks: u32,
    manners: Manners,
    main: impl FnOnce(&'static Control, &Disk) + Send + 'static,
) -> Report {
    let disk = Disk::new(PAGES);
    let mut setup = Setup::of_partition(1, blocks, &disk);
    setup.manners = manners;
    run_with(setup, move |control| main(control, &disk))
}

pub fn number<P: Policy>(pager: &Pager<P, Partition>, page: u64) -> Result<u64, PagerError> {
    number_with(pager, page, Hint::Normal)
}

pub fn number_with<P: Policy>(
    pager: &Pager<P, Partition>,
    page: u64,
    hint: Hint,
) -> Result<u64, PagerError> {
    let page = pager.page_with(page, hint)?;
    Ok(first_word(page.bytes()))
}

pub fn first_word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

pub fn set(pager: &LruPager, page: u64, word: u64) -> Result<(), PagerError> {
    let mut page = pager.page_mut(page)?;
    page.bytes_mut()[..8].copy_from_slice(&word.to_le_bytes());
    Ok(())
}
