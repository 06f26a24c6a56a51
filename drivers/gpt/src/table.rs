//! Which blocks are read, and when the backup table is.

use atoll_abi::name::Name;
use heapless::Vec;

use crate::entries::{Entries, Found};
use crate::header::Header;
use crate::{Damage, Extent, GptError, MOST_ENTRIES, MOST_ENTRY_BYTES};

/// Names that can be looked for at a time.
pub const MOST_NAMES: usize = 16;

/// Bytes of the largest read.
pub const READ_BYTES: u32 = 4096;

/// Reads that are asked for at most: of each of the two tables, one for the header, and those for as many entries as
/// there may be.
pub const MOST_READS: u32 = 2 * (1 + MOST_ENTRIES * MOST_ENTRY_BYTES / READ_BYTES);

/// Blocks of the smallest disk with a partition: the protective MBR, a header at either end, and one for the partition.
const FEWEST_BLOCKS: u64 = 4;

/// Block of the primary header.
const PRIMARY_BLOCK: u64 = 1;

/// The two tables of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableCopy {
    /// The one at the beginning.
    Primary,
    /// The one at the end.
    Backup,
}

/// What a table needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A read of at most [`READ_BYTES`] bytes: then [`Table::feed`], or [`Table::failed`].
    Read {
        /// Its first logical block.
        lba: u64,
        /// Its logical blocks.
        blocks: u32,
    },
    /// Nothing: [`Table::result`] has the outcome.
    Done,
}

/// The partitions that were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    names: Vec<Name, MOST_NAMES>,
    found: Found,
    damage: Option<Damage>,
}

impl Partitions {
    /// Where the partition of a name is; `None` where there is none, or it was not looked for.
    pub fn extent(&self, name: &Name) -> Option<Extent> {
        self.iter()
            .find(|(wanted, _)| wanted == name)
            .and_then(|(_, extent)| extent)
    }

    /// Every name that was looked for, and where its partition is.
    pub fn iter(&self) -> impl Iterator<Item = (Name, Option<Extent>)> {
        self.names.iter().copied().zip(self.found)
    }

    /// The table that this is from.
    pub fn copy(&self) -> TableCopy {
        match self.damage {
            None => TableCopy::Primary,
            Some(_) => TableCopy::Backup,
        }
    }

    /// Why the primary table could not be used, where this is from the backup one.
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header(TableCopy),
    Entries(TableCopy),
    Done,
}

/// The reading of a disk's table.
///
/// ```
/// # use atoll_gpt::{Table, Want};
/// # use atoll_abi::name::Name;
/// # fn read(_: u64, _: u32) -> Option<Vec<u8>> { None }
/// let names = [Name::new("system").unwrap()];
/// let mut table = Table::new(1 << 20, 512, &names)?;
/// while let Want::Read { lba, blocks } = table.wants() {
///     match read(lba, blocks) {
///         Some(bytes) => table.feed(&bytes),
///         None => table.failed(),
///     }
/// }
/// assert!(table.result().is_err());
/// # Ok::<(), atoll_gpt::GptError>(())
/// ```
#[derive(Clone)]
pub struct Table {
    blocks: u64,
    block_size: u32,
    names: Vec<Name, MOST_NAMES>,
    state: State,
    /// Set while they are read.
    entries: Option<Entries>,
    /// Why the primary table cannot be used.
    damage: Option<Damage>,
    result: Result<Found, GptError>,
}

impl Table {
    /// A disk of so many logical blocks of so many bytes, and the names of the partitions that are looked for. Bytes
    /// that are no name are the name of no partition.
    ///
    /// # Errors
    /// Where the block size is neither 512 nor 4096, the disk is too small for a table, or there are too many names.
    pub fn new(blocks: u64, block_size: u32, names: &[Name]) -> Result<Table, GptError> {
        if !matches!(block_size, 512 | READ_BYTES) {
            return Err(GptError::BlockSize(block_size));
        }
        if blocks < FEWEST_BLOCKS {
            return Err(GptError::DiskTooSmall(blocks));
        }
        Ok(Table {
            blocks,
            block_size,
            names: Vec::from_slice(names).map_err(|_| GptError::TooManyNames)?,
            state: State::Header(TableCopy::Primary),
            entries: None,
            damage: None,
            result: Err(GptError::Unfinished),
        })
    }

    /// What to do next; the same until it was done.
    pub fn wants(&self) -> Want {
        match (self.state, &self.entries) {
            (State::Header(copy), _) => Want::Read {
                lba: self.header_block(copy),
                blocks: 1,
            },
            (State::Entries(_), Some(entries)) => {
                let size = u64::from(self.block_size);
                let bytes = entries.left().min(u64::from(READ_BYTES));
                Want::Read {
                    // All reads but the last one are of whole blocks.
                    lba: entries.first_block() + entries.done() / size,
                    blocks: bytes.div_ceil(size) as u32,
                }
            }
            _ => Want::Done,
        }
    }

    /// Takes what was read. Bytes of another number than was wanted count as a read that failed; after the end they are ignored.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Want::Read { blocks, .. } = self.wants() else {
            return;
        };
        if bytes.len() as u64 != u64::from(blocks) * u64::from(self.block_size) {
            return self.failed();
        }
        match self.state {
            State::Header(copy) => {
                match Header::parse(bytes, self.header_block(copy), self.blocks) {
                    Ok(header) => self.read_entries(copy, header),
                    Err(damage) => self.unusable(copy, damage),
                }
            }
            State::Entries(copy) => {
                if let Some(entries) = &mut self.entries {
                    entries.take(bytes, &self.names);
                }
                self.end_entries(copy);
            }
            State::Done => {}
        }
    }

    /// Takes that the device did not read what was wanted.
    pub fn failed(&mut self) {
        match self.state {
            State::Header(copy) | State::Entries(copy) => self.unusable(copy, Damage::Unreadable),
            State::Done => {}
        }
    }

    /// The partitions, once nothing more is wanted.
    ///
    /// # Errors
    /// Why they are not known.
    pub fn result(&self) -> Result<Partitions, GptError> {
        Ok(Partitions {
            names: self.names.clone(),
            found: self.result?,
            damage: self.damage,
        })
    }

    fn header_block(&self, copy: TableCopy) -> u64 {
        match copy {
            TableCopy::Primary => PRIMARY_BLOCK,
            TableCopy::Backup => self.blocks - 1,
        }
    }

    fn read_entries(&mut self, copy: TableCopy, header: Header) {
        self.state = State::Entries(copy);
        self.entries = Some(Entries::new(header));
        self.end_entries(copy);
    }

    /// Goes on where all entries were read.
    fn end_entries(&mut self, copy: TableCopy) {
        let Some(entries) = self.entries.as_ref().filter(|entries| entries.left() == 0) else {
            return;
        };
        match entries.end() {
            Ok(result) => self.end(result),
            Err(damage) => self.unusable(copy, damage),
        }
    }

    fn unusable(&mut self, copy: TableCopy, damage: Damage) {
        match copy {
            TableCopy::Primary => {
                self.damage = Some(damage);
                self.state = State::Header(TableCopy::Backup);
            }
            TableCopy::Backup => {
                let primary = self.damage.unwrap_or(damage);
                self.end(Err(GptError::of(primary, damage)));
            }
        }
    }

    fn end(&mut self, result: Result<Found, GptError>) {
        self.result = result;
        self.state = State::Done;
    }
}
