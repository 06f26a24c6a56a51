//! A personality server: the real personality over real rings, with the main loop of the server on seL4.

use atoll_abi::process::FAULTED;
use atoll_channel::Side;
use atoll_core::{Personality, Progress};

use crate::port::Port;
use crate::simulation::Simulation;
use crate::world::World;

/// A server.
pub struct Server {
    cluster: usize,
    pub personality: Personality,
    ports: Ports,
    started: bool,
    again: bool,
    armed: bool,
    idle: u64,
}

/// Its sides of channels.
pub struct Ports {
    /// By process of the plan and vcore; of other clusters' processes empty.
    pub vcores: Vec<Vec<Port>>,
    /// By channel of the plan; those of other clusters are none.
    pub channels: Vec<Option<Port>>,
    /// To its block driver.
    pub driver: Option<Port>,
}

impl Ports {
    fn all(&mut self) -> impl Iterator<Item = &mut Port> {
        let vcores = self.vcores.iter_mut().flatten();
        vcores
            .chain(self.channels.iter_mut().flatten())
            .chain(&mut self.driver)
    }
}

impl Server {
    /// A server that has not started; `again` where one of its cluster died before.
    pub fn new(simulation: &Simulation, cluster: usize, again: bool) -> Server {
        let scenario = simulation.scenario;
        let vcores = (0..scenario.all_processes()).map(|process| {
            if scenario.cluster_of(process) != cluster {
                return Vec::new();
            }
            let vcores = 0..scenario.vcores;
            vcores
                .map(|vcore| simulation.vcore_port(process, vcore, Side::First, again))
                .collect()
        });
        let channels = (0..scenario.channels()).map(|channel| match cluster {
            0 => Some(simulation.channel_port(channel, Side::First, again)),
            _ if cluster == channel + 1 => {
                Some(simulation.channel_port(channel, Side::Second, again))
            }
            _ => None,
        });
        Server {
            cluster,
            personality: Personality::new(&simulation.plan, cluster as u32),
            ports: Ports {
                vcores: vcores.collect(),
                channels: channels.collect(),
                driver: (cluster == 0).then(|| simulation.driver_port(cluster, Side::First, again)),
            },
            started: false,
            again,
            armed: false,
            idle: 0,
        }
    }

    /// One turn of the main loop.
    pub fn step(&mut self, simulation: &Simulation) {
        let me = simulation.server(self.cluster);
        if std::mem::take(&mut self.armed) {
            self.ports.all().for_each(|port| port.end.receiver.disarm());
        }
        let mut world = World {
            simulation,
            cluster: self.cluster,
            ports: &mut self.ports,
            dead: false,
        };
        if !std::mem::replace(&mut self.started, true) {
            // Whoever took a fault before begins anew.
            simulation.state.borrow_mut().alarms[self.cluster].clear();
            // The channels' generations are not the first ones where somebody came back.
            world.renew(&mut self.personality, self.again);
            self.personality.start(&mut world);
        }
        let alarms = std::mem::take(&mut simulation.state.borrow_mut().alarms[self.cluster]);
        for process in alarms {
            self.personality.lose_process(process, FAULTED, &mut world);
        }
        let renewed = world.renew(&mut self.personality, false);
        let progress = self.personality.step(&mut world);
        if world.dead {
            return;
        }
        if renewed || progress == Progress::Worked {
            self.idle = 0;
            return;
        }
        self.idle += 1;
        if self.idle < simulation.state.borrow_mut().random.below(4) {
            return;
        }
        self.idle = 0;
        self.armed = true;
        let deadline = self.personality.next_deadline();
        if !self.arm(simulation) || !simulation.state.borrow_mut().sleep(me, deadline) {
            self.ports.all().for_each(|port| port.end.receiver.disarm());
            self.armed = false;
        }
    }

    /// Arms every ring that the personality would take something from; whether the server may block.
    fn arm(&mut self, simulation: &Simulation) -> bool {
        let me = simulation.server(self.cluster);
        let mut may_block = true;
        let mut arm = |port: &mut Port, listens: bool| {
            if listens && may_block {
                may_block = port.end.receiver.arm().unwrap_or(false) && simulation.point(me);
            }
        };
        for (process, vcores) in self.ports.vcores.iter_mut().enumerate() {
            for (vcore, port) in vcores.iter_mut().enumerate() {
                arm(port, self.personality.listens(process, vcore));
            }
        }
        for (channel, port) in self.ports.channels.iter_mut().enumerate() {
            if let Some(port) = port {
                arm(port, self.personality.listens_to_channel(channel));
            }
        }
        if let Some(port) = &mut self.ports.driver {
            arm(port, self.personality.listens_to_driver());
        }
        may_block
    }

    /// A ring with messages that it would take.
    pub fn backlog(&self, simulation: &Simulation) -> Option<(usize, usize)> {
        let vcores = self.ports.vcores.iter().enumerate();
        let vcores = vcores.flat_map(|(process, vcores)| {
            let listens = move |vcore| self.personality.listens(process, vcore);
            let ports = vcores.iter().enumerate();
            ports.map(move |(vcore, port)| (port, listens(vcore)))
        });
        let channels = self.ports.channels.iter().enumerate();
        let channels = channels.filter_map(|(channel, port)| {
            Some((port.as_ref()?, self.personality.listens_to_channel(channel)))
        });
        let driver = self.ports.driver.iter();
        let driver = driver.map(|port| (port, self.personality.listens_to_driver()));
        vcores
            .chain(channels)
            .chain(driver)
            .filter(|(_, listens)| *listens)
            .map(|(port, _)| (port.window, port.waiting(simulation)))
            .find(|(_, waiting)| *waiting > 0)
    }
}
