//! A machine of two clusters: cluster 0 has the volume, its service and process 0, cluster 1 has process 1, whose calls of
//! the service cross the kernels.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use atoll_abi::connection::{Client, Provider};
use atoll_core::Personality;
use atoll_files::FileService;
use atoll_server::{Host, WakePassing};

use crate::disk::disk_of;
use crate::doorbell::{Notification, PeerDoorbell, WOKEN};
use crate::driver;
use crate::plan;
use crate::pool::{Pool, Reached};
use crate::server::{Events, Server};
use crate::service::{self, Files};
use crate::vcore::Vcore;
use crate::window::Window;
use crate::wiring::{self, Announcement, Line, Notifications, WakePages, Wired};

/// Generation of every process: each lives once.
pub const GENERATION: u32 = 1;

/// How often a thread looks whether something has come to its end.
pub const PATIENCE: Duration = Duration::from_millis(20);

/// Longer than any honest answer takes: a vcore that waits so long has lost a wake-up, or the one that it waits for has.
pub const LOST: Duration = Duration::from_secs(30);

/// The others wait for ever: a wake-up that they lose must not be made good by a timer.
pub const FOREVER: Duration = Duration::from_secs(86_400);

/// By this badge the service learns that it is all over.
pub const OVER: u64 = 1 << 63;

/// What a cluster's server told while it ran.
pub struct Told {
    /// Lines that processes printed, with the number of each.
    pub lines: Vec<(usize, String)>,
    /// The processes that ended, with their statuses.
    pub ended: Vec<(usize, u64)>,
    /// Wake-ups of the cluster's components that came from the other kernel.
    pub passed: u64,
}

/// The running machine.
pub struct Machine {
    /// Clusters of which all processes are dead.
    finished: Arc<AtomicUsize>,
    servers_over: Arc<AtomicBool>,
    service_over: Arc<AtomicBool>,
    driver_over: Arc<AtomicBool>,
    notifications: Notifications,
    servers: Vec<JoinHandle<Server>>,
    service: JoinHandle<Files>,
    driver: JoinHandle<()>,
}

impl Machine {
    /// Starts a machine with these files; gives the vcores of each process.
    pub fn start(files: &[(&str, u64)], vcores: u32) -> (Machine, [Vec<Vcore>; 2]) {
        let plan = plan::plan(&[(0, vcores), (1, vcores)]);
        let notifications = Notifications::new(&plan);
        let pools: Vec<Pool> = plan
            .pools()
            .iter()
            .map(|pool| Pool::new(pool.blocks))
            .collect();
        let began = Instant::now();
        let mut pages = WakePages::default();
        let wired = wiring::connections(&plan, &notifications, &mut pages);

        let mut servers = Vec::new();
        let mut server_lines: [Vec<Line>; 2] = Default::default();
        for cluster in 0..plan.clusters().len() as u32 {
            let deaths = wired
                .iter()
                .filter(|it| plan.client_cluster(it.connection.client) == cluster)
                .filter_map(|it| Announcement::new(&plan, &notifications, &mut pages, it))
                .collect();
            let mut links: Vec<Vec<Line>> = Vec::new();
            for (index, process) in plan.processes().iter().enumerate() {
                let own = process.cluster == cluster;
                let mut of_process = Vec::new();
                for vcore in &notifications.vcores[index][..if own { vcores as usize } else { 0 }] {
                    let (_, [first, second]) = Window::channel();
                    let server = notifications.servers[cluster as usize].clone();
                    server_lines[index]
                        .push(Line::new(first, PeerDoorbell::Directly(server, WOKEN)));
                    of_process.push(Line::new(
                        second,
                        PeerDoorbell::Directly(vcore.clone(), WOKEN),
                    ));
                }
                links.push(of_process);
            }
            let sides = wired.iter().map(|it| {
                let connection = &it.connection;
                if plan.client_cluster(connection.client) == cluster {
                    Some(notifications.of_client(connection))
                } else if plan.provider_cluster(connection.provider) == cluster {
                    Some(notifications.of_provider(connection))
                } else {
                    None
                }
            });
            let events = Events {
                began,
                vcores: notifications.vcores.clone(),
                deaths,
                lines: Vec::new(),
                ended: Vec::new(),
            };
            servers.push(Server {
                sides: sides.collect(),
                host: Host::new(Personality::new(&plan, cluster), links, events),
                passing: WakePassing::new(&plan, cluster, |place| pages.at(place)),
                own: notifications.servers[cluster as usize].clone(),
                comparators: notifications.servers.clone(),
                passed: 0,
            });
        }

        let mut clients = Vec::new();
        let mut upstream = None;
        let mut driver_line = None;
        let mut file_lines: [Vec<Line>; 2] = Default::default();
        for Wired {
            connection,
            client,
            provider,
            ..
        } in wired
        {
            match (connection.client, connection.provider) {
                (Client::Vcore { process, .. }, Provider::Service(_)) => {
                    file_lines[process].push(client);
                    clients.push(provider);
                }
                _ => {
                    upstream = Some(client);
                    driver_line = Some(provider);
                }
            }
        }
        let memory = Reached::new(&plan, 0, &pools);
        let service =
            atoll_service::Host::new(FileService::new(&plan, 0), clients, upstream, memory);

        let finished = Arc::new(AtomicUsize::new(0));
        let [servers_over, service_over, driver_over] =
            [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        let mut index = 0;
        let processes = server_lines.map(|lines| {
            let (own, pool) = (&notifications.vcores[index], pools[index]);
            let file_lines = std::mem::take(&mut file_lines[index]);
            index += 1;
            let lines = lines.into_iter().zip(file_lines).zip(own);
            lines
                .map(|((server, files), own)| Vcore::new(began, own.clone(), pool, server, files))
                .collect()
        });
        let (disk, reached) = (disk_of(files), Reached::all(&pools));
        let driver = {
            let line = driver_line.expect("the plan has a driver");
            let (own, over): (Notification, _) =
                (notifications.driver.clone(), driver_over.clone());
            thread::spawn(move || driver::drive(disk, line, reached, &own, &over))
        };
        let service = {
            let (own, over) = (notifications.service.clone(), service_over.clone());
            thread::spawn(move || service::serve(service, &own, &over))
        };
        let servers = servers.into_iter().map(|server| {
            let (finished, over) = (finished.clone(), servers_over.clone());
            thread::spawn(move || server.serve(&finished, &over))
        });
        let machine = Machine {
            servers: servers.collect(),
            finished,
            servers_over,
            service_over,
            driver_over,
            notifications,
            service,
            driver,
        };
        (machine, processes)
    }

    /// Stops everything when all processes are dead. Gives, of each cluster, what its server told.
    ///
    /// # Panics
    /// Where a process does not come to its end, a thread panicked, or the service kept a call, a block or an open file.
    pub fn stop(self) -> Vec<Told> {
        let begun = Instant::now();
        while self.finished.load(Ordering::SeqCst) < self.servers.len() {
            assert!(begun.elapsed() < LOST, "a process does not come to its end");
            thread::sleep(PATIENCE);
        }
        // The service first: it has to learn from the servers which of its clients are dead.
        self.service_over.store(true, Ordering::SeqCst);
        self.notifications.service.ring(OVER);
        let service = joined(self.service);
        self.servers_over.store(true, Ordering::SeqCst);
        self.driver_over.store(true, Ordering::SeqCst);
        self.notifications.driver.ring(WOKEN);
        self.notifications
            .servers
            .iter()
            .for_each(|notification| notification.ring(WOKEN));
        joined(self.driver);
        let service = service.service();
        assert_eq!(service.parked(), 0, "calls are left");
        assert_eq!(service.device_calls(), 0, "the driver has calls");
        assert_eq!(service.blocks_in_use(), 0, "blocks are left");
        assert_eq!(service.open_files(), 0, "files are left");
        assert_eq!(service.unmatched(), 0, "the driver answered twice");
        let told = |server: JoinHandle<Server>| {
            let mut server = joined(server);
            let events = server.host.kernel();
            Told {
                lines: std::mem::take(&mut events.lines),
                ended: std::mem::take(&mut events.ended),
                passed: server.passed,
            }
        };
        self.servers.into_iter().map(told).collect()
    }
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    match thread.join() {
        Ok(found) => found,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
