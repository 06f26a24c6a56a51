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

use atoll_abi::layout::server_badge;

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

/// The wake requests of a component of this cluster.
struct Requests {
    component: usize,
    words: WakeWords,
    /// The badge by which the component wakes the server.
    badge: u64,
}

/// Wake requests that are looked at each time, in rotation; of more components, also those of the ones that woke the server.
const WINDOW: usize = 8;

/// The wake-ups that a server passes on.
pub struct WakePassing {
    neighbours: Box<[Neighbour]>,
    requests: Box<[Requests]>,
    /// Those that are looked at next.
    cursor: usize,
    /// By bit of a badge: the components that wake the server by it.
    by_bit: Box<[Vec<usize>]>,
    /// Badges of components that have woken the server, and whose requests were not looked at since.
    woken: u64,
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
        let mut requests: Vec<Requests> = Vec::new();
        let mut crossings = Vec::new();
        for connection in plan.connections() {
            let client = plan.client_cluster(connection.client);
            let provider = plan.provider_cluster(connection.provider);
            let own = match (client == cluster, provider == cluster) {
                (true, false) => Some((of_client(plan, connection.client), provider)),
                (false, true) => Some((of_provider(connection.provider), client)),
                _ => None,
            };
            let crossing = own.filter(|_| plan.crosses_kernels(&connection));
            crossings.push(crossing.and_then(|((component, badge), peer)| {
                if !requests.iter().any(|known| known.component == component) {
                    requests.push(Requests {
                        component,
                        words: words(Place::Requests(component)),
                        badge,
                    });
                }
                let neighbour = neighbours.iter().position(|it| it.cluster == peer)?;
                Some(Crossing {
                    neighbour,
                    component,
                })
            }));
        }
        let by_bit = (0..u64::BITS).map(|bit| {
            let requests = requests.iter().enumerate();
            let woken = requests.filter(|(_, own)| own.badge & 1 << bit != 0);
            woken.map(|(place, _)| place).collect()
        });
        WakePassing {
            neighbours: neighbours.into_boxed_slice(),
            by_bit: by_bit.collect(),
            requests: requests.into_boxed_slice(),
            cursor: 0,
            woken: 0,
            crossings: crossings.into_boxed_slice(),
        }
    }

    /// Passes on what there is: `interrupt` is called for each comparator of a cluster that has something, `signal` for each
    /// connection whose own side has something. Tells whether there was anything.
    pub fn pass(&mut self, mut interrupt: impl FnMut(u32), mut signal: impl FnMut(usize)) -> bool {
        let mut any = false;
        for _ in 0..WINDOW.min(self.requests.len()) {
            any |= self.take_requests(self.cursor);
            let next = self.cursor + 1;
            self.cursor = if next < self.requests.len() { next } else { 0 };
        }
        if self.requests.len() > WINDOW {
            any |= self.take_requests_of_woken();
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

    /// Sets what a component requests in the wake pages of the clusters that it is for. Tells whether there was anything.
    #[inline]
    fn take_requests(&mut self, place: usize) -> bool {
        let Some(requests) = self.requests.get(place) else {
            return false;
        };
        let (crossings, neighbours) = (&self.crossings, &mut self.neighbours);
        let mut any = false;
        requests.words.take(|connection| {
            if let Some(Some(crossing)) = crossings.get(connection)
                && crossing.component == requests.component
                && let Some(neighbour) = neighbours.get_mut(crossing.neighbour)
            {
                neighbour.outgoing.set(connection);
                neighbour.due = true;
                any = true;
            }
        });
        any
    }

    fn take_requests_of_woken(&mut self) -> bool {
        let mut any = false;
        let mut bits = core::mem::take(&mut self.woken);
        while bits != 0 {
            let bit = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            for place in 0..self.by_bit[bit].len() {
                any |= self.take_requests(self.by_bit[bit][place]);
            }
        }
        any
    }

    /// The server is awake, woken by those whose [badges](server_badge) are given: what they request is looked at with the
    /// next [`WakePassing::pass`].
    pub fn awake_by(&mut self, badges: u64) {
        self.woken |= badges;
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

    /// Whether there is something to pass on: of other clusters, or of the components that are looked at next. Of one that is
    /// not, the server is woken, because it signals after it has written its request.
    pub fn pending(&self) -> bool {
        let next = self.requests.iter().cycle().skip(self.cursor);
        let mut next = next.take(WINDOW.min(self.requests.len()));
        let requests = next.any(|own| own.words.any());
        let woken = self.woken != 0 && self.requests.len() > WINDOW;
        requests || woken || self.neighbours.iter().any(|it| it.incoming.any())
    }
}

/// The number under which a component's wake requests are mapped in its server, and the badge by which it wakes it.
fn of_client(plan: &Plan, client: Client) -> (usize, u64) {
    match client {
        Client::Vcore { process, .. } => {
            let own = plan.processes().get(process);
            let badge = own.map_or(0, |own| server_badge::process(own.number));
            (process, badge)
        }
        Client::Service(service) => (MAX_PROCESSES + service, server_badge::WAKE_REQUESTED),
    }
}

fn of_provider(provider: Provider) -> (usize, u64) {
    match provider {
        Provider::Service(service) => (MAX_PROCESSES + service, server_badge::WAKE_REQUESTED),
        // A driver and its client are in one cluster.
        Provider::Driver(_) => (NONE as usize, 0),
    }
}
