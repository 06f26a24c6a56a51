//! An application on a log: it counts its records and chains them in one hash, and its snapshot is these two numbers. So the number of
//! records that a replay gives, and the hash, tell whether they are the first ones of what was appended.

use std::collections::VecDeque;

use atoll_log::{Action, ActionId, BLOCK, DeviceFailed, Error, Fault, Position, Refusal, Writer};

use super::disk::Disk;
use super::log::replay;
use super::random::Random;
use super::state::{FILLER, RECORD, State, Tally};

/// A compaction of the application, its snapshot not yet whole.
struct Snapshot {
    state: State,
    fillers: usize,
}

/// An action in the device's hand, and what it writes.
struct InFlight {
    id: ActionId,
    write: Option<(u64, Vec<u8>)>,
}

/// The application, its log and its disk.
pub struct Application {
    pub disk: Disk,
    pub writer: Writer,
    in_flight: VecDeque<InFlight>,
    /// The state after each count of records; those before the first are of no interest.
    history: Vec<State>,
    /// Position of the first record of this life, as a count.
    base: usize,
    /// Records that were acknowledged.
    pub acknowledged: usize,
    snapshot: Option<Snapshot>,
    pub tally: Tally,
}

impl Application {
    pub fn start(disk: Disk) -> Application {
        let writer = replay(&disk, |_| panic!("the log is not empty")).unwrap();
        Application {
            disk,
            writer,
            in_flight: VecDeque::new(),
            history: vec![State::EMPTY],
            base: 0,
            acknowledged: 0,
            snapshot: None,
            tally: Tally::default(),
        }
    }

    pub fn state(&self) -> State {
        *self.history.last().unwrap()
    }

    pub fn append(&mut self, payload: &[u8]) -> Result<Position, Refusal> {
        let mut record = vec![RECORD];
        record.extend(payload);
        let appended = self.writer.append(&record);
        if appended.is_ok() {
            let mut state = self.state();
            state.apply(&record);
            self.history.push(state);
            self.tally.appended += 1;
        }
        appended
    }

    /// Hands the device all that it can have.
    pub fn submit(&mut self) {
        while let Some(action) = self.writer.next_action() {
            let in_flight = match action {
                Action::Write {
                    id,
                    first_block,
                    blocks,
                } => {
                    let mut bytes = Vec::new();
                    for index in 0..blocks {
                        let mut block = [0xee; BLOCK];
                        assert!(self.writer.fill(id, index, &mut block));
                        bytes.extend_from_slice(&block);
                    }
                    assert_eq!(self.writer.contents(id), Some(bytes.as_slice()));
                    InFlight {
                        id,
                        write: Some((first_block, bytes)),
                    }
                }
                Action::Flush { id } => {
                    assert!(self.in_flight.is_empty(), "a flush overtakes its writes");
                    InFlight { id, write: None }
                }
            };
            self.in_flight.push_back(in_flight);
        }
    }

    /// One of the actions in the device's hand completes; `false` where there is none.
    pub fn complete(&mut self, random: &mut Random) -> bool {
        if self.in_flight.is_empty() {
            return false;
        }
        let chosen = random.below(self.in_flight.len());
        let done = self.in_flight.remove(chosen).unwrap();
        match &done.write {
            Some((first_block, bytes)) => self.disk.write(*first_block, bytes, || true),
            None => self.disk.flush(),
        }
        let generation = self.writer.generation();
        self.writer.completed(done.id, Ok(()));
        // Once more: it must not count.
        self.writer.completed(done.id, Ok(()));
        self.tally.commits += (self.writer.generation() - generation) as usize;
        self.note_acknowledged();
        true
    }

    fn note_acknowledged(&mut self) {
        if self.writer.is_open() {
            let durable = self.base + self.writer.durable().records() as usize;
            self.acknowledged = self.acknowledged.max(durable);
        }
    }

    /// All actions in the device's hand, and those that follow, complete.
    pub fn drain(&mut self, random: &mut Random) {
        for _ in 0..100_000 {
            self.submit();
            if !self.complete(random) {
                return;
            }
        }
        panic!("the writer is never at rest");
    }

    /// An action fails: a write lands in part, a flush makes a part stable and drops the rest.
    pub fn fail(&mut self, random: &mut Random) -> Option<Fault> {
        let failed = self.in_flight.pop_front()?;
        let fault = match &failed.write {
            Some((first_block, bytes)) => {
                self.disk.write(*first_block, bytes, || random.percent(50));
                Fault::Write
            }
            None => {
                self.disk.cut(random);
                Fault::Flush
            }
        };
        let durable = self.writer.durable();
        self.writer.completed(failed.id, Err(DeviceFailed));
        assert_eq!(self.writer.failed(), Some(fault));
        assert_eq!(self.writer.append(b"x"), Err(Refusal::Failed(fault)));
        assert_eq!(self.writer.next_action(), None);
        for rest in &self.in_flight {
            self.writer.completed(rest.id, Ok(()));
        }
        assert_eq!(
            self.writer.durable(),
            durable,
            "a failed group is acknowledged"
        );
        assert_eq!(self.writer.next_action(), None);
        self.tally.failures += 1;
        Some(fault)
    }

    /// One step of a compaction; begins one where there is none.
    pub fn compact(&mut self, random: &mut Random) {
        match &mut self.snapshot {
            None if self.writer.is_compacting() => {}
            None => {
                self.writer.compact().unwrap();
                assert_eq!(self.writer.compact(), Err(Refusal::Compacting));
                self.snapshot = Some(Snapshot {
                    state: self.state(),
                    fillers: random.below(10),
                });
            }
            Some(snapshot) if snapshot.fillers > 0 => {
                snapshot.fillers -= 1;
                let longest = self.disk.blocks() as usize * BLOCK / 35;
                let mut filler = vec![random.next() as u8; random.below(longest) + 1];
                filler[0] = FILLER;
                self.writer.snapshot(&filler).unwrap();
            }
            Some(snapshot) => {
                self.writer.snapshot(&snapshot.state.snapshot()).unwrap();
                // Full: it has been given up, and the next step begins another one.
                let joined = self.writer.commit();
                assert!(matches!(joined, Ok(()) | Err(Refusal::Full)), "{joined:?}");
                self.snapshot = None;
            }
        }
    }

    /// Ends a snapshot of the state after so many records, and commits.
    pub fn finish_snapshot(&mut self, count: usize) {
        let state = self.history[count];
        self.writer.snapshot(&state.snapshot()).unwrap();
        self.writer.commit().unwrap();
    }

    pub fn is_taking_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Whether a state is one that the application was in, in this life.
    pub fn was(&self, state: &State) -> bool {
        self.history.get(state.count) == Some(state)
    }

    pub fn abandon(&mut self) {
        self.writer.abandon();
        self.snapshot = None;
    }

    /// Power is lost: what is in flight may land too.
    pub fn cut(&mut self, random: &mut Random) {
        self.lose_in_flight(|| true);
        self.disk.cut(random);
        self.tally.cuts += 1;
        self.tally.cut_compactions += usize::from(self.writer.is_compacting());
    }

    /// The program ends and the disk goes on: what is in flight lands or not, and stays in the cache.
    pub fn crash(&mut self, random: &mut Random) {
        self.lose_in_flight(|| random.percent(50));
        self.tally.crashes += 1;
    }

    pub fn lose_in_flight(&mut self, mut lands: impl FnMut() -> bool) {
        for lost in self.in_flight.drain(..) {
            if let Some((first_block, bytes)) = lost.write {
                self.disk.write(first_block, &bytes, &mut lands);
            }
        }
    }

    /// The next life: replays, and checks what comes back.
    pub fn recover(&mut self) {
        let (writer, state) = match self.replayed() {
            Ok(replayed) => replayed,
            Err(error) => panic!("the log cannot be replayed: {error:?}"),
        };
        let appended = self.history.len() - 1;
        let acknowledged = self.acknowledged;
        assert!(
            state.count >= acknowledged,
            "acknowledged records are lost: {} of {acknowledged} come back",
            state.count
        );
        assert!(
            self.history.get(state.count) == Some(&state),
            "records are replayed that were not appended: {} of {appended}",
            state.count
        );
        self.tally.acknowledged = acknowledged;
        self.tally.kept_unacknowledged += state.count - acknowledged;
        self.tally.dropped += appended - state.count;
        self.history.truncate(state.count + 1);
        self.base = state.count;
        self.writer = writer;
        self.snapshot = None;
    }

    /// What a replay gives now.
    pub fn replayed(&self) -> Result<(Writer, State), Error> {
        let mut state = State::EMPTY;
        let writer = replay(&self.disk, |record| state.apply(record))?;
        Ok((writer, state))
    }

    /// Some blocks cannot be read: the replay gives all that it would give otherwise, or says so.
    pub fn read_with_errors(&mut self, random: &mut Random) {
        // Where it cannot be replayed at all, the recovery tells.
        let Ok((_, whole)) = self.replayed() else {
            return;
        };
        self.disk.unreadable = vec![random.below(self.disk.blocks() as usize) as u64];
        match self.replayed() {
            Ok((_, state)) => {
                assert_eq!(state, whole, "a block that cannot be read ends the log");
            }
            Err(Error::Read { block }) => {
                assert_eq!(self.disk.unreadable, [block]);
                self.tally.read_errors += 1;
            }
            Err(error) => panic!("a read error is taken for something else: {error:?}"),
        }
        self.disk.unreadable.clear();
    }
}
