//! Connects clients and providers: the windows of connections and the notifications of both sides.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use atoll_abi::connection::{Client, Connection};
use atoll_abi::layout::{self, PAGE_SIZE, RING_WINDOW_SIZE, slot};
use atoll_abi::plan::Plan;
use atoll_channel::Telemetry;
use atoll_root_task::end::{End, ends};
use sel4::{CapRights, VmAttributes, cap};
use zerocopy::IntoBytes as _;

use crate::authority::{Authority, ROOT_TASK};
use crate::children::{Children, Context};
use crate::component::{Component, Page};
use crate::death_notice::{DeathNotice, Doorbell, RINGS};
use crate::server::Server;
use crate::wake::WakePages;

/// The client's side of a connection.
pub const CLIENT: usize = 0;
/// The provider's side of a connection.
pub const PROVIDER: usize = 1;

/// What the root task keeps of a connection of which it runs a side.
pub struct ConnectionParts {
    /// The connection.
    pub connection: Connection,
    /// The first page of each ring, a capability of a component.
    first_pages: [Page; 2],
    /// By side that this instance runs: tells the other side that this one is gone.
    notices: [Option<DeathNotice>; 2],
    /// The first page of each ring, capabilities of the root task's own, where the client is a process of this instance.
    telemetry: Option<[Page; 2]>,
}

/// A side of a connection, and its cluster.
#[derive(Clone, Copy)]
struct Side {
    end: End,
    cluster: u32,
    /// The notification that wakes it, where this instance runs it.
    notification: Option<cap::Notification>,
}

/// Builds the connections of which this instance runs a side.
pub fn build(
    authority: &mut Authority,
    context: &Context<'_>,
    children: &mut Children,
    wake_pages: &WakePages,
) -> Vec<ConnectionParts> {
    let plan = context.plan;
    let here = |connection: &Connection| {
        context.runs(plan.client_cluster(connection.client))
            || context.runs(plan.provider_cluster(connection.provider))
    };
    // As long as it has to be: there may be thousands.
    let mut parts = Vec::with_capacity(plan.connections().filter(here).count());
    for connection in plan.connections().filter(here) {
        parts.extend(connect(
            authority, context, children, wake_pages, connection,
        ));
    }
    parts
}

fn connect(
    authority: &mut Authority,
    context: &Context<'_>,
    children: &mut Children,
    wake_pages: &WakePages,
    connection: Connection,
) -> Option<ConnectionParts> {
    let plan = context.plan;
    let clusters = [
        plan.client_cluster(connection.client),
        plan.provider_cluster(connection.provider),
    ];
    let [client, provider] = ends(plan, &connection)?;
    let mut sides = [
        Side {
            end: client,
            cluster: clusters[CLIENT],
            notification: None,
        },
        Side {
            end: provider,
            cluster: clusters[PROVIDER],
            notification: None,
        },
    ];
    let mut window = None;
    for (number, side) in sides.iter_mut().enumerate() {
        if let Some((component, notification)) = component(children, &connection, number) {
            side.notification = Some(notification);
            map(authority, &connection, component, side.end, &mut window);
        }
    }
    let window = window?;
    give_notifications(children, &connection, &sides);
    let first_pages = RINGS.map(|ring| window[ring]);
    let notices = [CLIENT, PROVIDER].map(|own| {
        let (side, peer) = (sides[own], sides[1 - own]);
        side.notification?;
        let doorbell = match peer.notification {
            Some(notification) => {
                Doorbell::Notification(authority.badged(notification, peer.end.badge))
            }
            None => wake_pages.doorbell(plan, connection.number, side.cluster, peer.cluster),
        };
        Some(DeathNotice::new(authority, first_pages[own], doorbell))
    });
    let own_process = match connection.client {
        Client::Vcore { .. } => sides[CLIENT].notification,
        Client::Service(_) => None,
    };
    Some(ConnectionParts {
        connection,
        first_pages,
        notices,
        telemetry: own_process.map(|_| first_pages.map(|page| authority.share(page, ROOT_TASK))),
    })
}

/// Gives the notification of each side that this instance runs to the component that wakes it: to the other side, or to its
/// own server on behalf of the other side.
fn give_notifications(children: &mut Children, connection: &Connection, sides: &[Side; 2]) {
    for own in [CLIENT, PROVIDER] {
        let (side, peer) = (sides[own], sides[1 - own]);
        let Some(notification) = side.notification else {
            continue;
        };
        match peer.notification {
            Some(_) => {
                let (waker, _) = component(children, connection, 1 - own)
                    .expect("the instance runs what has a notification here");
                let slot = peer.end.peer_slot;
                waker.give(slot, notification, CapRights::write_only(), side.end.badge);
            }
            None => {
                let server = Server::of(&mut children.servers, side.cluster as usize);
                let slot = slot::crossing_notification(connection.number);
                let badge = side.end.badge;
                let rights = CapRights::write_only();
                server.component.give(slot, notification, rights, badge);
            }
        }
    }
}

/// The component that has a side of a connection, and its notification, where this instance runs it.
fn component<'a>(
    children: &'a mut Children,
    connection: &Connection,
    side: usize,
) -> Option<(&'a mut Component<'static>, cap::Notification)> {
    match side {
        CLIENT => children.client(connection.client),
        _ => children.provider(connection.provider),
    }
}

/// Maps a connection's window in one side; the pages are made for the first one and shared with the second one.
fn map(
    authority: &mut Authority,
    connection: &Connection,
    component: &mut Component<'static>,
    end: End,
    window: &mut Option<Vec<Page>>,
) {
    let rights = CapRights::read_write();
    match window {
        Some(pages) => component.map_shared(authority, pages, end.window, rights),
        None => {
            let count = RING_WINDOW_SIZE / PAGE_SIZE;
            let pages =
                component.map_outside(authority, connection.window, end.window, count, rights);
            *window = Some(pages);
        }
    }
}

/// Lets observers and operators read what the connections tell that they may watch, and observers the plan.
pub fn let_watch(authority: &mut Authority, plan: &Plan, children: &mut Children) {
    let rights = CapRights::read_only();
    // The first pages of connections of which both sides are of other instances, made for the first observer that sees them.
    let mut outside: BTreeMap<usize, Page> = BTreeMap::new();
    for process in &mut children.processes {
        let component = &mut process.component;
        if plan.processes()[process.index].observer != 0 {
            component.map_bytes(authority, layout::PLAN, plan.as_bytes());
        }
        let watched = plan.watched_by(process.index);
        let bits = u64::BITS as usize;
        let sees = |it: &Connection| watched[it.number / bits] & 1 << (it.number % bits) != 0;
        for connection in plan.connections().filter(sees) {
            let number = connection.number;
            let parts = &children.connections;
            // They are in the order of their numbers.
            let here = parts.binary_search_by_key(&number, |parts| parts.connection.number);
            for (ring, first_page) in RINGS.into_iter().enumerate() {
                let address = layout::telemetry(number, ring);
                match here {
                    Ok(index) => {
                        let page = parts[index].first_pages[ring];
                        component.map_shared(authority, &[page], address, rights);
                    }
                    Err(_) => {
                        if let Some(page) = outside.get(&address) {
                            component.map_shared(authority, &[*page], address, rights);
                            continue;
                        }
                        let physical = connection.window + (first_page * PAGE_SIZE) as u64;
                        let made = component.map_outside(authority, physical, address, 1, rights);
                        outside.extend(made.into_iter().map(|page| (address, page)));
                    }
                }
            }
        }
    }
}

/// What crossed a connection, as its client counted; doorbells of the provider as that one counted.
pub struct Counts {
    /// Messages that the client sent.
    pub sent: u64,
    /// Messages that it received.
    pub received: u64,
    /// Doorbells that it rang.
    pub doorbells: u64,
    /// Doorbells that the provider rang.
    pub peer_doorbells: u64,
    /// How often the client looks for work in vain before it blocks.
    pub poll_budget: u64,
}

impl ConnectionParts {
    /// Announces that a side of this instance is gone, and wakes the other side.
    pub fn announce(&self, authority: &mut Authority, side: usize) {
        if let Some(notice) = &self.notices[side] {
            notice.announce(authority);
        }
    }

    /// What crossed it; `None` where its client is no process of this instance.
    pub fn counts(&self, authority: &mut Authority) -> Option<Counts> {
        let [outgoing, incoming] = self.telemetry?.map(|page| {
            authority.with_page(page, VmAttributes::DEFAULT, |mapped| {
                // SAFETY: the page is the first one of a ring, and mapped while this runs.
                unsafe { Telemetry::read(mapped.address()) }
            })
        });
        Some(Counts {
            sent: outgoing.sent,
            received: incoming.received,
            doorbells: outgoing.doorbells,
            peer_doorbells: incoming.doorbells,
            poll_budget: incoming.poll_budget,
        })
    }
}
