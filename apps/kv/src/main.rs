//! `kv`: a key-value store at port 6379, for `redis-cli`, `redis-benchmark` and other clients of Redis.
//!
//! Where the plan gives it a service `log`, what is stored lasts: see [`persistence`].

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod persistence;

use alloc::vec::Vec;
use core::time::Duration;

use atoll_abi::process::ProcInfo;
use atoll_kv::session::{Budget, Outcome, Session};
use atoll_kv::store::{Settings, Store};
use atoll_runtime::guest::{procinfo, timestamp};
use atoll_runtime::{Network, Status, connect, exit, println, sleep};
use atoll_serve::{Protocol, Server, Step};

use persistence::Journal;

atoll_runtime::entry!(main);

/// Exit statuses.
const NO_NETWORK: u64 = 1;
const NO_JOURNAL: u64 = 2;

/// The port of Redis.
const PORT: u16 = 6379;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Of the heap, keys and values may have one of so many parts, and requests that are not complete another one. The rest is for answers.
const PARTS: u64 = 4;

/// Between two looks for what is lost and may come back.
const PAUSE: Duration = Duration::from_millis(20);

/// Tells the time in milliseconds: since 1970, where the machine knows that.
#[derive(Clone, Copy)]
struct Clock {
    ticks_per_microsecond: u64,
    epoch: u64,
}

impl Clock {
    fn new(facts: &ProcInfo) -> Clock {
        Clock {
            ticks_per_microsecond: facts.ticks_per_microsecond.max(1),
            epoch: facts.epoch,
        }
    }

    fn has_calendar(self) -> bool {
        self.epoch != 0
    }

    fn milliseconds(self) -> u64 {
        (self.epoch + timestamp() / self.ticks_per_microsecond) / 1000
    }
}

/// The store, and its clients.
struct Kv {
    store: Store,
    /// Where what is stored lasts.
    journal: Option<Journal>,
    /// The disk of the journal was lost: the store may have what is not there.
    is_lost: bool,
    budget: Budget,
    clock: Clock,
}

impl Kv {
    /// A store with what its journal has, and what clients have set of the one before. Waits while the disk is away.
    fn open(before: Option<&Store>) -> Kv {
        let facts = procinfo();
        let part = (facts.heap_size / PARTS) as usize;
        let clock = Clock::new(&facts);
        let keeps_changes = persistence::is_planned();
        let mut is_told = false;
        loop {
            let mut store = Store::with(Settings {
                memory: part,
                seed: timestamp(),
                has_calendar: clock.has_calendar(),
                keeps_changes,
                ..Settings::default()
            });
            let journal = match keeps_changes.then(|| Journal::open(&mut store)) {
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
            return Kv {
                store,
                journal,
                is_lost: false,
                budget: Budget::new(part),
                clock,
            };
        }
    }

    /// What is stored lasts, and the program ends.
    fn shut_down(&mut self) -> ! {
        let kept = match &mut self.journal {
            Some(journal) => journal.finish(&mut self.store),
            None => Ok(()),
        };
        if let Err(refusal) = kept {
            println!("the last changes are lost: {refusal:?}");
            exit(NO_JOURNAL)
        }
        println!(r#"result {{"keys":{}}}"#, self.store.len());
        exit(0)
    }
}

impl Protocol for Kv {
    type Peer = Session;

    fn begin(&mut self) -> Session {
        Session::default()
    }

    fn end(&mut self, peer: Session) {
        peer.end(&mut self.store, &mut self.budget);
    }

    fn received(&mut self, peer: &mut Session, bytes: &[u8]) {
        self.store.set_time(self.clock.milliseconds());
        peer.received(&mut self.budget, bytes);
    }

    fn step(&mut self, peer: &mut Session, answer: &mut Vec<u8>) -> Step {
        match peer.step(&mut self.store, &mut self.budget, answer) {
            Outcome::Answered => Step::More,
            Outcome::Needs => Step::Needs,
            Outcome::Ends => Step::Close,
            Outcome::Stops => self.shut_down(),
        }
    }

    fn settle(&mut self) -> Result<(), Status> {
        // Requests are also answered that came long before: time goes on for these too.
        self.store.set_time(self.clock.milliseconds());
        let Some(journal) = &mut self.journal else {
            return Ok(());
        };
        journal.keep(&mut self.store).map_err(|refusal| {
            println!("the journal is lost: {refusal:?}");
            self.is_lost = true;
            Status::DeviceError
        })
    }
}

fn main() {
    let network = match connect("net").wait() {
        Ok(service) => service.network(),
        Err(status) => {
            println!("cannot use the service `net`: {status:?}; the plan must give it");
            exit(NO_NETWORK)
        }
    };
    let mut before = None;
    loop {
        let mut kv = Kv::open(before.as_ref());
        while !kv.is_lost {
            if let Err(status) = serve(network, &mut kv) {
                println!("serving has ended: {status:?}; it begins anew");
                let _ = sleep(PAUSE).wait();
            }
        }
        // Before the log is opened again.
        kv.journal = None;
        before = Some(kv.store);
    }
}

/// Serves until the network or the journal is lost.
fn serve(network: Network, kv: &mut Kv) -> Result<(), Status> {
    let address = network.address().wait()?;
    let [a, b, c, d] = address.address;
    let mut server = Server::new(network, PORT, BACKLOG, kv)?;
    println!(
        "listening at {a}.{b}.{c}.{d}/{} port {PORT}",
        address.prefix
    );
    server.run()
}
