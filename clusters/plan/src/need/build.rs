//! The steps of a root task, in its order.

use atoll_abi::connection::{Client, Provider};
use atoll_abi::layout::{self, PAGE_SIZE, RING_WINDOW_SIZE};
use atoll_abi::plan::{HPET_BASE, NONE, Plan};
use atoll_abi::timeline::Writer;

use super::amount::{CONNECTION_RECORD, SEEN_RECORD};
use super::component::{Components, Holder, SERVER_PROGRAM};
use super::device_memory::DeviceMemory;

const WINDOW_PAGES: u64 = (RING_WINDOW_SIZE / PAGE_SIZE) as u64;

/// Follows the root task of an instance.
pub(super) struct Build<'a> {
    plan: &'a Plan,
    instance: u32,
    components: Components,
    device_memory: DeviceMemory,
}

impl Build<'_> {
    /// What the components of an instance take.
    pub(super) fn of(plan: &Plan, instance: usize) -> Components {
        let mut build = Build {
            plan,
            instance: instance as u32,
            components: Components::default(),
            device_memory: DeviceMemory::new(plan),
        };
        build.servers();
        build.drivers();
        build.services();
        build.wake_pages();
        build.connections();
        build.wake_requests();
        build.watchers();
        build.timeline();
        build.components
    }

    fn runs(&self, cluster: u32) -> bool {
        self.plan.instance_of(cluster) == self.instance
    }

    /// Pages of memory that belongs to no instance, or of a device, mapped in a component: they are made for the first one that has
    /// them.
    fn outside(&mut self, holder: Holder, physical: u64, address: usize, pages: u64) {
        let own = self.components.of(holder);
        own.amount.slots += self.device_memory.take(physical, pages);
        own.share(address, pages);
    }

    fn servers(&mut self) {
        let plan = self.plan;
        for cluster in (0..).take(plan.clusters().len()) {
            if !self.runs(cluster) {
                continue;
            }
            let server = Holder::Server(cluster as usize);
            let own = self.components.start(server, SERVER_PROGRAM);
            own.cspace(layout::slot::of_server(plan, cluster));
            own.fresh(layout::PLAN, plan.pages() as u64);
            own.fresh(layout::SERVER_INFO, 1);
            own.notification();
            own.thread(0);
            if plan.uses_hpet(cluster) {
                // Its registers, and for its comparator a badge and a handler.
                own.amount.slots += 2;
                self.outside(server, HPET_BASE, layout::HPET, 1);
            }
            for (index, _) in plan.processes_of(cluster) {
                self.process(index, server);
            }
        }
    }

    fn process(&mut self, index: usize, server: Holder) {
        let plan = self.plan;
        let row = &plan.processes()[index];
        let process = Holder::Process(index);
        let own = self.components.start(process, row.image.as_str());
        own.cspace(layout::slot::of_process(row));
        // The badge by which it wakes its server, and the endpoint of its callers.
        own.amount.slots += 2;
        own.fresh(layout::PROCINFO, 1);
        own.share(layout::SERVER_INFO, 1);
        let heap_pages = row.heap_size.div_ceil(PAGE_SIZE as u64);
        own.fresh(layout::HEAP, heap_pages);
        own.frames(row.frames);
        if plan.may_hold_frames(row) {
            own.touch_large(layout::FRAMES);
        }
        for uthread in 0..=row.uthreads as usize {
            let stack = layout::uthread_stack(uthread);
            own.fresh(stack.start, (stack.len() / PAGE_SIZE) as u64);
        }
        for vcore in 0..row.vcores as usize {
            own.fresh(layout::vcore_window(vcore), WINDOW_PAGES);
            own.notification();
            // Its badge, and the two announcements of a death on its ring.
            own.amount.slots += 3;
            own.thread(vcore);
        }
        let pool = &plan.pools()[row.pool as usize];
        self.outside(process, pool.base, layout::BLOCKS, u64::from(pool.blocks));
        let address = layout::server_procinfo(index);
        self.share_with_server(process, server, address, 1);
        for vcore in 0..row.vcores as usize {
            let address = layout::server_vcore_window(row.vcore_number(vcore));
            self.share_with_server(process, server, address, WINDOW_PAGES);
        }
    }

    /// Pages of a component that its server also has: the need is the component's, the paging structures the server's.
    fn share_with_server(&mut self, holder: Holder, server: Holder, address: usize, pages: u64) {
        self.components.of(holder).shared(pages);
        self.components.of(server).touch(address, pages);
    }

    fn drivers(&mut self) {
        let plan = self.plan;
        for (device, row) in plan.devices().iter().enumerate() {
            // One that no service uses has no driver.
            if !self.runs(row.cluster) || plan.services_of_device(device).next().is_none() {
                continue;
            }
            let driver = Holder::Driver(device);
            let own = self.components.start(driver, crate::checked::driver(row));
            own.cspace(layout::slot::of_driver(plan, device));
            own.fresh(layout::PLAN, plan.pages() as u64);
            own.registers();
            // Its memory for DMA comes out of an untyped of its own, its interrupt has a handler and a badge, and so has the end of
            // its time.
            own.amount.slots += 4;
            own.fresh(layout::DMA, layout::DMA_PAGES as u64);
            own.notification();
            own.thread(0);
            if let Some(reached) = plan.driver_pool(device) {
                let pool = &plan.pools()[reached.pool as usize];
                self.outside(driver, pool.base, reached.address, pool.blocks.into());
            }
        }
    }

    fn services(&mut self) {
        let plan = self.plan;
        for (index, row) in plan.services().iter().enumerate() {
            if !self.runs(row.cluster) {
                continue;
            }
            let service = Holder::Service(index);
            let image = crate::checked::service_image(row);
            let own = self.components.start(service, image);
            own.cspace(layout::slot::of_service(plan, index));
            // The badge of the end of its time.
            own.amount.slots += 1;
            own.fresh(layout::PLAN, plan.pages() as u64);
            own.notification();
            own.thread(0);
            own.fresh(layout::HEAP, row.heap_size.div_ceil(PAGE_SIZE as u64));
            for reached in plan.reached_pools(index) {
                let pool = &plan.pools()[reached.pool as usize];
                self.outside(service, pool.base, reached.address, pool.blocks.into());
            }
        }
    }

    /// The wake pages of channels to other instances, which the root task has too, with the registers of the HPET.
    fn wake_pages(&mut self) {
        let plan = self.plan;
        for (number, channel) in plan.channels().iter().enumerate() {
            let mut ends = channel.clusters.into_iter();
            let own = ends.find(|cluster| channel.wake_page != 0 && self.runs(*cluster));
            if let Some(cluster) = own {
                let server = Holder::Server(cluster as usize);
                self.outside(server, channel.wake_page, layout::wake_page(number), 1);
                self.components.of(Holder::RootTask).shared(2);
            }
        }
    }

    fn connections(&mut self) {
        let plan = self.plan;
        for connection in plan.connections() {
            let client = match connection.client {
                Client::Vcore { process, .. } => Holder::Process(process),
                Client::Service(service) => Holder::Service(service),
            };
            let provider = match connection.provider {
                Provider::Service(service) => Holder::Service(service),
                Provider::Driver(device) => Holder::Driver(device),
            };
            let here = [
                self.runs(plan.client_cluster(connection.client)),
                self.runs(plan.provider_cluster(connection.provider)),
            ];
            // What a side needs is counted as the client's where that is here.
            let payer = if here[0] { client } else { provider };
            let window = match (connection.client, connection.provider) {
                (Client::Vcore { process, vcore }, Provider::Service(service)) => {
                    let port = plan.processes()[process].port(service).unwrap_or(0);
                    layout::port_window(port, vcore)
                }
                _ => layout::DRIVER_WINDOW,
            };
            let there = layout::client_window(connection.slot);
            match here {
                [true, both] => {
                    self.outside(client, connection.window, window, WINDOW_PAGES);
                    if both {
                        self.share_with_server(client, provider, there, WINDOW_PAGES);
                    }
                }
                [false, true] => self.outside(provider, connection.window, there, WINDOW_PAGES),
                [false, false] => continue,
            }
            let own = self.components.of(payer);
            // For each side here: an announcement of its death, and the badge to announce it with.
            let sides = here.iter().filter(|here| **here).count() as u64;
            own.shared(sides);
            own.amount.slots += sides;
            own.amount.records += CONNECTION_RECORD;
            if here[0] && matches!(client, Holder::Process(_)) {
                // What both sides counted is read when the process ends.
                own.shared(2);
            }
        }
    }

    /// A page of wake requests for each component with a connection to another instance.
    fn wake_requests(&mut self) {
        let plan = self.plan;
        let mut asks: Vec<(Holder, u32)> = Vec::new();
        for connection in plan.connections().filter(|it| plan.crosses_kernels(it)) {
            let client = plan.client_cluster(connection.client);
            let provider = plan.provider_cluster(connection.provider);
            if let Client::Vcore { process, .. } = connection.client {
                asks.push((Holder::Process(process), client));
            }
            if let Provider::Service(service) = connection.provider {
                asks.push((Holder::Service(service), provider));
            }
        }
        asks.sort_unstable();
        asks.dedup();
        for (holder, cluster) in asks {
            if self.runs(cluster) {
                self.components.of(holder).fresh(layout::WAKE_REQUESTS, 1);
                let place = layout::server_wake_requests(match holder {
                    Holder::Service(service) => atoll_abi::plan::MAX_PROCESSES + service,
                    Holder::Process(process) => process,
                    _ => NONE as usize,
                });
                let server = Holder::Server(cluster as usize);
                self.share_with_server(holder, server, place, 1);
            }
        }
    }

    /// The windows in which components note what they do.
    fn timeline(&mut self) {
        let plan = self.plan;
        let pages = plan.timeline_window_size() / PAGE_SIZE as u64;
        for writer in plan.timeline_writers() {
            let Some(physical) = plan.timeline_window(writer) else {
                continue;
            };
            let (holder, vcore) = match writer {
                Writer::Server(cluster) => (Holder::Server(cluster), 0),
                Writer::Service(service) => (Holder::Service(service), 0),
                Writer::Driver(device) => (Holder::Driver(device), 0),
                Writer::Vcore { process, vcore } => (Holder::Process(process), vcore),
            };
            if self.runs(plan.timeline_cluster(writer)) {
                self.outside(holder, physical, layout::timeline(vcore), pages);
            }
        }
    }

    /// What observers and operators read: the plan, and the first pages of the rings that they watch.
    fn watchers(&mut self) {
        let plan = self.plan;
        for (index, row) in plan.processes().iter().enumerate() {
            if !self.runs(row.cluster) {
                continue;
            }
            let process = Holder::Process(index);
            if row.observer != 0 {
                let pages = plan.pages() as u64;
                self.components.of(process).fresh(layout::PLAN, pages);
            }
            let watched = plan.watched_by(index);
            let bits = u64::BITS as usize;
            for connection in plan.connections() {
                let number = connection.number;
                if watched[number / bits] & 1 << (number % bits) == 0 {
                    continue;
                }
                let is_here = self.runs(plan.client_cluster(connection.client))
                    || self.runs(plan.provider_cluster(connection.provider));
                if is_here {
                    let own = self.components.of(process);
                    own.share(layout::telemetry(number, 0), 2);
                    continue;
                }
                for ring in [0, 1] {
                    let physical = connection.window + (ring * RING_WINDOW_SIZE / 2) as u64;
                    self.outside(process, physical, layout::telemetry(number, ring), 1);
                    self.components.of(process).amount.records += SEEN_RECORD;
                }
            }
        }
    }
}
