//! Frames of the simulated clusters: in which process each is mapped, and whether those who look at one may.

use std::collections::BTreeSet;

use atoll_abi::frame::{FrameState, NO_LEASE};

use crate::simulation::Simulation;

/// Frames of which each process is the home, where processes give frames to each other.
pub const FRAMES_OF_A_PROCESS: u32 = 2;

/// The frames of a cluster.
#[derive(Default)]
pub struct Frames {
    frames: Vec<Frame>,
    /// Lives of the server that went on from what was noted.
    lives: u32,
    /// Process, its life, and number of each frame of which a process has a value.
    values: BTreeSet<(usize, u32, u32)>,
}

#[derive(Clone, Default)]
struct Frame {
    state: FrameState,
    /// The process, by index, in which it is mapped.
    mapped: Option<usize>,
    /// The lease of each holding that has begun: its generation, and when it ends.
    leases: Vec<(u32, u64)>,
}

impl Frames {
    /// Those of a cluster, of which none is mapped.
    pub fn new(count: usize) -> Frames {
        Frames {
            frames: vec![Frame::default(); count],
            lives: 0,
            values: BTreeSet::new(),
        }
    }

    /// Another life of the server goes on from here: who has each frame, and how many lives there were before.
    pub fn adopt(&mut self) -> (Vec<FrameState>, u32) {
        self.lives += 1;
        (self.states(), self.lives)
    }

    /// Who has each, as it was noted.
    fn states(&self) -> Vec<FrameState> {
        self.frames.iter().map(|frame| frame.state).collect()
    }

    /// Who has one.
    pub fn state(&self, number: usize) -> FrameState {
        let frame = self.frames.get(number);
        frame.map_or_else(FrameState::default, |frame| frame.state)
    }

    /// Maps one for a process and for nobody else.
    pub fn place(&mut self, number: usize, process: usize) {
        self.frames[number].mapped = Some(process);
    }

    /// Notes at a time who has one.
    pub fn publish(&mut self, now: u64, number: usize, state: FrameState) {
        let frame = &mut self.frames[number];
        frame.state = state;
        let holding = state.holding();
        if holding.holder.is_some() {
            let until = now.saturating_add(state.lease);
            frame.leases.push((holding.generation, until));
        }
    }

    /// When the lease of a holding ends; `None` where it has no end.
    fn end_of(&self, number: usize, generation: u32) -> Option<u64> {
        let leases = self.frames[number].leases.iter();
        let mut own = leases.filter(|(holding, _)| *holding == generation);
        let end = own.next().map(|(_, end)| *end);
        end.filter(|end| *end != NO_LEASE)
    }
}

impl Simulation {
    /// A process looks at a frame that it holds in a generation: tells whether it is there. Where not, its lease has ended: on seL4
    /// the process would have taken a fault.
    pub fn look_at_frame(&self, process: usize, number: u32, generation: u32) -> bool {
        let cluster = self.scenario.cluster_of(process);
        let frames = self.frames[cluster].borrow();
        let number = number as usize;
        let mapped = frames.frames[number].mapped;
        // It may have gone and have come back, and be another holding's.
        let current = frames.state(number).holding().generation == generation;
        if mapped == Some(process) && current {
            self.state.borrow_mut().tally.frames_seen += 1;
            return true;
        }
        let now = self.state.borrow().now;
        let over = frames
            .end_of(number, generation)
            .is_some_and(|end| end <= now);
        if over {
            self.state.borrow_mut().tally.leases_ended += 1;
        } else {
            self.violate(format!(
                "frames: process {process} looks at frame {number}, which is mapped in {mapped:?}, and no lease has ended"
            ));
        }
        false
    }

    /// A process has a value of a frame, of which it must have one at most.
    pub fn has_frame(&self, process: usize, number: u32) {
        let cluster = self.scenario.cluster_of(process);
        let life = self.life_of(process);
        let values = &mut self.frames[cluster].borrow_mut().values;
        if !values.insert((process, life, number)) {
            self.violate(format!(
                "frames: process {process} has two values of frame {number}"
            ));
        }
    }

    /// It has none any more.
    pub fn drops_frame(&self, process: usize, number: u32) {
        let cluster = self.scenario.cluster_of(process);
        let life = self.life_of(process);
        let values = &mut self.frames[cluster].borrow_mut().values;
        values.remove(&(process, life, number));
    }

    /// A process has given a frame that it held in a generation, and must not reach it.
    pub fn gave_frame(&self, process: usize, number: u32, generation: u32) {
        let cluster = self.scenario.cluster_of(process);
        let holding = self.frames[cluster]
            .borrow()
            .state(number as usize)
            .holding();
        if holding.generation == generation {
            self.violate(format!(
                "frames: process {process} still has frame {number}, which it gave"
            ));
        }
        self.state.borrow_mut().tally.frames_given += 1;
    }

    /// A frame of another process that a process holds.
    pub fn foreign_frame(&self, process: usize) -> Option<usize> {
        let cluster = self.scenario.cluster_of(process);
        let own = self.processes[process].borrow().procinfo;
        let home = own.first_frame as usize..(own.first_frame + own.frames) as usize;
        let frames = self.frames[cluster].borrow();
        let mut numbers = 0..frames.frames.len();
        numbers.find(|number| {
            !home.contains(number) && frames.state(*number).holding().holder == Some(own.number)
        })
    }

    /// When all processes of a cluster have ended, its frames are at home.
    pub fn check_frames(&self, cluster: usize) {
        let frames = self.frames[cluster].borrow();
        for (number, frame) in frames.frames.iter().enumerate() {
            let home = number as u32 / FRAMES_OF_A_PROCESS;
            let index = cluster * self.scenario.processes + home as usize;
            if frame.state.holding().holder != Some(home) || frame.mapped != Some(index) {
                self.violate(format!(
                    "frames: frame {number} of cluster {cluster} is not at home: {:?}, mapped in {:?}",
                    frame.state, frame.mapped
                ));
            }
        }
    }
}
