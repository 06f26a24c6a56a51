//! The thread that is a cluster's server.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use atoll_abi::frame::FrameState;
use atoll_abi::process::ProcessId;
use atoll_core::vcore::VcoreSets;
use atoll_server::{Host, Kernel, WakePassing};

use crate::doorbell::{Notification, WOKEN};
use crate::machine::{FOREVER, GENERATION};
use crate::wiring::{Announcement, Line};

/// What a server does to the world, and the root task for it.
pub struct Events {
    pub began: Instant,
    /// By process and vcore.
    pub vcores: Vec<Vec<Notification>>,
    /// The connections of the cluster's processes.
    pub deaths: Vec<Announcement>,
    /// What the processes printed, with the number of each.
    pub lines: Vec<(usize, String)>,
    /// The processes that ended, with their statuses.
    pub ended: Vec<(usize, u64)>,
}

impl Kernel for Events {
    fn now(&mut self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    // A vcore is a thread of the host: it begins when its test wants it to, and no other thread can stop it.
    fn start_vcore(&mut self, _: ProcessId, _: usize) {}

    fn stop_vcore(&mut self, _: ProcessId, _: usize) {}

    fn wake_vcore(&mut self, process: ProcessId, vcore: usize) {
        self.vcores[usize::from(process.index)][vcore].ring(WOKEN);
    }

    fn publish_vcores(&mut self, _: ProcessId, _: VcoreSets) {}

    fn publish_alarms(&mut self, _: ProcessId, _: u64) {}

    fn publish_many_core(&mut self, _: ProcessId) {}

    fn place_frame(&mut self, _: usize, _: usize) {}

    fn publish_frame(&mut self, _: usize, _: FrameState) {}

    fn print_line(&mut self, process: ProcessId, line: &str) {
        self.lines
            .push((usize::from(process.index), line.to_owned()));
    }

    fn process_ended(&mut self, process: ProcessId, status: u64, _: u32) {
        let index = usize::from(process.index);
        self.ended.push((index, status));
        for death in self.deaths.iter_mut().filter(|it| it.process == index) {
            death.announce();
        }
    }
}

/// A server with everything that its thread needs.
pub struct Server {
    pub host: Host<Line, Events>,
    pub passing: WakePassing,
    pub own: Notification,
    /// By comparator, the server that is interrupted.
    pub comparators: Vec<Notification>,
    /// By number of the connection, the component of the cluster that has a side of it.
    pub sides: Vec<Option<(Notification, u64)>>,
    /// Wake-ups of components that were passed on.
    pub passed: u64,
}

impl Server {
    /// The life of a server: turns while there is work, then arms its rings, looks once more, and blocks. Counts itself as
    /// finished when all its processes are dead, and goes on for those of others until it is all over.
    pub fn serve(mut self, finished: &AtomicUsize, over: &AtomicBool) -> Server {
        for index in 0..self.host.kernel().vcores.len() as u16 {
            let generation = GENERATION;
            self.host.start(ProcessId { index, generation });
        }
        let mut told = false;
        while !over.load(Ordering::SeqCst) {
            if !told && self.host.personality().finished() {
                told = true;
                finished.fetch_add(1, Ordering::SeqCst);
            }
            let mut worked = self.host.turn();
            worked |= self.passing.pass(
                |comparator| self.comparators[comparator as usize].ring(WOKEN),
                |connection| {
                    let (notification, badge) =
                        self.sides[connection].as_ref().expect("a side of it");
                    notification.ring(*badge);
                    self.passed += 1;
                },
            );
            if worked {
                continue;
            }
            if self.host.may_sleep() && !self.passing.pending() {
                let alarm = self.host.personality().next_alarm();
                let now = self.host.kernel().now();
                let left = alarm.map_or(FOREVER, |alarm| {
                    Duration::from_nanos(alarm.saturating_sub(now))
                });
                self.own.wait(left.min(FOREVER));
            }
            self.host.awake();
        }
        self
    }
}
