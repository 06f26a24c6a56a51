//! The life of a service on seL4.

#![allow(unsafe_code)]

mod pools;
mod work;

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use atoll_abi::connection::{Client, Connection, Provider};
use atoll_abi::layout::{self, entry, request, service_badge, slot};
use atoll_abi::plan::{Plan, Rank};
use atoll_abi::timeline::Channel;
use atoll_call::Service;
use atoll_channel::{Doorbell, Endpoint, EndpointLink, Side, WakeWords, budget};
use atoll_component::{like_blocking, meter, report, report_ready, ticks, wait};
use sel4::cap;

pub use work::Meter;

use crate::clock::{Alarm, Clock};
use crate::guest::pools::Pools;
use crate::host::Host;
use crate::patience::Patience;

/// How the other side of a connection is woken.
pub enum PeerDoorbell {
    /// By a notification of the same kernel instance.
    Notification(cap::Notification),
    /// By the server: the connection's bit in the wake requests, and one signal.
    Server(WakeWords, usize),
}

impl Doorbell for PeerDoorbell {
    fn ring(&mut self) {
        meter::entry();
        match self {
            PeerDoorbell::Notification(notification) => notification.signal(),
            PeerDoorbell::Server(requests, connection) => {
                requests.set(*connection);
                cap::Notification::from_bits(slot::SERVER_NOTIFICATION).signal();
            }
        }
    }
}

type Link = EndpointLink<PeerDoorbell>;

/// The links to the clients, and the one to the driver. Made once.
fn links(plan: &Plan, service: usize) -> (Vec<Link>, Link) {
    static MADE: AtomicBool = AtomicBool::new(false);
    assert!(
        !MADE.swap(true, Ordering::Relaxed),
        "a service has one set of links"
    );
    let attach = |window: usize, side: Side| {
        // SAFETY: the root task mapped a zeroed window there for each of this service's connections in the plan, which is
        // what the two callers below name, and leaves it. Each is attached once: this function runs once.
        unsafe { Endpoint::attach_next(window as *mut u8, side) }
    };
    let noted = |mut endpoint: Endpoint, connection: &Connection| {
        let channel = Channel::Connection(connection.number);
        endpoint.note_with(atoll_component::recorder().tap(channel));
        endpoint
    };
    let doorbell = |connection: &Connection| {
        if !plan.crosses_kernels(connection) {
            let slot = slot::client_notification(connection.slot);
            return PeerDoorbell::Notification(cap::Notification::from_bits(slot));
        }
        // SAFETY: the root task mapped a page there for a service with a connection that crosses kernels; nothing else
        // uses it but wake words, on this side and the server's.
        let requests = unsafe { WakeWords::attach(layout::WAKE_REQUESTS as *mut u8) };
        PeerDoorbell::Server(requests, connection.number)
    };
    let connections = || plan.clients_of(Provider::Service(service));
    // As long as it has to be: the heap has room for one such list, and not for a longer one.
    let mut clients = Vec::with_capacity(connections().count());
    clients.extend(connections().map(|connection| {
        let window = layout::client_window(connection.slot);
        let endpoint = noted(attach(window, Side::Second), &connection);
        Link::begin(endpoint, doorbell(&connection))
    }));
    let bell = PeerDoorbell::Notification(cap::Notification::from_bits(slot::PEER_NOTIFICATION));
    let mut driver = attach(layout::DRIVER_WINDOW, Side::First);
    let mut all = plan.connections();
    if let Some(own) = all.find(|it| it.client == Client::Service(service)) {
        driver = noted(driver, &own);
    }
    let driver = Link::begin(driver, bell);
    (clients, driver)
}

/// Waits until a service that has a clock is woken, by the time that it waits for at the latest; the badges of all who woke it.
fn wait_until<S: Service>(host: &Host<S, Link, Pools>, clock: Clock, alarm: &mut Alarm) -> u64 {
    let now = clock.time(ticks());
    if host.is_due(now) {
        return 0;
    }
    if let Some(milliseconds) = alarm.ask(now, host.service().due()) {
        report(request::WATCH, &[milliseconds]);
    }
    let badges = wait();
    if badges & service_badge::TIME != 0 {
        alarm.rung();
    }
    badges
}

/// The whole life of a service, which is entered with a number of [`entry`] and the bytes of its heap. `make` makes it from the
/// plan and its index.
///
/// # Panics
/// Where the root task mapped no plan of this version, or no heap.
pub fn run<S: Service>(number: u64, heap: u64, make: impl FnOnce(&Plan, usize) -> S) -> ! {
    // Before anything is allocated.
    atoll_component::heap::claim_mapped(heap as usize);
    atoll_component::note_begin();
    let index = entry::index(number);
    let plan = atoll_component::plan().expect("the root task maps a plan of this version");
    let (clients, driver) = links(plan, index);
    let service = make(plan, index);
    let own = &plan.services()[index];
    let instance = plan.instance_of(own.cluster);
    let alone = plan.hinders_nobody(Rank::Service, instance, own.core);
    // They grow with each life of this service, so that handles of an earlier one are not valid.
    let generations: Vec<u32> = clients.iter().map(|it| it.endpoint.generation()).collect();
    let mut host = Host::new(service, clients, Some(driver), Pools::new(plan, index));
    host.start(generations);
    let budget = match alone {
        // Turns without work before it arms its rings and blocks. Where it is not alone, others do something meanwhile.
        true => budget::calibrate(ticks, like_blocking, || !host.turn()),
        false => 0,
    };
    let rate = report_ready(&[u64::from(budget)]);
    // Until here the time was 0, as far as the service knew.
    let clock = Clock::new(ticks(), rate);
    let mut alarm = Alarm::default();
    let mut patience = Patience::new(budget);
    let mut meter = Meter::default();
    loop {
        let worked = meter.count(&mut host, |host| {
            let due = S::HAS_CLOCK && host.tick(clock.time(ticks()));
            host.turn() || due
        });
        if worked {
            patience.begin_anew();
            continue;
        }
        if patience.looks_again(host.service().is_busy()) {
            core::hint::spin_loop();
            continue;
        }
        let mut quiet = false;
        meter.count(&mut host, |host| {
            quiet = host.may_sleep();
            true
        });
        if quiet {
            let badges = match S::HAS_CLOCK {
                true => wait_until(&host, clock, &mut alarm),
                false => wait(),
            };
            meter.count(&mut host, |host| {
                host.awake(badges);
                true
            });
        }
        patience.begin_anew();
    }
}
