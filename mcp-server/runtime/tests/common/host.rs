//! The world of a process on host threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use atoll_abi::process::ProcInfo;
use atoll_runtime::world::World;

/// A notification: remembers one signal.
#[derive(Default)]
pub struct Notification(Mutex<bool>, Condvar);

impl Notification {
    pub fn signal(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_one();
    }

    /// Waits, but not for long.
    pub fn wait_shortly(&self) {
        let signalled = self.0.lock().unwrap();
        let short = Duration::from_millis(1);
        let waited = self
            .1
            .wait_timeout_while(signalled, short, |signalled| !*signalled);
        *waited.unwrap().0 = false;
    }

    pub fn wait(&self) {
        let signalled = self.0.lock().unwrap();
        *self
            .1
            .wait_while(signalled, |signalled| !*signalled)
            .unwrap() = false;
    }
}

/// What time it is.
pub enum Clock {
    /// Nanoseconds since then.
    Real(Instant),
    /// Microseconds, which pass when a test says so.
    Manual(AtomicU64),
}

pub struct Host {
    pub server: Notification,
    pub vcores: Vec<Notification>,
    pub procinfo: Mutex<ProcInfo>,
    pub clock: Clock,
    /// How often each vcore has blocked.
    pub blocked: Vec<AtomicU64>,
    /// Status with which the process ended when its server was gone.
    pub ended_alone: Mutex<Option<u64>>,
}

impl Host {
    /// The server's time.
    pub fn nanoseconds(&self) -> u64 {
        self.ticks() * 1000 / self.ticks_per_microsecond()
    }
}

impl World for Host {
    fn ring_server(&self) {
        self.server.signal();
    }

    fn ring_port(&self, _port: usize, _vcore: usize) {
        // One thread plays all of them.
        self.server.signal();
    }

    fn wake_vcore(&self, vcore: usize) {
        self.vcores[vcore].signal();
    }

    fn wait(&self, vcore: usize) {
        self.blocked[vcore].fetch_add(1, Ordering::SeqCst);
        self.vcores[vcore].wait();
    }

    fn ticks(&self) -> u64 {
        match &self.clock {
            Clock::Real(begin) => begin.elapsed().as_nanos() as u64,
            Clock::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    fn ticks_per_microsecond(&self) -> u64 {
        match self.clock {
            Clock::Real(_) => 1000,
            Clock::Manual(_) => 1,
        }
    }

    fn procinfo(&self) -> ProcInfo {
        *self.procinfo.lock().unwrap()
    }

    fn exit_without_server(&self, _vcore: usize, status: u64) {
        *self.ended_alone.lock().unwrap() = Some(status);
    }
}
