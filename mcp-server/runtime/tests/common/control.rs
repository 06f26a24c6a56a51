//! How a test has its server and its services do something.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::host::{Clock, Host};

/// What a test wants of the thread that plays the server and the services.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    /// Answers what is held back of this offset, or this block of a partition.
    Release(u64),
    /// Answers all that is held back.
    ReleaseAll,
    /// The service of a port dies.
    Kill(usize),
    /// The service of a port breaks its ring to vcore 0.
    Corrupt(usize),
    /// It comes back.
    Revive(usize),
    /// The service of a port notices that the process is in another life.
    Meet(usize),
    /// Every alarm rings, whatever its time is.
    RingAlarms,
    /// The server dies, and is to be started again.
    StopServer,
    /// The server dies, before its next life attached where it is dead, and stays down.
    KillServer,
    /// The server dies and comes back at once.
    RestartServer,
}

/// A test's means to have things happen.
pub struct Control {
    pub host: &'static Host,
    commands: Mutex<Vec<Command>>,
    given: AtomicUsize,
    done: AtomicUsize,
}

impl Control {
    pub fn new(host: &'static Host) -> Control {
        Control {
            host,
            commands: Mutex::default(),
            given: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        }
    }

    /// Has a command done, and waits for that.
    pub fn order(&self, command: Command) {
        let given = {
            let mut commands = self.commands.lock().unwrap();
            commands.push(command);
            self.given.fetch_add(1, Ordering::SeqCst) + 1
        };
        self.host.server.signal();
        while self.done.load(Ordering::SeqCst) < given {
            std::thread::yield_now();
        }
    }

    /// The next command; the one before is done.
    pub fn next(&self, done: bool) -> Option<Command> {
        if done {
            self.done.fetch_add(1, Ordering::SeqCst);
        }
        let mut commands = self.commands.lock().unwrap();
        (!commands.is_empty()).then(|| commands.remove(0))
    }

    /// Lets so many microseconds pass.
    pub fn advance(&self, microseconds: u64) {
        match &self.host.clock {
            Clock::Manual(now) => now.fetch_add(microseconds, Ordering::SeqCst),
            Clock::Real(_) => panic!("the clock is a real one"),
        };
        self.host.server.signal();
    }
}
