//! Listing folders.
#![deny(unsafe_code)]

use atoll_abi::file::{Kind, ListHeader, entries};
use atoll_abi::syscall::Status;
use zerocopy::FromBytes;

use crate::block::Block;
use crate::files::File;

/// A part of a folder's entries, in a block, and where the next part begins.
#[derive(Debug)]
pub struct Listing {
    block: Block,
    header: ListHeader,
}

impl Listing {
    /// What a service wrote to a block.
    fn of(block: Block) -> Result<Listing, Status> {
        let header = ListHeader::read_from_prefix(block.bytes());
        let (header, _) = header.map_err(|_| Status::Malformed)?;
        Ok(Listing { block, header })
    }

    /// The entries: their names, and what they are as far as the folder says it.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], Kind)> {
        let bytes = self.block.bytes();
        let listed = bytes.get(size_of::<ListHeader>()..).unwrap_or_default();
        entries(listed)
            .take(self.header.entries as usize)
            .map(|entry| {
                let kind = Kind::from_raw(entry.kind).unwrap_or(Kind::Unknown);
                (entry.name, kind)
            })
    }
}

/// Lists a folder: a part at a time, each with the block that the part before came in. `each` is given every part.
///
/// # Errors
/// How a call failed, or what `each` says. A folder that changes meanwhile may be [`Status::InvalidArgument`]: then it is to be
/// listed again.
///
/// # Panics
/// Where the caller is not a uthread.
pub fn list(
    folder: &File,
    mut each: impl FnMut(&Listing) -> Result<(), Status>,
) -> Result<(), Status> {
    let mut next = [0; 2];
    let mut block = Block::acquire();
    loop {
        let read = folder.list(next, block).wait();
        let listing = Listing::of(read.map_err(|error| error.status)?)?;
        if listing.entries().count() != listing.header.entries as usize {
            return Err(Status::Malformed);
        }
        each(&listing)?;
        // A listing that says nothing is the last one, whatever it says of the next.
        if listing.header.entries == 0 {
            return Ok(());
        }
        if listing.header.next == next {
            return Err(Status::Malformed);
        }
        next = listing.header.next;
        block = listing.block;
    }
}
