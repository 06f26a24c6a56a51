//! Hostile clients and a hostile driver of a real file service in its real host, over links that are queues. Every call that
//! is taken is answered once, unless its ring is lost; no client reaches a file or a block of another one; no block is given
//! back while the device may write it; the service sleeps only when it will be woken; and nothing is left at the end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::interface::Call;
use atoll_abi::layout::{RING_SLOTS, service_badge};
use atoll_abi::message::Payload;
use atoll_abi::syscall::{Completion, NO_BLOCK, Status, Syscall};
use atoll_component_tests::disk::Disk;
use atoll_component_tests::plan::{name_of, plan};
use atoll_files::FileService;
use atoll_fuzz::files::{Checked, Model};
use atoll_fuzz::{Script, Seen, target};
use atoll_service::{Host, Memory};
use atoll_test_support::link::FakeLink;

const RUNS: usize = 1500;
const BYTES: usize = 2500;

/// Rings: two of process 0, one each of processes 1 and 2.
const RINGS: usize = 4;
const PROCESS_OF: [usize; RINGS] = [0, 0, 1, 2];

const FILES: [(&str, u64); 3] = [
    ("input", 2 * BLOCK_SIZE as u64 + 513),
    ("empty", 0),
    ("other", 1),
];

/// The block that the device wrote for the service: the header, or anything.
struct Header {
    right: Rc<Disk>,
    spoiled: Rc<Cell<u64>>,
}

impl Memory for Header {
    fn read_block(&mut self, index: u32, into: &mut [u8; BLOCK_SIZE]) {
        assert_eq!(index, 0);
        *into = *self.right.header();
        let spoiled = self.spoiled.get();
        into[spoiled as usize % 256] ^= (spoiled >> 8) as u8;
    }
}

struct Run {
    host: Host<Checked, FakeLink, Header>,
    model: Rc<RefCell<Model>>,
    disk: Rc<Disk>,
    spoiled: Rc<Cell<u64>>,
    clients: Vec<FakeLink>,
    driver: FakeLink,
    /// Generations of the processes.
    generations: [u32; 3],
    serial: u64,
    /// Clients that had more calls under way than they have credits.
    flooded: [bool; RINGS],
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
        let disk = Rc::new(Disk::new(&FILES));
        let capacity = (!liar).then_some(disk.capacity());
        let model = Rc::new(RefCell::new(Model::new(&plan, capacity)));
        let service = Checked {
            service: FileService::new(&plan, 0),
            model: model.clone(),
        };
        let clients: Vec<FakeLink> = (0..RINGS).map(|_| FakeLink::default()).collect();
        let driver = FakeLink::default();
        let spoiled = Rc::new(Cell::new(0));
        let header = Header {
            right: disk.clone(),
            spoiled: spoiled.clone(),
        };
        let mut host = Host::new(service, clients.clone(), Some(driver.clone()), header);
        host.start([]);
        Run {
            host,
            model,
            disk,
            spoiled,
            clients,
            driver,
            generations: [1; 3],
            serial: 0,
            flooded: [false; RINGS],
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

    fn call(&mut self, script: &mut Script, process: usize) -> Syscall {
        let open = self.model.borrow().open_handles(process);
        let call = match script.below(32) {
            // Without an open file there is little to try.
            8.. if open.is_empty() => Call::Open,
            0 => script.pick(Call::ALL).unwrap_or(Call::Stat),
            1..8 => Call::Open,
            8..14 => Call::Stat,
            14..17 => Call::Close,
            _ => Call::Read,
        };
        let names = ["input", "empty", "other", "absent"];
        let name = script.pick(&names).unwrap_or("input");
        let generation = u64::from(self.generations[process]);
        let handle = match script.pick(&open) {
            Some(handle) if !script.once_in(4) => handle,
            _ => script.word(&self.model.borrow().handles()),
        };
        let right = Syscall {
            tag: 0,
            call: call as u16,
            count: 0,
            handle: handle as u32,
            arguments: match call {
                Call::Open => name_of(name).to_words(),
                _ => [
                    script.word(&[0, 4096, 8192]),
                    script.word(&[4096, 513, 0]),
                    0,
                    0,
                ],
            },
            block: script.word(&[0, 1, 2, 3, 4, 5, 6, 7, 8, NO_BLOCK.into()]) as u32,
            generation: script.mostly(generation, &[0, 1, generation]) as u32,
        };
        let message = match script.below(16) {
            0 => script.message(),
            1 => script.spoiled(right.to_message()),
            _ => right.to_message(),
        };
        self.serial += 1;
        let call = Syscall {
            // Whatever else it is, the model has to know it again.
            tag: self.serial << 8 | u64::from(script.byte()),
            ..Syscall::from_message(&message)
        };
        // Calls of a later life begin it.
        self.generations[process] = self.generations[process].max(call.generation);
        call
    }

    /// A client makes calls, mostly no more than it has credits.
    fn calls(&mut self, script: &mut Script) {
        let ring = script.below(RINGS);
        let count = match script.below(16) {
            0 => script.below(100),
            _ => 1 + script.below(8),
        };
        for _ in 0..count {
            let call = self.call(script, PROCESS_OF[ring]);
            self.clients[ring].send_to_it(&call);
            // A ring has no more slots.
            self.clients[ring].rings().incoming.truncate(RING_SLOTS);
            self.flooded[ring] |= self.under_way(ring) > RING_SLOTS;
        }
        if std::mem::take(&mut self.clients[ring].rings().armed) {
            self.badges |= service_badge::client(ring);
        }
    }

    /// Calls that a client has under way: those that it has sent and of which it has not taken the completion.
    fn under_way(&self, ring: usize) -> usize {
        let rings = self.clients[ring].rings();
        let open = self.model.borrow().open_calls_of(ring);
        rings.incoming.len() + rings.outgoing.len() + open
    }

    fn stat(&mut self, ring: usize) {
        self.serial += 1;
        let call = Syscall {
            tag: self.serial << 8,
            call: Call::Stat as u16,
            generation: self.generations[PROCESS_OF[ring]],
            ..Syscall::EMPTY
        };
        self.clients[ring].send_to_it(&call);
        if std::mem::take(&mut self.clients[ring].rings().armed) {
            self.badges |= service_badge::client(ring);
        }
    }

    /// A client spends every credit that it has, and takes no completion before the service is at rest. The next call that it
    /// makes has to wake the service.
    fn fill(&mut self, ring: usize) {
        while self.under_way(ring) < RING_SLOTS {
            self.stat(ring);
        }
        self.rest();
        self.take(ring, RING_SLOTS);
        if self.flooded[ring] || !self.host.listens(ring, RING_SLOTS) {
            return;
        }
        if self.asleep && self.badges == 0 && self.under_way(ring) < RING_SLOTS {
            self.stat(ring);
            assert_ne!(
                self.badges, 0,
                "the service sleeps, and ring {ring} has a call"
            );
            self.seen.note("filled");
        }
    }

    /// A client takes some of its completions.
    fn take(&mut self, ring: usize, count: usize) -> bool {
        let mut any = false;
        for _ in 0..count {
            let Some(completion) = self.clients[ring].take::<Completion>() else {
                break;
            };
            any = true;
            self.seen.note(match Status::from_raw(completion.status) {
                Status::Done => "call done",
                Status::PeerLost => "call lost",
                Status::BadHandle => "bad handle",
                Status::BadBlock => "bad block",
                _ => "call refused",
            });
        }
        any
    }

    /// A client breaks its ring, dies, or comes back.
    fn change(&mut self, ring: usize, script: &mut Script) {
        let process = PROCESS_OF[ring];
        match script.below(4) {
            0 => {
                self.clients[ring].rings().broken = true;
                self.seen.note("broken ring");
            }
            1 => {
                self.clients[ring].rings().changed = Some((false, 0));
                self.seen.note("dead client");
            }
            _ => {
                if script.once_in(2) {
                    self.generations[process] = self.generations[process].saturating_add(1);
                }
                let generation = u32::from(script.byte());
                self.clients[ring].rings().changed = Some((true, generation));
                self.seen.note("client came back");
            }
        }
        self.badges |= service_badge::client(ring);
    }

    /// The driver answers as it should.
    fn drive(&mut self) -> bool {
        let Some(call) = self.driver.take::<Syscall>() else {
            return false;
        };
        let answer = self.disk.answer(&call);
        self.answer(answer);
        true
    }

    fn answer(&mut self, completion: Completion) {
        self.driver.send_to_it(&completion);
        if std::mem::take(&mut self.driver.rings().armed) {
            self.badges |= service_badge::DRIVER;
        }
    }

    /// The driver does something that it should not.
    fn lie(&mut self, script: &mut Script) {
        let asked = self.model.borrow().at_driver.clone();
        let Some(call) = script.pick(&asked) else {
            let raw = Completion::from_message(&script.message());
            return self.answer(raw);
        };
        let mut answer = self.disk.answer(&call);
        match script.below(8) {
            0 => answer.status = script.word(&[3, 8, 9, 13, 14]) as u32,
            1 => {
                answer.status = Status::DeviceError as u32;
                answer.block = NO_BLOCK;
            }
            2 => answer.block = script.word(&[0, 1, 7, 8, NO_BLOCK.into()]) as u32,
            3 => answer.result = [script.raw(), script.word(&[0, 8, 24, u64::MAX])],
            4 => answer.tag = script.word(&[answer.tag, 0, u64::MAX]),
            5 => self.spoiled.set(script.raw()),
            _ => answer = Completion::from_message(&script.spoiled(answer.to_message())),
        }
        for _ in 0..1 + usize::from(script.once_in(4)) {
            self.answer(answer);
        }
        self.seen.note("lie");
    }

    /// The driver breaks its ring, dies, or comes back.
    fn change_driver(&mut self, script: &mut Script) {
        let mut rings = self.driver.rings();
        match script.below(3) {
            0 => rings.broken = true,
            1 => rings.changed = Some((false, 0)),
            _ => rings.changed = Some((true, 2)),
        }
        // What it was asked it does not know any more.
        rings.incoming.clear();
        rings.outgoing.clear();
        drop(rings);
        self.seen.note("driver changed");
        self.badges |= service_badge::DRIVER;
    }

    /// All that is under way ends, with a driver that does what it should.
    fn calm(&mut self) {
        for _ in 0..2000 {
            self.rest();
            let mut moved = false;
            while self.drive() {
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
                    !lies || self.flooded[ring],
                    "the service sleeps, and ring {ring} has calls"
                );
                // One that has made more calls than it may has to ring if it wants to have them answered.
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
        assert_eq!(service.open_files(), 0);
        assert_eq!(service.blocks_in_use(), self.model.borrow().withheld.len());
        self.seen.add("unmatched", service.unmatched());
    }
}

fn run(bytes: &[u8], liar: bool, seen: &'static Seen) {
    let mut script = Script::new(bytes);
    let mut run = Run::start(liar, seen);
    while !script.is_done() {
        match script.below(16) {
            0..5 => run.calls(&mut script),
            5..8 => {
                run.take(script.below(RINGS), script.below(RING_SLOTS));
            }
            8..10 => drop(run.drive()),
            10 | 11 if liar => run.lie(&mut script),
            12 if script.once_in(4) => run.change(script.below(RINGS), &mut script),
            13 if liar && script.once_in(8) => run.change_driver(&mut script),
            14 => run.rest(),
            15 if script.once_in(8) => run.fill(script.below(RINGS)),
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
