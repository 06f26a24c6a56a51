//! The channels of a plan: who has which side, and how each side wakes the other one.

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::layout::service_badge;
use atoll_abi::plan::{MAX_PROCESSES, Plan};
use atoll_channel::{EndpointLink, Side, WakeWords};
use atoll_server::Place;

use crate::doorbell::{Notification, PeerDoorbell, WOKEN};
use crate::window::{WakeMemory, Window};

/// One side of a channel.
pub type Line = EndpointLink<PeerDoorbell>;

/// The notifications of all components.
pub struct Notifications {
    /// By cluster.
    pub servers: Vec<Notification>,
    pub service: Notification,
    pub driver: Notification,
    /// By process and vcore.
    pub vcores: Vec<Vec<Notification>>,
}

impl Notifications {
    pub fn new(plan: &Plan) -> Notifications {
        let notifications = |count: u32| (0..count).map(|_| Notification::default()).collect();
        let processes = plan.processes().iter();
        Notifications {
            servers: notifications(plan.clusters().len() as u32),
            service: Notification::default(),
            driver: Notification::default(),
            vcores: processes
                .map(|process| notifications(process.vcores))
                .collect(),
        }
    }

    /// The notification of a connection's client, with its badge.
    pub fn of_client(&self, connection: &Connection) -> (Notification, u64) {
        match connection.client {
            Client::Vcore { process, vcore } => (self.vcores[process][vcore].clone(), WOKEN),
            Client::Service(_) => (self.service.clone(), service_badge::DRIVER),
        }
    }

    /// The notification of a connection's provider, with its badge.
    pub fn of_provider(&self, connection: &Connection) -> (Notification, u64) {
        match connection.provider {
            Provider::Service(_) => (self.service.clone(), service_badge::client(connection.slot)),
            Provider::Driver(_) => (self.driver.clone(), WOKEN),
        }
    }
}

/// The wake pages and the wake requests.
#[derive(Default)]
pub struct WakePages(Vec<(Place, WakeMemory)>);

impl WakePages {
    /// The words of a place, for one of their users.
    pub fn at(&mut self, place: Place) -> WakeWords {
        if let Some((_, words)) = self.0.iter().find(|(known, _)| *known == place) {
            return words.attach();
        }
        let words = WakeMemory::new();
        self.0.push((place, words));
        words.attach()
    }
}

/// A connection with both its sides.
pub struct Wired {
    pub connection: Connection,
    pub window: &'static Window,
    pub client: Line,
    pub provider: Line,
}

/// Every connection of a plan.
pub fn connections(
    plan: &Plan,
    notifications: &Notifications,
    pages: &mut WakePages,
) -> Vec<Wired> {
    let wire = |connection: Connection| {
        let (window, [client, provider]) = Window::channel();
        let [to_provider, to_client] = if plan.crosses_kernels(&connection) {
            let own = |component: usize, cluster: u32, pages: &mut WakePages| {
                let requests = pages.at(Place::Requests(component));
                let server = notifications.servers[cluster as usize].clone();
                PeerDoorbell::ByServer(requests, connection.number, server)
            };
            let (Client::Vcore { process, .. }, Provider::Service(service)) =
                (connection.client, connection.provider)
            else {
                panic!("a driver and its client are in one cluster");
            };
            [
                own(process, plan.client_cluster(connection.client), pages),
                own(
                    MAX_PROCESSES + service,
                    plan.provider_cluster(connection.provider),
                    pages,
                ),
            ]
        } else {
            let directly = |(notification, badge)| PeerDoorbell::Directly(notification, badge);
            [
                directly(notifications.of_provider(&connection)),
                directly(notifications.of_client(&connection)),
            ]
        };
        Wired {
            connection,
            window,
            client: Line::new(client, to_provider),
            provider: Line::new(provider, to_client),
        }
    };
    plan.connections().map(wire).collect()
}

/// The death of a client, as the root task announces it to the provider.
pub struct Announcement {
    pub process: usize,
    window: &'static Window,
    doorbell: PeerDoorbell,
}

impl Announcement {
    /// That of the client of a connection.
    pub fn new(
        plan: &Plan,
        notifications: &Notifications,
        pages: &mut WakePages,
        wired: &Wired,
    ) -> Option<Self> {
        let Client::Vcore { process, .. } = wired.connection.client else {
            return None;
        };
        let connection = &wired.connection;
        let provider = plan.provider_cluster(connection.provider);
        let doorbell = if plan.crosses_kernels(connection) {
            let own = plan.client_cluster(connection.client);
            let (channel, end) = plan.channel_between(own, provider)?;
            let words = pages.at(Place::Page { channel, end });
            let server = notifications.servers[provider as usize].clone();
            PeerDoorbell::ByServer(words, connection.number, server)
        } else {
            let (notification, badge) = notifications.of_provider(connection);
            PeerDoorbell::Directly(notification, badge)
        };
        Some(Announcement {
            process,
            window: wired.window,
            doorbell,
        })
    }

    /// The client is dead.
    pub fn announce(&mut self) {
        self.window.announce_lost(Side::First);
        atoll_channel::Doorbell::ring(&mut self.doorbell);
    }
}
