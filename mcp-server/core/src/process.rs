//! A process: its state, its vcores, and what it prints.

use alloc::boxed::Box;
use alloc::vec;

use atoll_abi::process::ProcessId;

use crate::event::Actions;
use crate::print::Line;
use crate::state::State;
use crate::vcore::{VcoreMap, VcoreSets};

/// One process of the cluster.
pub(crate) struct Process {
    id: ProcessId,
    state: State,
    /// It became a many-core process.
    many_core: bool,
    vcores: VcoreMap,
    /// The unfinished line of each vcore.
    lines: Box<[Line]>,
    exit_status: u64,
}

impl Process {
    /// The process of an index, which has not started.
    pub(crate) fn new(index: u16, vcores: usize) -> Process {
        let map = VcoreMap::new(vcores);
        Process {
            id: ProcessId {
                index,
                generation: 0,
            },
            state: State::Created,
            many_core: false,
            vcores: map,
            lines: vec![Line::EMPTY; map.limit()].into_boxed_slice(),
            exit_status: 0,
        }
    }

    pub(crate) fn id(&self) -> ProcessId {
        self.id
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn vcores(&self) -> &VcoreMap {
        &self.vcores
    }

    fn transition(&mut self, to: State) -> bool {
        match self.state.transition(to) {
            Ok(state) => {
                self.state = state;
                true
            }
            Err(_) => false,
        }
    }

    /// Begins a life of it in a generation; `false` where it runs, or the generation is not a later one.
    fn begin(&mut self, generation: u32) -> bool {
        let ended = matches!(self.state, State::Created | State::Dead);
        if !ended || generation <= self.id.generation {
            return false;
        }
        let id = ProcessId {
            generation,
            ..self.id
        };
        *self = Process {
            id,
            ..Process::new(id.index, self.vcores.limit())
        };
        self.transition(State::RunnableS);
        true
    }

    /// Starts it in a generation, on its vcore 0. Whether it could: as for [`Process::adopt`].
    pub(crate) fn start(&mut self, generation: u32, actions: &mut impl Actions) -> bool {
        self.begin(generation) && self.grant(None, actions)
    }

    /// Takes it over as it runs. Only vcores that may not run are started: under seL4 5.0.0 one that enters the kernel just then
    /// would go on at an older place. Where it has no vcore it gets vcore 0. `false` where it runs, or the generation is not a
    /// later one.
    pub(crate) fn adopt(
        &mut self,
        generation: u32,
        vcores: VcoreSets,
        many_core: bool,
        actions: &mut impl Actions,
    ) -> bool {
        if !self.begin(generation) {
            return false;
        }
        self.transition(State::RunningS);
        if many_core {
            self.transition(State::RunnableM);
            self.transition(State::RunningM);
            self.many_core = true;
        }
        self.vcores.adopt(vcores);
        if self.vcores.count() == 0 {
            self.transition(State::Waiting);
            self.grant(Some(0), actions);
            return true;
        }
        let starts = vcores.resumes & self.vcores.granted();
        self.note_changing(starts, actions);
        for vcore in (0..self.vcores.limit()).filter(|vcore| starts & 1 << vcore != 0) {
            actions.start_vcore(self.id, vcore);
        }
        actions.publish_vcores(self.id, self.vcores.sets());
        true
    }

    /// Notes its vcores while some of them, a bitmap, are being started or stopped.
    fn note_changing(&self, vcores: u64, actions: &mut impl Actions) {
        let sets = self.vcores.sets();
        let resumes = sets.resumes | vcores;
        actions.publish_vcores(self.id, VcoreSets { resumes, ..sets });
    }

    /// Turns it into a many-core process; `false` where it is none that can become one. Its core stays its own through the
    /// change, as vcore 0.
    pub(crate) fn become_many_core(&mut self) -> bool {
        let becomes = self.state == State::RunningS && self.transition(State::RunnableM);
        if becomes {
            self.many_core = true;
            self.transition(State::RunningM);
        }
        becomes
    }

    pub(crate) fn is_many_core_and_runs(&self) -> bool {
        self.state == State::RunningM
    }

    /// Grants a vcore, a particular one or the next one, and starts it; `false` where there is none.
    #[inline(never)]
    pub(crate) fn grant(&mut self, vcore: Option<usize>, actions: &mut impl Actions) -> bool {
        let granted = match vcore {
            Some(vcore) => self.vcores.grant_vcore(vcore).then_some(vcore),
            None => self.vcores.grant(),
        };
        let Some(vcore) = granted else {
            return false;
        };
        // A process that waited becomes runnable; one that is runnable and has a core runs.
        let (runnable, running) = match self.many_core {
            true => (State::RunnableM, State::RunningM),
            false => (State::RunnableS, State::RunningS),
        };
        if self.state == State::Waiting {
            self.transition(runnable);
        }
        if self.state == runnable {
            self.transition(running);
        }
        self.note_changing(1 << vcore, actions);
        actions.start_vcore(self.id, vcore);
        actions.publish_vcores(self.id, self.vcores.sets());
        true
    }

    /// Takes a vcore back that is given back, and is granted again at its alarm where it has one.
    pub(crate) fn give_back(
        &mut self,
        vcore: usize,
        until_alarm: bool,
        actions: &mut impl Actions,
    ) {
        if !self.vcores.is_granted(vcore) {
            return;
        }
        self.note_changing(1 << vcore, actions);
        actions.stop_vcore(self.id, vcore);
        self.vcores.give_back(vcore, until_alarm);
        if self.vcores.count() == 0 {
            self.transition(State::Waiting);
        }
        actions.publish_vcores(self.id, self.vcores.sets());
    }

    /// Whether a vcore that gave itself back may be granted again without being asked for: a single-core process has its
    /// vcore 0 alone.
    pub(crate) fn may_return(&self, vcore: usize) -> bool {
        self.state.is_alive() && self.vcores.has_yielded(vcore) && (self.many_core || vcore == 0)
    }

    /// Adds a piece of text to the line of a vcore.
    pub(crate) fn print(&mut self, vcore: usize, piece: &[u8], actions: &mut impl Actions) {
        if let Some(line) = self.lines.get_mut(vcore) {
            line.push(piece, |line| actions.print_line(self.id, line));
        }
    }

    /// Stops all vcores; from now on the process is dying. `false` where it has not started, or is dying or dead.
    pub(crate) fn stop(&mut self, status: u64, actions: &mut impl Actions) -> bool {
        if !self.state.is_alive() || !self.transition(State::Dying) {
            return false;
        }
        self.exit_status = status;
        // Where the server dies before it has reported the end, the process goes on and ends once more.
        let running = self.vcores.granted();
        self.note_changing(running, actions);
        for vcore in 0..self.vcores.limit() {
            if self.vcores.give_back(vcore, false) {
                actions.stop_vcore(self.id, vcore);
            }
        }
        self.note_changing(running, actions);
        true
    }

    /// Ends a dying process: prints what it left unfinished, and reports its end.
    pub(crate) fn end(&mut self, actions: &mut impl Actions) {
        if !self.transition(State::Dead) {
            return;
        }
        for line in &mut self.lines {
            line.finish(|line| actions.print_line(self.id, line));
        }
        actions.process_ended(self.id, self.exit_status, self.vcores.most());
    }
}
