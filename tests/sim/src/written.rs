//! What a process has done to files of the volume, as the simulator knows it, and what they may hold.

use atoll_abi::block::BLOCK_SIZE;

use crate::raw::RawBlocks;
use crate::simulation::Simulation;

/// Most blocks of a file.
const MOST_BLOCKS: u64 = 3;

/// What a file is that is not there.
pub const ABSENT: u64 = 0;

/// A file that is replaced as a whole, again and again. Each content has a ticket that no other one of the run has.
#[derive(Clone, Debug)]
struct WrittenFile {
    /// What it may be, the oldest first: tickets, or [`ABSENT`].
    states: Vec<u64>,
    /// The one that it has at least: an earlier one was replaced on stable storage.
    synced: usize,
    /// The one that it has now, in a life of the service.
    known: Option<(usize, Life)>,
}

/// A life of the file service: boots of the machine, and lives of the service in this one.
pub type Life = [u32; 2];

/// The files of the process that writes.
#[derive(Clone, Debug, Default)]
pub struct WrittenFiles {
    files: Vec<WrittenFile>,
    tickets: u64,
    boots: u32,
    /// Blocks of files that are written over.
    blocks: RawBlocks,
    /// The life of the service that has answered writes of those.
    blocks_life: Life,
}

/// What was known when a sync was asked for.
pub struct Moment {
    /// Where each file was; `None` where that is not known.
    files: Vec<Option<(usize, Life)>>,
    /// The last writes of blocks that were answered.
    blocks: Vec<u64>,
    life: Life,
}

/// The bytes of the content of a ticket.
pub fn content(ticket: u64) -> Vec<u8> {
    let mixed = ticket.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let length = 8 + (mixed >> 20) % (MOST_BLOCKS * BLOCK_SIZE as u64 - 8);
    let words = 0..length.div_ceil(8);
    let mut bytes: Vec<u8> = words
        .flat_map(|word| match word {
            0 => ticket.to_le_bytes(),
            _ => (mixed ^ word)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
                .to_le_bytes(),
        })
        .collect();
    bytes.truncate(length as usize);
    bytes
}

impl WrittenFiles {
    fn file(&mut self, file: usize) -> &mut WrittenFile {
        let count = self.files.len().max(file + 1);
        self.files.resize_with(count, || WrittenFile {
            states: vec![ABSENT],
            synced: 0,
            known: None,
        });
        &mut self.files[file]
    }

    /// A ticket for a new content.
    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// A file is going to be replaced or removed.
    pub fn begin(&mut self, file: usize, state: u64) {
        let own = self.file(file);
        own.states.push(state);
        own.known = None;
    }

    /// What was begun has been done, in a life of the service.
    fn done(&mut self, file: usize, life: Life) {
        let own = self.file(file);
        own.known = Some((own.states.len() - 1, life));
    }

    /// The service is in a life. What an earlier one has answered it need not have on the disk.
    fn begin_life(&mut self, life: Life) {
        if life != self.blocks_life {
            self.blocks.cut();
            self.blocks_life = life;
        }
    }

    /// A sync is going to be asked for, in a life of the service.
    fn moment(&mut self, life: Life) -> Moment {
        self.begin_life(life);
        Moment {
            files: self.files.iter().map(|file| file.known).collect(),
            blocks: self.blocks.flush(),
            life,
        }
    }

    /// The sync has been done, in a life of the service.
    fn synced(&mut self, moment: &Moment, now: Life) -> u64 {
        let mut more = 0;
        for (file, known) in self.files.iter_mut().zip(&moment.files) {
            if let Some((state, life)) = *known
                && life == now
                && state > file.synced
            {
                more += (state - file.synced) as u64;
                file.synced = state;
            }
        }
        if moment.life == now {
            self.blocks.flushed(&moment.blocks);
        }
        more
    }

    /// A file was looked at: it is this.
    fn looked(&mut self, file: usize, found: u64, life: Life) -> Result<(), String> {
        let own = self.file(file);
        let range = match own.known {
            Some((state, known)) if known == life => state..state + 1,
            _ => own.synced..own.states.len(),
        };
        let place = range
            .clone()
            .rev()
            .find(|place| own.states[*place] == found);
        let Some(place) = place else {
            return Err(format!(
                "files: file {file} is of ticket {found}, where one of {:?} has to be, of which {} is synced",
                &own.states[range], own.states[own.synced]
            ));
        };
        // What came after it is lost for good.
        own.states.truncate(place + 1);
        own.known = Some((place, life));
        Ok(())
    }

    /// The power is cut.
    pub fn cut(&mut self) {
        self.boots += 1;
    }
}

impl Simulation {
    /// The life of the file service.
    fn files_life(&self) -> Life {
        let state = self.state.borrow();
        [state.written.boots, state.services[0].life]
    }

    /// A file was replaced or removed by a call that has been answered, which was made in a life of the service.
    pub fn file_is_done(&self, file: usize, life: Life) {
        // The service that answered may be dead by now, and what it had not synced lost.
        if life == self.files_life() {
            self.state.borrow_mut().written.done(file, life);
        }
    }

    /// The volume was synced.
    pub fn files_are_synced(&self, moment: &Moment) {
        let life = self.files_life();
        let state = &mut *self.state.borrow_mut();
        state.tally.records_acknowledged += state.written.synced(moment, life);
    }

    /// The life of the file service, before a call to it.
    pub fn life_before(&self) -> Life {
        self.files_life()
    }

    /// A sync is going to be asked for.
    pub fn moment(&self) -> Moment {
        let life = self.files_life();
        self.state.borrow_mut().written.moment(life)
    }

    /// A block of a file is going to be written; what tells this write.
    pub fn begin_block(&self, block: u64) -> u64 {
        self.state.borrow_mut().written.blocks.begin(block)
    }

    /// A block was written by a call that has been answered, which was made in a life of the service.
    pub fn block_is_written(&self, block: u64, life: Life) {
        if life == self.files_life() {
            let written = &mut self.state.borrow_mut().written;
            written.begin_life(life);
            written.blocks.answered(block);
        }
    }

    /// A process has read a block of a file that nobody writes meanwhile.
    pub fn check_written(&self, block: u64, bytes: &[u8]) {
        let state = &mut *self.state.borrow_mut();
        state.tally.blocks_checked += 1;
        if let Err(violation) = state.written.blocks.check(block, bytes) {
            state.violate(violation);
        }
    }

    /// A process has read a file: it is of this ticket, as all of its bytes say.
    pub fn check_file(&self, file: usize, found: u64, life: Life) {
        if life != self.files_life() {
            // Read of a service that is dead by now.
            return;
        }
        let state = &mut *self.state.borrow_mut();
        state.tally.reads_checked += 1;
        if let Err(violation) = state.written.looked(file, found, life) {
            state.violate(violation);
        }
    }
}
