//! What a process has logged, as the simulator knows it, and what a replay of its log has to be.

use atoll_abi::syscall::Status;

use crate::simulation::Simulation;

/// Most bytes of filling of a record: some records span blocks.
const MOST_FILLING: u64 = 3000;

/// Kinds of record.
const ENTRY: u64 = 1;
const SNAPSHOT: u64 = 2;
/// Words before the filling.
const WORDS: usize = 3;

/// The records of a log. Each has a ticket that no other one of the run has, also not one that took its place when it was lost.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// By index, the tickets of the records that may be in the log.
    entries: Vec<u64>,
    /// Records that have to be in it.
    acknowledged: usize,
    tickets: u64,
    /// The log was made.
    pub formatted: bool,
}

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Record {
    Entry { index: u64, ticket: u64 },
    Snapshot { count: u64, digest: u64 },
}

fn mix(value: u64, more: u64) -> u64 {
    (value ^ more)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(29)
}

/// The bytes of a record, which its words tell.
fn encode([kind, first, second]: [u64; WORDS]) -> Vec<u8> {
    let seed = mix(mix(kind, first), second);
    let mut bytes: Vec<u8> = [kind, first, second].map(u64::to_le_bytes).concat();
    let filling = 0..(seed >> 7) % MOST_FILLING;
    bytes.extend(filling.map(|place| (mix(seed, place) >> 32) as u8));
    bytes
}

/// The bytes of an entry.
pub fn entry(index: u64, ticket: u64) -> Vec<u8> {
    encode([ENTRY, index, ticket])
}

/// The bytes of a snapshot.
pub fn snapshot([count, digest]: [u64; 2]) -> Vec<u8> {
    encode([SNAPSHOT, count, digest])
}

fn decode(bytes: &[u8]) -> Option<Record> {
    let (words, _) = bytes.as_chunks();
    let words: [u64; WORDS] =
        [0, 1, 2].map(|word| words.get(word).map_or(0, |it| u64::from_le_bytes(*it)));
    let [kind, first, second] = words;
    let record = match kind {
        ENTRY => Record::Entry {
            index: first,
            ticket: second,
        },
        SNAPSHOT => Record::Snapshot {
            count: first,
            digest: second,
        },
        _ => return None,
    };
    (encode(words) == bytes).then_some(record)
}

impl Ledger {
    /// A record is going to be appended: its index and its ticket.
    pub fn append(&mut self) -> [u64; 2] {
        self.tickets += 1;
        self.entries.push(self.tickets);
        [self.entries.len() as u64 - 1, self.tickets]
    }

    /// The last record was refused.
    pub fn refused(&mut self) {
        self.entries.pop();
    }

    /// A record is on stable storage, and so are those before it. Tells how many more records are than before.
    pub fn acknowledge(&mut self, index: u64) -> u64 {
        let before = self.acknowledged;
        self.acknowledged = before.max(index as usize + 1);
        (self.acknowledged - before) as u64
    }

    /// How many records there are, and a number that tells which.
    pub fn snapshot(&self) -> [u64; 2] {
        [self.entries.len() as u64, digest(&self.entries)]
    }

    /// A log was opened, whose replay gave these records: what it lacks is lost for good.
    ///
    /// # Errors
    /// What is wrong with them.
    fn replayed(&mut self, records: &[Vec<u8>]) -> Result<(), String> {
        let mut next = 0;
        for (place, bytes) in records.iter().enumerate() {
            let length = bytes.len();
            let unknown = || {
                format!(
                    "log: record {place} of {} that are replayed was not appended: {length} bytes, behind {next} records of {}",
                    records.len(),
                    self.entries.len()
                )
            };
            match decode(bytes).ok_or_else(unknown)? {
                Record::Snapshot {
                    count,
                    digest: found,
                } if place == 0 => {
                    let before = self.entries.get(..count as usize);
                    if before.map(digest) != Some(found) {
                        return Err(unknown());
                    }
                    next = count as usize;
                }
                Record::Entry { index, ticket } if index == next as u64 => {
                    if self.entries.get(next) != Some(&ticket) {
                        return Err(unknown());
                    }
                    next += 1;
                }
                Record::Entry { index, .. } => {
                    return Err(format!(
                        "log: record {index} is replayed where {next} comes next"
                    ));
                }
                Record::Snapshot { .. } => {
                    return Err(format!("log: a snapshot is replayed as record {place}"));
                }
            }
        }
        if next < self.acknowledged {
            return Err(format!(
                "log: an acknowledged record is lost: {next} are replayed, {} were acknowledged, {} appended",
                self.acknowledged,
                self.entries.len()
            ));
        }
        // One may have been made though the call that made it failed.
        self.formatted = true;
        self.entries.truncate(next);
        self.acknowledged = next;
        Ok(())
    }
}

fn digest(entries: &[u64]) -> u64 {
    entries.iter().fold(0, |sum, ticket| mix(sum, *ticket))
}

impl Simulation {
    /// A process has opened its log, whose replay gave these records.
    pub fn check_replay(&self, records: &[Vec<u8>]) {
        let state = &mut *self.state.borrow_mut();
        state.tally.records_replayed += records.len() as u64;
        if let Err(violation) = state.ledger.replayed(records) {
            state.violate(violation);
        }
    }

    /// A record is on stable storage.
    pub fn acknowledge(&self, index: u64) {
        let state = &mut *self.state.borrow_mut();
        state.tally.records_acknowledged += state.ledger.acknowledge(index);
    }

    /// A call of a process that writes files has failed: something has to be wrong.
    pub fn check_write_failure(&self, status: Status) {
        // A file that was made may be gone with the service that made it.
        let excused = status == Status::NotFound && self.state.borrow().files_died;
        if !excused {
            self.check_log_failure(status);
        }
    }

    /// A call of a process that logs or writes has failed: something has to be wrong.
    pub fn check_log_failure(&self, status: Status) {
        let scenario = self.scenario;
        let died = self.state.borrow().tally.kills > 0;
        let excused = match status {
            Status::DeviceError => scenario.device_fails,
            // A partition that was asked for before its service came back is none any more.
            Status::PeerLost | Status::NoService | Status::BadHandle => died,
            _ => false,
        };
        if !excused {
            self.violate(format!(
                "result: a log ended with {status:?}, for which there is no reason"
            ));
        }
    }
}
