//! No two things that a component is given have the same address or the same slot.

use std::collections::BTreeSet;
use std::ops::Range;

use atoll_abi::connection::{Client, Provider};
use atoll_abi::layout::{self, PAGE_SIZE, RING_WINDOW_SIZE, STACK_SIZE, slot};
use atoll_abi::plan::{MAX_PROCESSES, Plan, Process};

/// What a component has: ranges of addresses, and slots.
#[derive(Default)]
struct Space {
    regions: Vec<Range<usize>>,
    slots: BTreeSet<u64>,
}

impl Space {
    /// With a thread for each of so many vcores.
    fn new(threads: usize) -> Space {
        let mut space = Space::default();
        for thread in 0..threads {
            let stack = layout::stack_base(thread);
            // The page below a stack is no other one's.
            space.add(stack - PAGE_SIZE, PAGE_SIZE + STACK_SIZE);
            space.add(layout::ipc_buffer(thread), PAGE_SIZE);
            space.add(layout::tls(thread), layout::TLS_PAGES * PAGE_SIZE);
        }
        for fixed in 1..=slot::CALLERS {
            space.slot(fixed);
        }
        space
    }

    fn add(&mut self, start: usize, size: usize) {
        assert!(start.is_multiple_of(PAGE_SIZE) && size > 0);
        self.regions.push(start..start + size);
    }

    /// The windows of the timeline of so many threads.
    fn timeline(&mut self, plan: &Plan, threads: usize) {
        let size = plan.timeline_window_size() as usize;
        for thread in (0..threads).filter(|_| size > 0) {
            self.add(layout::timeline(thread), size);
        }
    }

    fn window(&mut self, start: usize) {
        self.add(start, RING_WINDOW_SIZE);
    }

    fn page(&mut self, start: usize) {
        self.add(start, PAGE_SIZE);
    }

    fn slot(&mut self, slot: u64) {
        assert!(self.slots.insert(slot), "slot {slot} is taken");
    }

    /// Nothing overlaps, and the slots are within a capability space of so many.
    fn assert_sound(mut self, slots: u64) {
        self.regions.sort_by_key(|region| region.start);
        for pair in self.regions.windows(2) {
            assert!(pair[0].end <= pair[1].start, "{pair:x?} overlap");
        }
        assert!(self.regions.iter().all(|it| it.start >= layout::AREA_BASE));
        let last = self.slots.last().copied().unwrap_or(0);
        assert!(last < slots, "slot {last} of {slots}");
        assert!(slots <= 1 << slot::bits(slots));
    }
}

/// Asserts it of every component.
pub fn assert_sound(plan: &Plan) {
    for (cluster, _) in (0..).zip(plan.clusters()) {
        server(plan, cluster);
    }
    for service in 0..plan.services().len() {
        self::service(plan, service);
    }
    for device in 0..plan.devices().len() {
        driver(plan, device);
    }
    for (index, row) in plan.processes().iter().enumerate() {
        process(plan, index, row);
    }
}

fn server(plan: &Plan, cluster: u32) {
    let mut space = Space::new(1);
    space.add(layout::PLAN, plan.pages() * PAGE_SIZE);
    space.page(layout::SERVER_INFO);
    space.page(layout::HPET);
    space.timeline(plan, 1);
    let mut numbers = BTreeSet::new();
    for (index, process) in plan.processes_of(cluster) {
        space.page(layout::server_procinfo(index));
        space.page(layout::server_wake_requests(index));
        assert!(numbers.insert(process.number));
        for vcore in 0..process.vcores as usize {
            let number = process.vcore_number(vcore);
            space.window(layout::server_vcore_window(number));
            space.slot(slot::vcore_thread(number));
            space.slot(slot::server_vcore_notification(number));
        }
    }
    for (index, service) in plan.services().iter().enumerate() {
        if service.cluster == cluster {
            space.page(layout::server_wake_requests(MAX_PROCESSES + index));
        }
    }
    for (number, channel) in plan.channels().iter().enumerate() {
        if channel.end_of(cluster).is_some() {
            space.page(layout::wake_page(number));
        }
    }
    for crossing in plan.crossings_of(cluster) {
        space.slot(slot::crossing_notification(crossing.number));
    }
    space.assert_sound(slot::of_server(plan, cluster).max(slot::CALLERS + 1));
}

fn service(plan: &Plan, index: usize) {
    let mut space = Space::new(1);
    space.add(layout::PLAN, plan.pages() * PAGE_SIZE);
    space.add(layout::HEAP, plan.services()[index].heap_size as usize);
    for reached in plan.reached_pools(index) {
        let blocks = plan.pools()[reached.pool as usize].blocks as usize;
        space.add(reached.address, blocks * PAGE_SIZE);
    }
    space.page(layout::WAKE_REQUESTS);
    space.window(layout::DRIVER_WINDOW);
    space.timeline(plan, 1);
    for connection in plan.clients_of(Provider::Service(index)) {
        space.window(layout::client_window(connection.slot));
        space.slot(slot::client_notification(connection.slot));
    }
    space.assert_sound(slot::of_service(plan, index));
}

fn driver(plan: &Plan, device: usize) {
    let mut space = Space::new(1);
    space.add(layout::PLAN, plan.pages() * PAGE_SIZE);
    space.page(layout::DEVICE_CONFIGURATION);
    space.add(layout::DEVICE_BARS, 6 * layout::DEVICE_BAR_STRIDE);
    space.add(layout::DMA, layout::DMA_PAGES * PAGE_SIZE);
    space.timeline(plan, 1);
    if let Some(reached) = plan.driver_pool(device) {
        let blocks = plan.pools()[reached.pool as usize].blocks as usize;
        space.add(reached.address, blocks * PAGE_SIZE);
    }
    for connection in plan.clients_of(Provider::Driver(device)) {
        space.window(layout::client_window(connection.slot));
        space.slot(slot::client_notification(connection.slot));
    }
    space.assert_sound(slot::of_driver(plan, device));
}

fn process(plan: &Plan, index: usize, row: &Process) {
    let mut space = Space::new(row.vcores as usize);
    space.page(layout::PROCINFO);
    space.page(layout::SERVER_INFO);
    space.page(layout::WAKE_REQUESTS);
    for uthread in 0..=row.uthreads as usize {
        let stack = layout::uthread_stack(uthread);
        space.add(stack.start - PAGE_SIZE, PAGE_SIZE + stack.len());
    }
    let blocks = plan.pools()[row.pool as usize].blocks as usize;
    space.add(layout::BLOCKS, blocks * PAGE_SIZE);
    space.add(layout::HEAP, row.heap_size as usize);
    space.timeline(plan, row.vcores as usize);
    for vcore in 0..row.vcores as usize {
        space.window(layout::vcore_window(vcore));
        space.slot(slot::VCORE_NOTIFICATIONS + vcore as u64);
        space.slot(slot::FAULT_ENDPOINTS + vcore as u64);
    }
    for connection in plan.connections() {
        let own = matches!(connection.client, Client::Vcore { process, .. } if process == index);
        if let (true, Client::Vcore { vcore, .. }, Provider::Service(service)) =
            (own, connection.client, connection.provider)
        {
            let port = row.port(service).unwrap();
            space.window(layout::port_window(port, vcore));
            space.slot(slot::port_notification(port, vcore));
        }
        if row.operator != 0 {
            space.page(layout::telemetry(connection.number, 0));
            space.page(layout::telemetry(connection.number, 1));
        }
    }
    for callee in plan.processes() {
        if plan.may_call(row, callee) {
            space.slot(slot::CALLEES + u64::from(callee.number));
        }
    }
    space.assert_sound(slot::of_process(row));
}
