//! The writer: what is written when, and what is stable.

mod compaction;
mod status;

use alloc::vec;
use alloc::vec::Vec;

use crate::error::{DeviceFailed, Fault, Refusal};
use crate::format::{BLOCK, Epoch, HEADER_BLOCKS, Header};
use crate::group::{Action, ActionId, Group, Progress};
use crate::stream::{Run, Stream};
use compaction::{Compaction, Stage};
pub use status::Position;

/// What a group is for.
#[derive(Clone, Copy)]
enum Purpose {
    /// The first flush of a life, which makes stable what was replayed.
    Barrier,
    /// The header with this life's epoch.
    Open,
    /// Records.
    Records {
        /// The last record that was appended when the group began; where the group ends with a flush, it wrote it.
        position: Position,
        /// Where all that was appended is then stable in the area of the compaction of this epoch too: where that area ends.
        covers: Option<(Epoch, u64)>,
    },
    /// The header that commits a compaction.
    Commit(Header),
}

/// How far the life has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    Barrier,
    Header,
    Open,
}

/// Appends records. Records are gathered in memory; [`Writer::sync`] and [`Writer::write_out`] ask for them to be written, and
/// [`Writer::next_action`] gives what the device has to do. What is asked for while a group is under way is done in the next one,
/// so that one flush serves all that was appended meanwhile.
///
/// A policy is a matter of when these two are called: `always` calls `sync` behind each batch of records and answers when
/// [`Writer::durable`] has reached them; `everysec` calls `write_out` behind each batch and `sync` each second; `no` calls
/// `write_out` only.
pub struct Writer {
    /// The header that counts; before the life is open, the one that is to count.
    header: Header,
    /// The place of the header on the disk that counts.
    place: u64,
    opening: Opening,
    main: Stream,
    compaction: Option<Compaction>,
    /// The last epoch that was given out.
    epoch: Epoch,
    group: Option<(Group, Purpose)>,
    /// The next name of an action.
    name: u64,
    appended: Position,
    durable: Position,
    write_wanted: bool,
    sync_wanted: bool,
    failed: Option<Fault>,
}

impl Writer {
    /// The writer of a new life, whose header is `header`; the one on the disk is at `place`. The log ends behind `tail`, which
    /// begins at the offset `start`.
    pub(crate) fn open(header: Header, place: u64, start: u64, tail: Vec<u8>) -> Writer {
        Writer {
            main: Stream::new(&header, header.area, header.epoch, start, tail),
            epoch: header.epoch,
            header,
            place,
            opening: Opening::Barrier,
            compaction: None,
            group: None,
            name: 0,
            appended: Position::START,
            durable: Position::START,
            write_wanted: false,
            sync_wanted: false,
            failed: None,
        }
    }

    /// Appends a record to what is gathered. It is stable when [`Writer::durable`] has reached the position that this gives.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::Full`], [`Refusal::Failed`].
    pub fn append(&mut self, payload: &[u8]) -> Result<Position, Refusal> {
        self.check()?;
        self.main.admits(payload)?;
        if let Some(compaction) = &mut self.compaction {
            compaction.append(payload)?;
        }
        self.main.append(payload);
        self.appended = self.appended.next();
        Ok(self.appended)
    }

    /// Asks for all that was appended to be written and made stable.
    pub fn sync(&mut self) {
        let under_way = match &self.group {
            Some((group, Purpose::Records { position, .. })) if group.ends_with_flush() => {
                *position
            }
            _ => self.durable,
        };
        self.sync_wanted |= under_way < self.appended;
    }

    /// Asks for all that was appended to be written. It survives the end of this program then, and not a power cut.
    pub fn write_out(&mut self) {
        self.write_wanted |= self.main.untaken() > 0;
    }

    /// What the device has to do next; `None` where something has to complete first, or nothing is wanted. All actions that it gives before
    /// it gives `None` may be in flight at once. The first ones of a life open it, whether or not anything is appended.
    pub fn next_action(&mut self) -> Option<Action> {
        if self.failed.is_some() {
            return None;
        }
        if self.group.is_none() {
            let (runs, flush, purpose) = self.begin()?;
            let group = Group::new(runs, flush, self.name);
            self.name = group.names_end();
            self.group = Some((group, purpose));
        }
        self.group.as_mut().and_then(|(group, _)| group.next())
    }

    /// The blocks that a write writes, until it has completed; `None` where nothing in the device's hand has this name.
    pub fn contents(&self, id: ActionId) -> Option<&[u8]> {
        self.group
            .as_ref()
            .and_then(|(group, _)| group.contents(id))
    }

    /// Copies one of the blocks that a write writes; `false` where there is no such block.
    pub fn fill(&self, id: ActionId, index: u32, block: &mut [u8; BLOCK]) -> bool {
        let mut blocks = self.contents(id).unwrap_or_default().chunks_exact(BLOCK);
        match blocks.nth(index as usize) {
            Some(contents) => {
                block.copy_from_slice(contents);
                true
            }
            None => false,
        }
    }

    /// An action has completed. One whose name the device does not have changes nothing.
    ///
    /// An error ends the writer: what was not durable may be on the disk or not, and nothing more is written.
    pub fn completed(&mut self, id: ActionId, result: Result<(), DeviceFailed>) {
        let Some((group, purpose)) = &mut self.group else {
            return;
        };
        if self.failed.is_some() {
            return;
        }
        if result.is_err() {
            self.failed = group.is_flush(id).map(|flush| match flush {
                true => Fault::Flush,
                false => Fault::Write,
            });
            return;
        }
        let purpose = *purpose;
        match group.complete(id) {
            Progress::Done => {
                let flushed = group.ends_with_flush();
                self.group = None;
                self.end(purpose, flushed);
            }
            Progress::Written if cfg!(feature = "planted-acknowledged-before-flush") => {
                if let Purpose::Records { position, .. } = purpose {
                    self.durable = position;
                }
            }
            Progress::Written | Progress::Going | Progress::Unknown => {}
        }
    }

    /// What the next group writes, whether it flushes, and what it is for.
    fn begin(&mut self) -> Option<(Vec<Run>, bool, Purpose)> {
        match self.opening {
            Opening::Barrier => return Some((Vec::new(), true, Purpose::Barrier)),
            Opening::Header => {
                return Some((vec![self.header_run(&self.header)], true, Purpose::Open));
            }
            Opening::Open => {}
        }
        if let Some(header) = self.begin_commit() {
            // Alone: nothing is acknowledged until it is known which area counts.
            return Some((
                vec![self.header_run(&header)],
                true,
                Purpose::Commit(header),
            ));
        }
        let joining = self.stage() == Some(Stage::Joining);
        let mut runs = Vec::new();
        if self.write_wanted || self.sync_wanted || joining {
            runs.extend(self.main.take(usize::MAX, false));
            self.write_wanted = false;
        }
        let mut covers = None;
        if let Some(compaction) = &mut self.compaction {
            runs.extend(compaction.take());
            covers = compaction.covers();
        }
        let flush = self.sync_wanted || covers.is_some();
        if runs.is_empty() && !flush {
            return None;
        }
        self.sync_wanted = false;
        let position = self.appended;
        Some((runs, flush, Purpose::Records { position, covers }))
    }

    /// A group is at its end.
    fn end(&mut self, purpose: Purpose, flushed: bool) {
        match purpose {
            Purpose::Barrier => self.opening = Opening::Header,
            Purpose::Open => {
                self.place = self.other_place();
                self.opening = Opening::Open;
            }
            Purpose::Records { position, covers } => {
                if flushed {
                    self.durable = position;
                }
                self.covered(covers);
            }
            Purpose::Commit(header) => self.committed(header),
        }
    }

    /// The place of the header that is written next: the one that does not count.
    fn other_place(&self) -> u64 {
        (self.place + 1) % HEADER_BLOCKS
    }

    fn header_run(&self, header: &Header) -> Run {
        let mut bytes = vec![0; BLOCK];
        if let Some(block) = bytes.first_chunk_mut() {
            header.encode(block);
        }
        Run {
            first_block: self.other_place(),
            bytes,
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        self.failed
            .map_or(Ok(()), |fault| Err(Refusal::Failed(fault)))
    }
}
