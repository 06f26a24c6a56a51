//! Hostile clients and a hostile driver of a real file service in its real host, over links that are queues. Every call that
//! is taken is answered once, unless its ring is lost; no client reaches a handle or a block of another one; no block is given
//! back while the device may use it; a read gives what the calls before it have made of the file, and those that go over its data at the same time; the service sleeps only when
//! it will be woken; and nothing is left at the end.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::layout::{RING_SLOTS, service_badge};
use atoll_component_tests::disk::disk_of;
use atoll_component_tests::plan::plan;
use atoll_files::FileService;
use atoll_fuzz::files::{Checked, Model, Shared};
use atoll_fuzz::{Script, Seen, target};
use atoll_service::Host;
use atoll_test_support::disk::Disk;
use atoll_test_support::link::FakeLink;
use atoll_test_support::volume::content;

#[path = "files/clients.rs"]
mod clients;
#[path = "files/driver.rs"]
mod driver;

const RUNS: usize = 400;
const BYTES: usize = 4000;

/// Rings: two of process 0, one each of processes 1 and 2.
const RINGS: usize = 4;
const PROCESS_OF: [usize; RINGS] = [0, 0, 1, 2];

const FILES: [(&str, u64); 4] = [
    ("input", 2 * BLOCK_SIZE as u64 + 513),
    ("empty", 0),
    ("other", 1),
    ("long", 9 * BLOCK_SIZE as u64),
];

/// The disk that a run begins with.
static DISK: LazyLock<Disk> = LazyLock::new(|| disk_of(&FILES));

struct Run {
    host: Host<Checked, FakeLink, Shared>,
    model: Rc<RefCell<Model>>,
    disk: Disk,
    memory: Shared,
    own_pool: u32,
    clients: Vec<FakeLink>,
    driver: FakeLink,
    /// Generations of the processes.
    generations: [u32; 3],
    serial: u64,
    /// Clients that had more calls under way than they have credits, or broke their rings: they wait until they ring.
    faulty: [bool; RINGS],
    /// The driver lies.
    liar: bool,
    /// The host waits for its notification.
    asleep: bool,
    /// The bits of its notification.
    badges: u64,
    seen: &'static Seen,
}

impl Run {
    fn start(liar: bool, seen: &'static Seen) -> Run {
        let plan = plan(&[(0, 2), (0, 1), (1, 1)]);
        let (disk, memory) = (DISK.clone(), Shared::default());
        let capacity = (!liar).then_some(disk.capacity());
        let known =
            |(file, (name, length)): (usize, (&'static str, u64))| (name, content(file, length));
        let files: Vec<_> = match liar {
            true => Vec::new(),
            false => FILES.into_iter().enumerate().map(known).collect(),
        };
        let model = Model::new(&plan, memory.clone(), capacity, &files);
        let model = Rc::new(RefCell::new(model));
        let service = Checked {
            service: FileService::new(&plan, 0),
            model: model.clone(),
        };
        let clients: Vec<FakeLink> = (0..RINGS).map(|_| FakeLink::default()).collect();
        let driver = FakeLink::default();
        let mut host = Host::new(
            service,
            clients.clone(),
            Some(driver.clone()),
            memory.clone(),
        );
        host.start([]);
        Run {
            host,
            model,
            disk,
            memory,
            own_pool: plan.services()[0].pool,
            clients,
            driver,
            generations: [1; 3],
            serial: 0,
            faulty: [false; RINGS],
            liar,
            asleep: false,
            badges: 0,
            seen,
        }
    }

    /// The host goes on where it is awake or was woken. Tells whether it did something.
    fn turn(&mut self) -> bool {
        if self.asleep {
            if self.badges == 0 {
                return false;
            }
            self.asleep = false;
            self.host.awake(std::mem::take(&mut self.badges));
        }
        self.host.turn()
    }

    /// The host goes on until there is nothing to do, and sleeps if it may.
    fn rest(&mut self) {
        while self.turn() {}
        if !self.asleep && self.host.may_sleep() {
            self.asleep = true;
            self.seen.note("asleep");
        }
    }

    /// The service gets what it needs to know of its volume before it serves calls.
    fn mount(&mut self) {
        self.rest();
        while self.drive(0) {
            self.rest();
        }
    }

    /// The driver answers some calls, one after the other.
    fn advance(&mut self, script: &mut Script) {
        for _ in 0..script.below(32) {
            self.rest();
            self.drive(0);
        }
    }

    /// All that is under way ends, with a driver that does what it should.
    fn calm(&mut self) {
        for _ in 0..50_000 {
            self.rest();
            let mut moved = false;
            while self.drive(0) {
                moved = true;
            }
            for ring in 0..RINGS {
                moved |= self.take(ring, RING_SLOTS);
            }
            if !self.asleep || self.badges != 0 || moved {
                continue;
            }
            for ring in 0..RINGS {
                let link = &self.clients[ring];
                let free = RING_SLOTS - link.rings().outgoing.len();
                let lies = !link.rings().incoming.is_empty() && self.host.listens(ring, free);
                assert!(
                    !lies || self.faulty[ring],
                    "the service sleeps, and ring {ring} has calls"
                );
                // One that does not keep to the protocol has to ring if it wants to have its calls answered.
                if lies {
                    moved = true;
                    self.badges |= service_badge::client(ring);
                    self.seen.note("flood");
                }
            }
            if !moved {
                return;
            }
        }
        panic!("never at rest");
    }

    fn finish(mut self) {
        // A liar has lost what it was asked: it says so by dying.
        if self.liar {
            self.rest();
            let withheld = self.model.borrow().withheld.len();
            self.seen.add("withheld block", withheld as u64);
            self.driver.rings().changed = Some((true, 4));
            self.badges |= service_badge::DRIVER;
            self.driver.rings().outgoing.clear();
        }
        self.calm();
        assert_eq!(
            self.model.borrow().open_calls(),
            0,
            "calls without an answer"
        );
        for ring in 0..RINGS {
            self.clients[ring].rings().changed = Some((false, 0));
            self.badges |= service_badge::client(ring);
        }
        self.calm();
        let service = &self.host.service().service;
        assert_eq!((service.parked(), service.device_calls()), (0, 0));
        assert_eq!((service.handles(), service.open_files()), (0, 0));
        assert_eq!(service.blocks_in_use(), self.model.borrow().withheld.len());
        self.seen.add("unmatched", service.unmatched());
        self.seen.add("compared", self.model.borrow().compared);
        self.seen.add("written over", self.model.borrow().together);
    }
}

fn run(bytes: &[u8], liar: bool, seen: &'static Seen) {
    let mut script = Script::new(bytes);
    let mut run = Run::start(liar, seen);
    if !script.once_in(4) {
        run.mount();
    }
    while !script.is_done() {
        match script.below(16) {
            0..5 => run.calls(&mut script),
            5..8 => {
                run.take(script.below(RINGS), script.below(RING_SLOTS));
            }
            8..10 => drop(run.drive(script.below(4))),
            10 | 11 if !liar => run.advance(&mut script),
            10 | 11 if liar => run.lie(&mut script),
            12 if script.once_in(4) => run.change(script.below(RINGS), &mut script),
            13 if liar && script.once_in(8) => run.change_driver(&mut script),
            14 if script.once_in(2) => run.advance(&mut script),
            14 => run.rest(),
            15 if script.once_in(8) => run.spend(script.below(RINGS)),
            _ => drop(run.turn()),
        }
    }
    run.finish();
}

target!(
    hostile_clients,
    RUNS,
    BYTES,
    |bytes, seen| run(bytes, false, seen),
    [
        "call done",
        "compared",
        "written over",
        "bad handle",
        "bad block",
        "call refused",
        "broken ring",
        "dead client",
        "client came back",
        "flood",
        "filled",
        "asleep"
    ]
);

target!(
    a_hostile_driver,
    RUNS,
    BYTES,
    |bytes, seen| run(bytes, true, seen),
    [
        "call done",
        "call lost",
        "call refused",
        "lie",
        "driver changed",
        "unmatched",
        "withheld block",
        "asleep"
    ]
);
