//! Headers of received frames, in the pool of the service that has the device.

#![allow(unsafe_code)]

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::SERVICE_POOL;
use atoll_abi::plan::Plan;
use atoll_virtio_net::{HEADER_SIZE, Headers};

const WORD: usize = size_of::<u32>();
const _: () = assert!(HEADER_SIZE.is_multiple_of(WORD) && SERVICE_POOL.is_multiple_of(BLOCK_SIZE));

/// The own pool of the first service of the device, which the root task has mapped in the driver.
#[derive(Debug)]
pub struct ServicePool {
    blocks: usize,
}

impl ServicePool {
    /// That of the device of the driver that runs.
    pub fn of_device(plan: &Plan, device: usize) -> ServicePool {
        let service = plan.services_of_device(device).next();
        let pool = service.and_then(|(_, service)| plan.pools().get(service.pool as usize));
        ServicePool {
            blocks: pool.map_or(0, |pool| pool.blocks as usize),
        }
    }
}

impl Headers for ServicePool {
    /// # Panics
    /// Where the pool has no such block. None is posted that was not looked up in the pool before.
    fn read(&self, buffer: u32) -> [u8; HEADER_SIZE] {
        let block = buffer as usize;
        assert!(block < self.blocks, "the pool has no block {block}");
        let header = (SERVICE_POOL + block * BLOCK_SIZE) as *const u32;
        let mut bytes = [0; HEADER_SIZE];
        for (number, word) in bytes.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
            // SAFETY: the root task mapped the pool there before it started the program, readable, and leaves it; the block is in
            // the pool and the word in the block, aligned. It is never borrowed. Volatile, because the device or the service may
            // write it meanwhile: any value is a word, and is read once.
            *word = unsafe { header.add(number).read_volatile() }.to_le_bytes();
        }
        bytes
    }
}
