//! What the root task does when a component dies: it takes the steps that [`Lifecycle`] decides on.

mod processes;
mod starts;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use atoll_abi::connection::{Client, Provider};
use atoll_abi::event::Event;
use atoll_abi::layout::entry;
use atoll_abi::plan::Plan;
use atoll_root_task::lifecycle::{Child, Lifecycle, Step};
use atoll_root_task::watches::Watches;
use sel4_root_task::console::emit;

use crate::alarm::Alarm;
use crate::authority::Authority;
use crate::children::{Children, Context};
use crate::clock::Clock;
use crate::component::Component;
use crate::connections::{CLIENT, PROVIDER};
use processes::SERVER_DOWN;

/// The children, and which of them are gone.
pub struct Supervision<'a> {
    plan: &'a Plan,
    /// Maps the pages on which a death is announced, and those that are set back.
    authority: Authority,
    /// All children, dead or alive.
    pub children: Children,
    lifecycle: Lifecycle<'a>,
    /// Who wants to be woken after a time.
    watches: Watches,
    clock: Clock,
    /// Rings when the next component has to have started.
    alarm: Alarm,
    /// Components of which an operator wants so many lives more to stand still from their start on.
    standing: Vec<(Child, u64)>,
    /// Components that stay down.
    down: Vec<Child>,
    /// How often each component was started again that ever was.
    restarts: Vec<(Child, u64)>,
    /// Processes that cannot go on, which their servers have not ended yet; with its exit status, where one has named it.
    to_be_ended: Vec<(usize, Option<u64>)>,
}

impl<'a> Supervision<'a> {
    /// All are alive.
    pub fn new(
        context: &Context<'a>,
        authority: Authority,
        alarm: Alarm,
        children: Children,
    ) -> Supervision<'a> {
        Supervision {
            plan: context.plan,
            authority,
            children,
            lifecycle: Lifecycle::new(context.plan),
            watches: Watches::default(),
            clock: Clock::new(context.time.ticks_per_microsecond),
            alarm,
            standing: Vec::new(),
            down: Vec::new(),
            restarts: Vec::new(),
            to_be_ended: Vec::new(),
        }
    }

    /// Whether a component stays down.
    pub fn stays_down(&self, child: Child) -> bool {
        self.down.contains(&child)
    }

    /// A component took a fault, does not start, or is to be stopped. Tells whether it has been started again at once.
    pub fn lost(&mut self, child: Child) -> bool {
        if let Child::Process(process) = child {
            self.end_by_server(process, None);
            return false;
        }
        let steps = self.lifecycle.lost(child, self.clock.milliseconds());
        self.take(&steps);
        steps.contains(&Step::Start(child))
    }

    /// Has a component stand still.
    pub fn hold(&mut self, child: Child) {
        if let Some(component) = self.component(child) {
            component.suspend();
        }
    }

    /// Whether this instance runs a component.
    pub fn runs(&mut self, child: Child) -> bool {
        self.component(child).is_some()
    }

    /// The driver of a device says that the device writes nothing any more for a service that is gone.
    pub fn service_quiet(&mut self, device: usize, slot: usize) {
        let now = self.clock.milliseconds();
        let steps = self.lifecycle.service_quiet(device, slot, now);
        self.take(&steps);
    }

    /// The driver of a device, which was started only for that, says that the device writes nothing any more.
    pub fn device_quiet(&mut self, device: usize) {
        let now = self.clock.milliseconds();
        let steps = self.lifecycle.device_quiet(device, now);
        self.take(&steps);
    }

    /// The driver of a device says that the device can be used.
    pub fn driver_ready(&mut self, device: usize) {
        let now = self.clock.milliseconds();
        let steps = self.lifecycle.driver_ready(device, now);
        self.take(&steps);
    }

    /// The driver of a device says that it cannot start, and whether the device writes nothing any more.
    pub fn driver_failed(&mut self, device: usize, quiet: bool) {
        let now = self.clock.milliseconds();
        let steps = self.lifecycle.driver_failed(device, quiet, now);
        self.take(&steps);
    }

    fn take(&mut self, steps: &[Step]) {
        for step in steps {
            match *step {
                Step::Suspend(child) => self.hold(child),
                Step::TellDriver(service) => {
                    self.announce(CLIENT, |client, _| client == Client::Service(service));
                }
                Step::TellClients(service) => {
                    self.announce(PROVIDER, |_, provider| {
                        provider == Provider::Service(service)
                    });
                }
                Step::TellServices(device) => {
                    self.announce(PROVIDER, |_, provider| provider == Provider::Driver(device));
                }
                Step::TellVcores(cluster) => self.tell_vcores(cluster),
                Step::Start(child) => self.start(child),
                Step::Quiesce(device) => {
                    let restarts = self.count_restart(Child::Driver(device));
                    let number = entry::number(device, restarts) | entry::QUIESCE;
                    self.enter(Child::Driver(device), Some(number));
                }
                Step::Down(child, restarts) => self.report_down(child, restarts),
            }
        }
    }

    fn count_restart(&mut self, child: Child) -> u64 {
        let known = self.restarts.iter().position(|(known, _)| *known == child);
        let place = known.unwrap_or_else(|| {
            self.restarts.push((child, 0));
            self.restarts.len() - 1
        });
        self.restarts[place].1 += 1;
        self.restarts[place].1
    }

    /// Starts a component again.
    fn start(&mut self, child: Child) {
        let restarts = self.count_restart(child);
        match child {
            Child::Server(index) | Child::Service(index) | Child::Driver(index) => {
                self.enter(child, Some(entry::number(index, restarts)));
            }
            Child::Process(index) => self.start_process(index, restarts as u32 + 1),
        }
        let who = self.name(child);
        emit(&Event::Restarted {
            who: format_args!("{who}"),
            generation: restarts as u32 + 1,
        });
    }

    /// Sets a component back and lets it run.
    fn enter(&mut self, child: Child, number: Option<u64>) {
        let Some(thread) = (match child {
            Child::Server(index) => self.children.server(index).map(|it| it.thread),
            Child::Service(index) => self.children.service_of(index).map(|it| it.thread),
            Child::Driver(index) => self.children.driver(index).map(|it| it.thread),
            Child::Process(_) => None,
        }) else {
            return;
        };
        self.reset(child, number);
        if !self.is_held(child) {
            // It was set up when the instance started.
            let _ = thread.tcb_resume();
        }
    }

    fn reset(&mut self, child: Child, number: Option<u64>) {
        self.watches.end(child);
        let (authority, children) = (&mut self.authority, &mut self.children);
        if let Some(component) = children.component(child) {
            component.reset(authority, number);
        }
    }

    fn component(&mut self, child: Child) -> Option<&mut Component<'static>> {
        self.children.component(child)
    }

    fn report_down(&mut self, child: Child, restarts: u32) {
        self.down.push(child);
        let who = self.name(child);
        emit(&Event::Down {
            who: format_args!("{who}"),
            restarts,
        });
        if let Child::Server(cluster) = child {
            for process in &self.children.processes {
                if self.plan.processes()[process.index].cluster as usize == cluster {
                    self.authority.with_copy(process.information, |mapped| {
                        mapped.write_u32(SERVER_DOWN, 1);
                    });
                }
            }
            emit(&Event::Stopped {
                cluster: format_args!("{}", self.plan.clusters()[cluster].name),
            });
        }
    }

    /// A component's name in events.
    pub fn name(&self, child: Child) -> String {
        match child {
            Child::Server(index) => format!("server:{}", self.plan.clusters()[index].name),
            Child::Service(index) => format!("service:{}", self.plan.services()[index].name),
            Child::Driver(index) => format!("driver:{}", self.plan.devices()[index].name),
            Child::Process(index) => format!("process:{}", self.plan.processes()[index].name),
        }
    }

    /// Announces that one side of some connections is gone.
    fn announce(&mut self, side: usize, dead: impl Fn(Client, Provider) -> bool) {
        for parts in &self.children.connections {
            if dead(parts.connection.client, parts.connection.provider) {
                parts.announce(&mut self.authority, side);
            }
        }
    }

    fn tell_vcores(&mut self, cluster: usize) {
        for process in &self.children.processes {
            if self.plan.processes()[process.index].cluster as usize == cluster {
                for notice in &process.server_notices {
                    notice.announce(&mut self.authority);
                }
            }
        }
    }
}
