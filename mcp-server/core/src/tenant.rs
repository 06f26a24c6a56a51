//! A process of this cluster, as the personality sees it.

use atoll_abi::layout::MAX_VCORES;
use atoll_abi::plan::NONE;

use crate::calls::List;
use crate::handles::Handles;
use crate::print::Line;
use crate::process::{State, TransitionRefused};
use crate::vcore::VcoreMap;

/// Files that one process may have open.
pub const HANDLES_PER_PROCESS: usize = 16;

/// Who serves a process's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileRoute {
    Nobody,
    Here,
    Channel(u8),
}

/// One process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenant {
    /// Whether it is a process of this cluster.
    pub used: bool,
    pub state: State,
    pub generation: u32,
    /// Whether it became a many-core process.
    pub many_core: bool,
    pub vcores: VcoreMap,
    pub rings: [Ring; MAX_VCORES],
    pub pool: u32,
    pub files: FileRoute,
    /// Files that are open in another cluster, by that cluster's handle.
    pub remote: Handles<u32, HANDLES_PER_PROCESS>,
    /// Calls to open a file in another cluster that are under way.
    pub opening: usize,
    /// Calls that ended early, whose blocks are back and were not given to the process yet.
    pub returned: List,
    /// Entries of the call table that are this process's.
    pub outstanding: usize,
    pub exit_status: u64,
}

/// What there is for each vcore.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    /// Calls that came from this ring and are not answered.
    pub outstanding: usize,
    /// Completions that wait to be sent.
    pub finished: List,
    /// The ring refused a completion; nothing more is read from it until it took it.
    pub refused: bool,
    pub line: Line,
}

impl Tenant {
    pub(crate) const UNUSED: Tenant = Tenant {
        used: false,
        state: State::Created,
        generation: 0,
        many_core: false,
        vcores: VcoreMap::EMPTY,
        rings: [Ring {
            outstanding: 0,
            finished: List::EMPTY,
            refused: false,
            line: Line::EMPTY,
        }; MAX_VCORES],
        pool: NONE,
        files: FileRoute::Nobody,
        remote: Handles::new(),
        opening: 0,
        returned: List::EMPTY,
        outstanding: 0,
        exit_status: 0,
    };

    /// Whether its calls are listened to.
    pub(crate) fn is_alive(&self) -> bool {
        self.used && self.state.is_alive()
    }

    pub(crate) fn transition(&mut self, to: State) -> Result<(), TransitionRefused> {
        self.state = self.state.transition(to)?;
        Ok(())
    }
}
