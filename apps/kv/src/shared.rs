//! What all loops have in common.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use atoll_kv::session::Budget;
use atoll_kv::store::{Settings, Store};
use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::{Status, exit, println, sleep};

use crate::clock::Clock;
use crate::persistence::{self, Journal};
use crate::{NO_JOURNAL, PAUSE};

/// Of the heap, keys and values may have one of so many parts, and requests that are not complete another one. The rest is for answers.
const PARTS: u64 = 4;

/// The store, and what all loops have in common.
pub struct Shared {
    pub store: Store,
    pub budget: Budget,
    pub clock: Clock,
    /// Where what is stored lasts.
    journal: Option<Journal>,
    /// The disk of the journal was lost: the store may have what is not there.
    is_lost: AtomicBool,
    /// A client ends the program.
    ends: AtomicBool,
    /// Commands that each loop has answered.
    answered: Box<[AtomicU64]>,
}

impl Shared {
    /// A store with what its journal has, and what clients have set of the one before, for so many loops. Waits while the disk is away.
    pub fn open(loops: usize, before: Option<&Store>) -> Shared {
        let facts = procinfo();
        let part = (facts.heap_size / PARTS) as usize;
        let clock = Clock::new(&facts);
        let keeps_changes = persistence::is_planned();
        let mut is_told = false;
        loop {
            let store = Store::with(Settings {
                memory: part,
                shards: loops,
                seed: timestamp(),
                has_calendar: clock.has_calendar(),
                keeps_changes,
                ..Settings::default()
            });
            let journal = match keeps_changes.then(|| Journal::open(&store)) {
                None => None,
                Some(Ok((journal, replayed))) => {
                    println!(
                        "{} keys after {} changes of the journal",
                        store.len(),
                        replayed.units
                    );
                    Some(journal)
                }
                Some(Err(why)) if why.may_come() => {
                    if !core::mem::replace(&mut is_told, true) {
                        println!("waiting for the journal: {why}");
                    }
                    let _ = sleep(PAUSE).wait();
                    continue;
                }
                Some(Err(why)) => {
                    println!("cannot open the journal: {why}");
                    exit(NO_JOURNAL)
                }
            };
            if let Some(before) = before {
                store.take_parameters(before);
            }
            return Shared {
                store,
                budget: Budget::new(part),
                clock,
                journal,
                is_lost: AtomicBool::new(false),
                ends: AtomicBool::new(false),
                answered: (0..loops).map(|_| AtomicU64::new(0)).collect(),
            };
        }
    }

    /// How many loops there are.
    pub fn loops(&self) -> usize {
        self.answered.len()
    }

    /// Whether the disk of the journal was lost.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// The store; its journal ends.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// A loop has answered so many commands since it began.
    pub fn note_answered(&self, number: usize, commands: u64) {
        if let Some(answered) = self.answered.get(number) {
            answered.store(commands, Ordering::Relaxed);
        }
    }

    /// Commands that a loop has answered.
    pub fn answered(&self, number: usize) -> u64 {
        let answered = self.answered.get(number);
        answered.map_or(0, |it| it.load(Ordering::Relaxed))
    }

    /// Waits until what was changed lasts as clients want it.
    pub fn settle(&self) -> Result<(), Status> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        journal.keep(&self.store).map_err(|refusal| {
            if !self.is_lost.swap(true, Ordering::Relaxed) {
                println!("the journal is lost: {refusal:?}");
            }
            Status::DeviceError
        })
    }

    /// Waits while somebody has the store frozen.
    pub fn wait_for_shards(&self) {
        match &self.journal {
            Some(journal) => journal.wait_for_shards(),
            // The program ends.
            None => drop(sleep(PAUSE).wait()),
        }
    }

    /// What is stored lasts, and the program ends: no command is executed any more.
    pub fn shut_down(&self) -> ! {
        while self.ends.swap(true, Ordering::Relaxed) {
            // Another loop does it.
            let _ = sleep(PAUSE).wait();
        }
        let frozen = match &self.journal {
            Some(journal) => journal.finish(&self.store),
            None => Ok(self.store.freeze()),
        };
        let keys = match &frozen {
            Ok(frozen) => frozen.len(),
            Err(refusal) => {
                println!("the last changes are lost: {refusal:?}");
                exit(NO_JOURNAL)
            }
        };
        let mut answered = alloc::string::String::new();
        for number in 0..self.loops() {
            let comma = if number == 0 { "" } else { "," };
            let commands = self.answered(number);
            // Writing into memory does not fail.
            let _ = core::fmt::write(&mut answered, format_args!("{comma}{commands}"));
        }
        println!(r#"result {{"keys":{keys},"answered":[{answered}]}}"#);
        exit(0)
    }
}
