//! Lives of processes: begun, taken over from an earlier life of the server, and ended.

use atoll_abi::frame::FrameState;
use atoll_abi::process::{FAULTED, ProcessId};
use atoll_channel::Link;
use atoll_core::Event;
use atoll_core::state::State;
use atoll_core::vcore::VcoreSets;

use super::Host;
use crate::world::Kernel;

impl<L: Link, K: Kernel> Host<L, K> {
    /// Starts a process of the cluster, for the first time or again.
    pub fn start(&mut self, process: ProcessId) {
        self.connect(process);
        self.tell(0, Event::Start { process });
    }

    /// Takes over a process that an earlier life of the server has started, with its vcores as that has noted them; one that is
    /// `condemned` ends.
    pub fn adopt(
        &mut self,
        process: ProcessId,
        vcores: VcoreSets,
        many_core: bool,
        condemned: bool,
    ) {
        let vcores = match condemned {
            // None of its vcores runs, and none is to be started.
            true => VcoreSets {
                granted: vcores.granted | vcores.resumes | 1,
                resumes: 0,
                ..vcores
            },
            false => vcores,
        };
        self.connect(process);
        let event = Event::Adopt {
            process,
            vcores,
            many_core,
        };
        self.tell(0, event);
        if self.follow(process, condemned) {
            return;
        }
        for vcore in 0..self.world.row.count(usize::from(process.index)) {
            let vcores = self.personality.vcores(process);
            if vcores.is_some_and(|vcores| vcores.is_granted(vcore)) {
                // It learns that the server is back.
                self.world.kernel.wake_vcore(process, vcore);
            }
        }
    }

    /// Goes on from what an earlier life of the server has noted of the cluster's frames, when every process that runs was adopted.
    /// `life` is how many lives the server had before.
    pub fn adopt_frames(&mut self, states: &[FrameState], life: u32) {
        let now = self.world.kernel.now();
        self.tell(now, Event::AdoptFrames { states, life });
    }

    /// Begins the channels to a process anew, where the process is another one than before.
    fn connect(&mut self, process: ProcessId) {
        let index = usize::from(process.index);
        for vcore in 0..self.world.row.count(index) {
            self.world.row.poll(index, vcore);
            if let Some(own) = self.world.row.of(index, vcore)
                && own.link.peer_changed()
            {
                own.link.reattach();
            }
        }
    }

    /// Begins the channels anew on which another life of a process has begun: it comes back to them only after it was
    /// started.
    pub(super) fn meet(&mut self) {
        for own in self.world.row.iter_polled() {
            if own.link.peer_changed() && !own.link.peer_dead() {
                own.link.reattach();
            }
        }
    }

    /// Follows what the root task says of a process of the cluster: the life that is to run, and whether it is `condemned`,
    /// because a vcore took a fault, or because it is to be stopped; then none of its vcores runs. Tells whether there was
    /// anything to do.
    #[inline]
    pub fn follow(&mut self, process: ProcessId, condemned: bool) -> bool {
        let known = self.personality.process(usize::from(process.index));
        if known == Some(process) {
            let over = matches!(
                self.personality.state(process),
                Some(State::Dying | State::Dead)
            );
            let ends = condemned && !over;
            if ends {
                self.faulted(usize::from(process.index));
            }
            return ends;
        }
        self.start(process);
        true
    }

    /// A process of the cluster took a fault that no handler took; none of its vcores runs.
    pub fn faulted(&mut self, process: usize) {
        if let Some(process) = self.personality.process(process) {
            let status = FAULTED;
            self.tell(0, Event::Faulted { process, status });
        }
    }
}
