//! A machine of two clusters: cluster 0 has the volume and process 0, cluster 1 has process 1 and reaches the volume over a
//! channel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::message::Payload;
use atoll_abi::name::Name;
use atoll_abi::plan::{Channel, Cluster, MAX_CORES, NONE, Plan, Pool, Process};
use atoll_abi::syscall::{Completion, Syscall};
use atoll_core::Personality;

use crate::bell::Bell;
use crate::cluster;
use crate::disk::{self, PATIENCE};
use crate::memory::{self, End};
use crate::world::{Link, World};

/// Blocks of each process's pool.
const BLOCKS: u32 = 8;

/// Longer than any honest answer takes: whoever waits so long has lost a wake-up.
const LOST: Duration = Duration::from_secs(60);

type Server = JoinHandle<(Box<Personality>, World)>;

/// What a cluster's server told while it ran.
pub struct Told {
    /// Lines that processes printed, with the number of each.
    pub lines: Vec<(usize, String)>,
    /// The processes that ended, with their statuses.
    pub ended: Vec<(usize, u64)>,
}

/// The running machine.
pub struct Machine {
    /// Clusters of which all processes are dead.
    finished: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    servers: Vec<Server>,
    driver: JoinHandle<()>,
}

/// The process's side of one vcore's ring.
pub struct Vcore {
    end: End,
    own: Bell,
    server: Bell,
}

impl Vcore {
    /// Submits calls with one publication.
    ///
    /// # Panics
    /// Where the ring has no room: a process has a credit for each call.
    pub fn submit(&mut self, calls: &[Syscall]) {
        let sender = &mut self.end.endpoint.sender;
        let sent = sender.send_batch(Syscall::as_messages(calls));
        let Ok((count, wake)) = sent else {
            panic!("the server does not take calls: {sent:?}");
        };
        assert_eq!(count, calls.len(), "a call without a credit");
        if wake.needed() {
            sender.note_doorbell();
            self.server.ring();
        }
    }

    /// Takes the next completion, if there is one.
    ///
    /// # Panics
    /// Where the server breaks the protocol of the ring.
    pub fn poll(&mut self) -> Option<Completion> {
        let received = self.end.endpoint.receiver.receive();
        let message = received.unwrap_or_else(|fault| panic!("the server: {fault}"));
        message.as_ref().map(Completion::from_message)
    }

    /// Waits for the next completion as a vcore does: arms, looks again, blocks.
    ///
    /// # Panics
    /// Where none comes.
    pub fn wait(&mut self) -> Completion {
        loop {
            if let Some(completion) = self.poll() {
                return completion;
            }
            let receiver = &mut self.end.endpoint.receiver;
            if receiver.arm() == Ok(true) {
                assert!(self.own.wait(LOST), "a wake-up was lost");
            }
            self.end.endpoint.receiver.disarm();
        }
    }
}

impl Machine {
    /// Starts a machine with these files; gives the vcores of each process.
    pub fn start(files: &[(&str, u64)], vcores: usize) -> (Machine, [Vec<Vcore>; 2]) {
        let plan = plan(vcores as u32);
        let (header, sectors) = disk::volume(files);
        let over = Arc::new(AtomicBool::new(false));
        let finished = Arc::new(AtomicUsize::new(0));
        let bells = [Bell::default(), Bell::default()];
        let driver_bell = Bell::default();
        let [first, second] = memory::channel();
        let [server_end, driver_end] = memory::channel();
        let began = Instant::now();
        let mut processes = [Vec::new(), Vec::new()];
        let mut servers = Vec::new();
        let mut driver_link = Some(Link {
            end: server_end,
            peer: driver_bell.clone(),
        });
        for (number, end) in [first, second].into_iter().enumerate() {
            let mut world = World {
                began,
                vcores: vec![Vec::new(), Vec::new()],
                channels: vec![Some(Link {
                    end,
                    peer: bells[1 - number].clone(),
                })],
                driver: driver_link.take(),
                header,
                lines: Vec::new(),
                ended: Vec::new(),
            };
            for _ in 0..vcores {
                let [process_end, server_end] = memory::channel();
                let own = Bell::default();
                world.vcores[number].push(Some(Link {
                    end: server_end,
                    peer: own.clone(),
                }));
                processes[number].push(Vcore {
                    end: process_end,
                    own,
                    server: bells[number].clone(),
                });
            }
            let personality = Box::new(Personality::new(&plan, number as u32));
            let (bell, finished, over) = (bells[number].clone(), finished.clone(), over.clone());
            servers.push(thread::spawn(move || {
                cluster::serve(personality, world, &bell, &finished, &over)
            }));
        }
        let (server, ended) = (bells[0].clone(), over.clone());
        let driver = thread::spawn(move || {
            disk::drive(driver_end, &driver_bell, &server, sectors, &ended);
        });
        let machine = Machine {
            finished,
            over,
            servers,
            driver,
        };
        (machine, processes)
    }

    /// Stops everything when all processes are dead. Gives, of each cluster, what its processes printed and how they ended.
    ///
    /// # Panics
    /// Where a process does not come to its end, a thread panicked, or a server kept a call, a block or an open file.
    pub fn stop(self) -> Vec<Told> {
        let begun = Instant::now();
        while self.finished.load(Ordering::SeqCst) < self.servers.len() {
            assert!(begun.elapsed() < LOST, "a process does not come to its end");
            thread::sleep(PATIENCE);
        }
        self.over.store(true, Ordering::SeqCst);
        let joined = |thread: Server| match thread.join() {
            Ok(found) => found,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let found: Vec<_> = self.servers.into_iter().map(joined).collect();
        assert!(self.driver.join().is_ok(), "the driver panicked");
        for (personality, _) in &found {
            assert_eq!(personality.outstanding(), 0, "calls are left");
            assert_eq!(personality.blocks_in_use(), 0, "blocks are left");
            assert_eq!(personality.open_files(), 0, "files are left");
        }
        found
            .into_iter()
            .map(|(_, world)| Told {
                lines: world.lines,
                ended: world.ended,
            })
            .collect()
    }
}

fn plan(vcores: u32) -> Plan {
    let mut plan = Plan::empty();
    plan.cluster_count = 2;
    plan.channel_count = 1;
    plan.process_count = 2;
    plan.device_count = 1;
    plan.pool_count = 3;
    for (cluster, (device, pool)) in plan.clusters.iter_mut().zip([(0, 2), (NONE, NONE)]) {
        *cluster = Cluster {
            name: name("cluster"),
            kind: 0,
            instance: 0,
            core_count: 1,
            first_core: 0,
            cores: [0; MAX_CORES],
            block_device: device,
            comparator: NONE,
            server_pool: pool,
            quantum_ms: 1,
            masked: 0,
            padding: 0,
        };
    }
    plan.channels[0] = Channel {
        clusters: [0, 1],
        window: 0,
        window_size: 0,
        doorbell: 0,
        padding: 0,
    };
    for (index, channel) in [(0, NONE), (1, 0)] {
        plan.processes[index as usize] = Process {
            name: name("process"),
            image: name("process"),
            cluster: index,
            vcores,
            cores: [0; MAX_VCORES],
            pool: index,
            file_cluster: 0,
            file_channel: channel,
            calls: 0,
            heap_size: 0,
            operator: 0,
            uthreads: 0,
        };
        plan.pools[index as usize] = pool(BLOCKS, index, index);
    }
    plan.pools[2] = pool(4, NONE, 0);
    plan
}

fn pool(blocks: u32, process: u32, cluster: u32) -> Pool {
    Pool {
        base: 0,
        blocks,
        process,
        cluster,
        padding: 0,
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or(Name::EMPTY)
}
