//! What files hold. The service does what changes a file in the order in which it took the calls, and each read in its place
//! among them: so it is known of each read, when it is taken, what it has to give. Writes of whole blocks that go over data are
//! in no order with reads and with one another while they are under way together: then it is not known.

use std::collections::BTreeMap;
use std::ops::Range;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::file::{OpenFlags, Path};
use atoll_abi::interface::{FilesCall, request};
use atoll_abi::syscall::{NO_BLOCK, Syscall};

use super::lent::blocks_of;
use super::{Model, Taken};

/// Bytes up to which a file is followed.
const LONGEST: u64 = 1 << 18;

/// What is expected of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing.
    Anything,
    /// It opens a file of a length.
    Opened(Vec<u8>, u64),
    /// It reads these bytes of a file.
    Bytes(Vec<u8>, Bytes),
    /// It changes a file. What it goes over in no order is a range of it.
    Changed(Vec<u8>, Option<Range<u64>>),
}

/// Bytes of a file; `None` where calls were under way together of which any may have been the last.
pub(super) type Bytes = Vec<Option<u8>>;

/// Makes what lies within a range unknown, of bytes that begin somewhere in their file.
fn unsettle(bytes: &mut Bytes, start: u64, range: &Range<u64>) {
    for (at, byte) in (start..).zip(bytes) {
        if range.contains(&at) {
            *byte = None;
        }
    }
}

/// Files that are followed, by their paths.
#[derive(Default)]
pub(super) struct Contents(BTreeMap<Vec<u8>, Bytes>);

fn known(bytes: &[u8]) -> Bytes {
    bytes.iter().copied().map(Some).collect()
}

impl Contents {
    pub(super) fn new(files: &[(&str, Vec<u8>)]) -> Contents {
        let named = files.iter();
        Contents(
            named
                .map(|(name, it)| (name.as_bytes().into(), known(it)))
                .collect(),
        )
    }

    /// It is not known any more what a file holds, or which one has that name.
    pub(super) fn forget(&mut self, file: &[u8]) {
        self.0.remove(file);
    }

    /// What a file holds, where that is known.
    pub(super) fn get(&self, file: &[u8]) -> Option<&Bytes> {
        self.0.get(file)
    }

    fn change(&mut self, file: &[u8], end: u64, change: impl FnOnce(&mut Bytes)) -> Expected {
        match self.0.get_mut(file) {
            Some(content) if end <= LONGEST => {
                change(content);
                Expected::Changed(file.into(), None)
            }
            _ => {
                self.forget(file);
                Expected::Anything
            }
        }
    }
}

/// A path from the root, without what means nothing.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join(&b'/')
}

/// The path of a call that has it in the message. No client puts the name of a file that is followed into a block.
fn path_of(call: &Syscall, path: &Path) -> Vec<u8> {
    match call.block {
        NO_BLOCK => plain(path.bytes()),
        _ => Vec::new(),
    }
}

impl Model {
    /// A call is served that is not refused: what is expected of it.
    pub(super) fn expect(&mut self, process: usize, call: &Syscall) -> Expected {
        let file = self.file_of(process, call.handle);
        match (FilesCall::decode(call), file) {
            (Ok(FilesCall::Open(open)), _) => self.expect_open(call, &open),
            (Ok(FilesCall::Remove(remove)), _) => {
                self.contents.forget(&path_of(call, &remove.path));
                Expected::Anything
            }
            (Ok(FilesCall::Read(read)), Some(file)) => match self.contents.get(&file) {
                Some(content) => {
                    let length = content.len() as u64;
                    let start = read.offset.min(length);
                    let end = start.saturating_add(read.length).min(length);
                    let mut bytes = content[start as usize..end as usize].to_vec();
                    for range in self.written_over(&file) {
                        unsettle(&mut bytes, start, &range);
                    }
                    Expected::Bytes(file, bytes)
                }
                None => Expected::Anything,
            },
            (Ok(FilesCall::Write(write)), Some(file)) => {
                self.expect_write(process, call, &write, file)
            }
            (Ok(FilesCall::Truncate(truncate)), Some(file)) => {
                let length = truncate.length;
                self.contents
                    .change(&file, length, |it| it.resize(length as usize, Some(0)))
            }
            _ => Expected::Anything,
        }
    }

    fn expect_write(
        &mut self,
        process: usize,
        call: &Syscall,
        write: &request::Write,
        file: Vec<u8>,
    ) -> Expected {
        let (_, blocks) = blocks_of(call);
        let length = write.length as usize;
        let bytes = known(&self.memory.bytes(process as u32, &blocks, length));
        let range = write.offset..write.offset.saturating_add(write.length);
        let before = self.contents.get(&file).map_or(0, |it| it.len() as u64);
        let whole = |at: u64| at.is_multiple_of(BLOCK_SIZE as u64);
        let goes_over = whole(range.start) && whole(range.end) && range.end <= before;
        let others: Vec<Range<u64>> = match goes_over {
            true => self.written_over(&file).collect(),
            false => Vec::new(),
        };
        let expected = self.contents.change(&file, range.end, |content| {
            let (start, end) = (range.start as usize, range.end as usize);
            if length > 0 && content.len() < end {
                content.resize(end, Some(0));
            }
            if length > 0 {
                content[start..end].copy_from_slice(&bytes);
            }
            for other in &others {
                let both = range.start.max(other.start)..range.end.min(other.end);
                unsettle(content, 0, &both);
            }
        });
        match expected {
            Expected::Changed(file, _) if goes_over => {
                self.unsettle_reads(&file, &range);
                Expected::Changed(file, Some(range))
            }
            expected => expected,
        }
    }

    /// Ranges of a file that are being written over.
    fn written_over(&self, file: &[u8]) -> impl Iterator<Item = Range<u64>> {
        self.all_taken()
            .filter_map(move |(_, taken)| match &taken.expected {
                Expected::Changed(it, range) if it == file => range.clone(),
                _ => None,
            })
    }

    /// A range of a file is written over while reads of it are under way.
    fn unsettle_reads(&mut self, file: &[u8], range: &Range<u64>) {
        for taken in self.rings.iter_mut().flat_map(|ring| &mut ring.taken) {
            if let Expected::Bytes(it, bytes) = &mut taken.expected
                && it == file
            {
                unsettle(bytes, taken.call.arguments[0], range);
            }
        }
    }

    fn expect_open(&mut self, call: &Syscall, open: &request::Open) -> Expected {
        let path = path_of(call, &open.path);
        let Some(content) = self.contents.get(&path) else {
            return Expected::Anything;
        };
        if open.flags.contains(OpenFlags::TRUNCATE) {
            self.contents.forget(&path);
            return Expected::Anything;
        }
        let length = content.len() as u64;
        Expected::Opened(path, length)
    }

    /// A call that may have changed something has failed, or its end is not seen.
    pub(super) fn changed_unseen(&mut self, taken: &Taken) {
        if let Expected::Changed(file, _) = &taken.expected {
            self.contents.forget(file);
        }
    }

    /// Whether calls are under way that change a file.
    pub(super) fn is_changing(&self, file: &[u8]) -> bool {
        let changes =
            |taken: &Taken| matches!(&taken.expected, Expected::Changed(it, _) if it == file);
        self.all_taken().any(|(_, taken)| changes(taken))
    }
}
