//! Waking between kernels: the wake pages of channels, and the pages on which components ask their server to wake others.

use alloc::vec::Vec;

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::layout::{self, server_badge, slot};
use atoll_abi::plan::{MAX_PROCESSES, NONE, Plan};
use sel4::{CapRights, cap};

use crate::authority::{Authority, ROOT_TASK};
use crate::children::Children;
use crate::component::{Component, Page};
use crate::death_notice::Doorbell;
use crate::server::Server;

/// The root task's own capabilities to what wakes other kernels, for the time when a server cannot.
pub struct WakePages {
    /// By channel.
    pages: Vec<(usize, Page)>,
    hpet: Option<Page>,
}

impl WakePages {
    /// Maps the wake page of each channel to another instance in the server of this one.
    pub fn map(authority: &mut Authority, plan: &Plan, servers: &mut [Server]) -> WakePages {
        let mut pages = Vec::new();
        for (number, channel) in plan.channels().iter().enumerate() {
            if channel.wake_page == 0 {
                continue;
            }
            let mut servers = servers.iter_mut();
            let Some(server) = servers.find(|it| channel.end_of(it.cluster as u32).is_some())
            else {
                continue;
            };
            let page = server.component.map_outside(
                authority,
                channel.wake_page,
                layout::wake_page(number),
                1,
                CapRights::read_write(),
            )[0];
            pages.push((number, authority.share(page, ROOT_TASK)));
        }
        let hpet = (!pages.is_empty()).then(|| authority.hpet_page(ROOT_TASK));
        WakePages { pages, hpet }
    }

    /// How the root task wakes the side of a connection that a cluster of another instance has, on behalf of the server of
    /// the cluster `from`.
    pub fn doorbell(&self, plan: &Plan, number: usize, from: u32, to: u32) -> Doorbell {
        let way = plan.channel_between(from, to);
        let way = way.and_then(|(channel, end)| {
            let page = self.pages.iter().find(|(number, _)| *number == channel)?;
            Some((page.1, end))
        });
        let (wake_page, end) = way.unwrap_or_else(|| {
            panic!("connection {number} crosses kernels, and the plan has no channel for it")
        });
        let comparator = plan.clusters()[to as usize].comparator;
        Doorbell::OtherKernel {
            wake_page,
            end,
            connection: number,
            comparator: self
                .hpet
                .filter(|_| comparator != NONE)
                .map(|page| (page, comparator)),
        }
    }
}

/// Gives each component that has a connection to another instance a page of wake requests, shared with its server.
pub fn give_requests(authority: &mut Authority, plan: &Plan, children: &mut Children) {
    for process in &mut children.processes {
        let index = process.index;
        let own = |it: &Connection| matches!(it.client, Client::Vcore { process, .. } if process == index);
        if crosses(plan, own) {
            let cluster = plan.processes()[index].cluster as usize;
            let server = Server::of(&mut children.servers, cluster);
            share_requests(authority, &mut process.component, server, index);
        }
    }
    for service in &mut children.services {
        let index = service.index;
        if crosses(plan, |it| it.provider == Provider::Service(index)) {
            let cluster = plan.services()[index].cluster as usize;
            let server = Server::of(&mut children.servers, cluster);
            let place = MAX_PROCESSES + index;
            share_requests(authority, &mut service.component, server, place);
            let badge = server_badge::WAKE_REQUESTED;
            give_server_notification(&service.component, server.notification, badge);
        }
    }
}

/// Lets a component wake its server, which knows it by a badge.
pub fn give_server_notification(
    component: &Component<'_>,
    notification: cap::Notification,
    badge: u64,
) {
    component.give(
        slot::SERVER_NOTIFICATION,
        notification,
        CapRights::write_only(),
        badge,
    );
}

fn crosses(plan: &Plan, own: impl Fn(&Connection) -> bool) -> bool {
    plan.connections()
        .any(|connection| own(&connection) && plan.crosses_kernels(&connection))
}

fn share_requests(
    authority: &mut Authority,
    component: &mut Component<'_>,
    server: &mut Server,
    place: usize,
) {
    let page = component.map_new(authority, layout::WAKE_REQUESTS, 1);
    server.component.map_shared(
        authority,
        &page,
        layout::server_wake_requests(place),
        CapRights::read_write(),
    );
}
