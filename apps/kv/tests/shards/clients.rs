//! Clients on threads of their own, and a journal of what they do.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use atoll_kv::journal::{Cutter, Replay, snapshot};
use atoll_kv::session::{Budget, Session};
use atoll_kv::store::{Settings, Store};

use super::support::{Answer, BUDGET, content, read_all, request, send};

/// Shards of the store.
pub const SHARDS: usize = 5;

/// Threads that change something.
pub const WRITERS: usize = 3;

/// Rounds of each.
pub const ROUNDS: usize = 1000;

/// A store of so much memory.
pub fn store(memory: usize) -> Store {
    let store = Store::with(Settings {
        memory,
        shards: SHARDS,
        has_calendar: true,
        keeps_changes: true,
        ..Settings::default()
    });
    store.set_time(1000);
    store
}

/// A client on a thread of its own.
pub struct Client<'s> {
    pub store: &'s Store,
    session: Session,
    budget: &'s Budget,
}

impl<'s> Client<'s> {
    pub fn new(store: &'s Store, budget: &'s Budget) -> Client<'s> {
        Client {
            store,
            session: Session::default(),
            budget,
        }
    }

    pub fn ask(&mut self, words: &[&str]) -> Answer {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let (answer, _) = send(&mut self.session, self.store, self.budget, &request(&words));
        read_all(&answer).unwrap().remove(0)
    }

    pub fn ask_line(&mut self, line: &str) -> Answer {
        self.ask(&line.split(' ').collect::<Vec<_>>())
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        while !self.session.end(self.store, self.budget) {
            thread::yield_now();
        }
    }
}

/// Numbers that differ, the same ones in each run.
pub fn mixed(number: usize) -> usize {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as usize
}

/// A number that was answered.
pub fn integer(answer: &Answer) -> i64 {
    let text = match answer {
        Answer::Bytes(bytes) => std::str::from_utf8(bytes).unwrap(),
        Answer::Line(line) => std::str::from_utf8(line).unwrap().trim_start_matches(':'),
        other => panic!("{other:?}"),
    };
    text.parse().unwrap_or_else(|_| panic!("{answer:?}"))
}

/// What was answered together.
pub fn many(answer: Answer) -> Vec<Answer> {
    match answer {
        Answer::Many(_, all) => all,
        other => panic!("{other:?}"),
    }
}

/// Has writers do their rounds, while another thread reads until they are done, one takes changes into a journal, and one now and then has
/// the store frozen and takes a snapshot. What is in the journal has to make the same store, and so have each snapshot and what came behind it.
/// How often the reader has read.
pub fn run(
    store: &Store,
    write: impl Fn(&mut Client<'_>, usize, usize) + Sync,
    read: impl Fn(&mut Client<'_>) + Sync,
) -> usize {
    let budget = Budget::new(BUDGET);
    let (is_over, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    // Units of the journal, and snapshots: each with how many units were there before.
    let journal = Mutex::new((Vec::new(), Vec::new()));
    let take = || {
        let mut journal = journal.lock().unwrap();
        let unit = store.take_changes();
        journal.0.push(unit);
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (write, budget, take) = (&write, &budget, &take);
                scope.spawn(move || {
                    let mut client = Client::new(store, budget);
                    for round in 0..ROUNDS {
                        write(&mut client, number, round);
                        if round % 7 == 0 {
                            take();
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let mut client = Client::new(store, &budget);
            while !is_over.load(Ordering::Relaxed) {
                read(&mut client);
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let mut journal = journal.lock().unwrap();
                let (frozen, changes) = store.freeze_and_take_changes();
                journal.0.push(changes);
                let units = journal.0.len();
                // Others wait meanwhile, without a lock of the store.
                let snapshot: Vec<Vec<u8>> = snapshot(&frozen).collect();
                journal.1.push((units, snapshot));
                drop((frozen, journal));
                thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        let ends: Vec<_> = writers.into_iter().map(|it| it.join()).collect();
        is_over.store(true, Ordering::Relaxed);
        for end in ends {
            end.unwrap();
        }
    });
    take();
    assert_eq!(budget.used(), 0);
    let (units, snapshots) = journal.into_inner().unwrap();
    let expected = content(store);
    assert_eq!(content(&replayed(&units)), expected, "of the whole journal");
    for (before, snapshot) in &snapshots {
        let records: Vec<_> = snapshot.iter().chain(&units[*before..]).cloned().collect();
        assert_eq!(content(&replayed(&records)), expected, "behind {before}");
    }
    assert!(store.used() <= store.most());
    reads.into_inner()
}

/// A store of another number of shards that has replayed some units.
pub fn replayed(units: &[Vec<u8>]) -> Store {
    let store = Store::with(Settings {
        shards: 2,
        seed: 5,
        has_calendar: true,
        ..Settings::default()
    });
    let mut cutter = Cutter::new(100).unwrap();
    let mut replay = Replay::new();
    for unit in units {
        for record in cutter.records(unit).unwrap() {
            replay.record(&store, &record.to_vec()).unwrap();
        }
    }
    assert_eq!(replay.end().torn, 0);
    store
}
