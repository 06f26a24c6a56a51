//! Passing wake-ups on between kernel instances.
//!
//! A component that has something for one of another instance sets the connection's bit in its wake requests and signals its
//! server. The server takes the bits, sets them in the wake page of the channel between the two clusters, and interrupts the
//! other cluster's server, which takes them there and signals its own component.
//!
//! No wake-up is lost: each bit is set before the one who takes it is woken, and a server takes all bits after it was woken
//! and before it sleeps. What a component or another server writes there is hostile: a bit of a connection that is none of
//! its own is ignored.

use alloc::boxed::Box;
use alloc::vec::Vec;

use atoll_abi::connection::{Client, Provider};
use atoll_abi::plan::{DoorbellKind, MAX_PROCESSES, NONE, Plan};
use atoll_channel::WakeWords;

/// Where wake words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The wake requests of a component of the cluster: see [`atoll_abi::layout::server_wake_requests`].
    Requests(usize),
    /// In the wake page of a channel, those that the server of the channel's cluster of this end writes.
    Page {
        /// The channel.
        channel: usize,
        /// The end.
        end: usize,
    },
}

/// A channel to a cluster of another instance.
struct Neighbour {
    cluster: u32,
    /// Its comparator, or [`NONE`] where it polls.
    comparator: u32,
    outgoing: WakeWords,
    incoming: WakeWords,
    /// It is to be interrupted.
    due: bool,
}

/// A connection that crosses kernels and has a side in the cluster.
#[derive(Clone, Copy)]
struct Crossing {
    /// Index of the neighbour that has the other side.
    neighbour: usize,
    /// The component of this cluster that has its side here.
    component: usize,
}

/// The wake-ups that a server passes on.
pub struct WakePassing {
    neighbours: Box<[Neighbour]>,
    /// The wake requests of components, and whose they are.
    requests: Box<[(usize, WakeWords)]>,
    /// By number of the connection.
    crossings: Box<[Option<Crossing>]>,
}

impl WakePassing {
    /// Those of a cluster's server; `words` gives the words of a place, of each one once.
    pub fn new(
        plan: &Plan,
        cluster: u32,
        mut words: impl FnMut(Place) -> WakeWords,
    ) -> WakePassing {
        let mut neighbours = Vec::new();
        for (channel, between) in plan.channels().iter().enumerate() {
            let Some(end) = between.end_of(cluster) else {
                continue;
            };
            if between.doorbell != DoorbellKind::Hpet as u32 {
                continue;
            }
            let peer = between.clusters[1 - end];
            neighbours.push(Neighbour {
                cluster: peer,
                comparator: plan.clusters()[peer as usize].comparator,
                outgoing: words(Place::Page { channel, end }),
                incoming: words(Place::Page {
                    channel,
                    end: 1 - end,
                }),
                due: false,
            });
        }
        let mut requests: Vec<(usize, WakeWords)> = Vec::new();
        let mut crossings = Vec::new();
        for connection in plan.connections() {
            let client = plan.client_cluster(connection.client);
            let provider = plan.provider_cluster(connection.provider);
            let own = match (client == cluster, provider == cluster) {
                (true, false) => Some((client_component(connection.client), provider)),
                (false, true) => Some((provider_component(connection.provider), client)),
                _ => None,
            };
            let crossing = own.filter(|_| plan.crosses_kernels(&connection));
            crossings.push(crossing.and_then(|(component, peer)| {
                if !requests.iter().any(|(known, _)| *known == component) {
                    requests.push((component, words(Place::Requests(component))));
                }
                let neighbour = neighbours.iter().position(|it| it.cluster == peer)?;
                Some(Crossing {
                    neighbour,
                    component,
                })
            }));
        }
        WakePassing {
            neighbours: neighbours.into_boxed_slice(),
            requests: requests.into_boxed_slice(),
            crossings: crossings.into_boxed_slice(),
        }
    }

    /// Passes on what there is: `interrupt` is called for each comparator of a cluster that has something, `signal` for each
    /// connection whose own side has something. Tells whether there was anything.
    pub fn pass(&mut self, mut interrupt: impl FnMut(u32), mut signal: impl FnMut(usize)) -> bool {
        let mut any = false;
        for (component, requests) in &self.requests {
            let (crossings, neighbours) = (&self.crossings, &mut self.neighbours);
            requests.take(|connection| {
                if let Some(Some(crossing)) = crossings.get(connection)
                    && crossing.component == *component
                    && let Some(neighbour) = neighbours.get_mut(crossing.neighbour)
                {
                    neighbour.outgoing.set(connection);
                    neighbour.due = true;
                    any = true;
                }
            });
        }
        for (index, neighbour) in self.neighbours.iter_mut().enumerate() {
            if core::mem::take(&mut neighbour.due) && neighbour.comparator != NONE {
                interrupt(neighbour.comparator);
            }
            neighbour.incoming.take(|connection| {
                if let Some(Some(crossing)) = self.crossings.get(connection)
                    && crossing.neighbour == index
                {
                    signal(connection);
                    any = true;
                }
            });
        }
        any
    }

    /// Has each component with a side of a connection to another kernel woken, on both sides: the ones here by `signal`, those
    /// there with the next [`WakePassing::pass`]. Where a server dies between the look at a wake word and the wake-up, its
    /// next life does not know whom it was for. A component that is woken for nothing sleeps again.
    pub fn pass_all(&mut self, mut signal: impl FnMut(usize)) {
        for (connection, crossing) in self.crossings.iter().enumerate() {
            if let Some(crossing) = crossing
                && let Some(neighbour) = self.neighbours.get_mut(crossing.neighbour)
            {
                neighbour.outgoing.set(connection);
                neighbour.due = true;
                signal(connection);
            }
        }
    }

    /// Whether there is something to pass on.
    pub fn pending(&self) -> bool {
        let requests = self.requests.iter().any(|(_, words)| words.any());
        requests || self.neighbours.iter().any(|it| it.incoming.any())
    }
}

/// The number under which a component's wake requests are mapped in its server.
fn client_component(client: Client) -> usize {
    match client {
        Client::Vcore { process, .. } => process,
        Client::Service(service) => MAX_PROCESSES + service,
    }
}

fn provider_component(provider: Provider) -> usize {
    match provider {
        Provider::Service(service) => MAX_PROCESSES + service,
        // A driver and its client are in one cluster.
        Provider::Driver(_) => NONE as usize,
    }
}
