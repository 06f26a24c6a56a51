//! The partition with the copies.

use atoll_relay::copies::{HEADER, Header, PLACE, header_of, places};
use atoll_runtime::splice::Store;
use atoll_runtime::{Block, Monitor, Partition, Status};

/// The places for copies.
pub struct Copies {
    partition: Partition,
    /// The next one that is free.
    next: Monitor<u64>,
}

/// The place of one copy.
#[derive(Clone, Copy)]
pub struct Place {
    partition: Partition,
    number: u64,
}

impl Copies {
    /// The copies on a partition, behind those that an earlier life has made.
    pub fn open(partition: Partition) -> Result<Copies, Status> {
        let mut next = 0;
        for number in 0..places(partition.blocks()) {
            let read = partition.read(header_of(number), Block::acquire().alone());
            let blocks = read.wait()?;
            let header = blocks
                .first()
                .and_then(|block| Header::decode(block.bytes()));
            if header.is_some() {
                // Those before it that have none were begun at the same time, and not noted.
                next = number + 1;
            }
        }
        Ok(Copies {
            partition,
            next: Monitor::new(next),
        })
    }

    /// A place for a copy, where one is free.
    pub fn take(&self) -> Option<Place> {
        let number = self.next.with(|next| {
            let number = *next;
            let is_free = number < places(self.partition.blocks());
            *next += u64::from(is_free);
            is_free.then_some(number)
        })?;
        Some(Place {
            partition: self.partition,
            number,
        })
    }
}

impl Place {
    /// Where the bytes go.
    pub fn store(&self) -> Store {
        Store::blocks(self.partition, header_of(self.number) + 1, PLACE - 1)
    }

    /// Notes what is known of the copy, and has that and the copy be on stable storage.
    pub fn note(&self, header: Header) -> Result<(), Status> {
        let mut block = Block::acquire();
        let bytes = block.bytes_mut();
        bytes.fill(0);
        if let Some(place) = bytes.first_chunk_mut::<HEADER>() {
            *place = header.encode();
        }
        // What the header says must not be there before the bytes are.
        self.partition.flush().wait()?;
        let written = self.partition.write(header_of(self.number), block.alone());
        written.wait()?;
        self.partition.flush().wait()
    }
}
