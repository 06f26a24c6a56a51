//! The states of a process.
//!
//! They and the transitions between them are those of Akaros (`__proc_set_state` in `kern/src/process.c`), with `Dead`
//! for a process whose last reference is gone.

/// What a process is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// It exists and was never runnable.
    #[default]
    Created,
    /// A single-core process that waits for its core.
    RunnableS,
    /// A single-core process on its core.
    RunningS,
    /// It gave its last vcore back and waits for a completion.
    Waiting,
    /// A many-core process that waits for cores.
    RunnableM,
    /// A many-core process on at least one core.
    RunningM,
    /// It runs no more; the server still takes the calls that are left in its rings.
    Dying,
    /// Nothing of it is left.
    Dead,
}

/// A transition that the process model does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionRefused {
    /// The state that the process is in, and stays in.
    pub from: State,
    /// The state that was asked for.
    pub to: State,
}

impl State {
    /// Every state, for tables and tests.
    pub const ALL: [State; 8] = [
        State::Created,
        State::RunnableS,
        State::RunningS,
        State::Waiting,
        State::RunnableM,
        State::RunningM,
        State::Dying,
        State::Dead,
    ];

    /// The state after a transition.
    ///
    /// # Errors
    /// Names both states where the process model does not allow it.
    pub fn transition(self, to: State) -> Result<State, TransitionRefused> {
        use State::*;
        let allowed = match self {
            Created => matches!(to, RunnableS | Dying),
            RunnableS => matches!(to, RunningS | Dying),
            RunningS => matches!(to, RunnableS | RunnableM | Waiting | Dying),
            Waiting => matches!(to, RunnableS | RunnableM | Dying),
            RunnableM => matches!(to, RunningM | Dying),
            RunningM => matches!(to, RunnableS | RunnableM | Waiting | Dying),
            Dying => matches!(to, Dead),
            Dead => false,
        };
        if allowed {
            Ok(to)
        } else {
            Err(TransitionRefused { from: self, to })
        }
    }

    /// Whether a process in this state may still make syscalls.
    pub fn is_alive(self) -> bool {
        !matches!(self, State::Created | State::Dying | State::Dead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row for each state before, one column for each state after, both in the order of [`State::ALL`].
    const TABLE: [&str; 8] = [
        ".x....x.", // Created
        "..x...x.", // RunnableS
        ".x.xx.x.", // RunningS
        ".x..x.x.", // Waiting
        ".....xx.", // RunnableM
        ".x.xx.x.", // RunningM
        ".......x", // Dying
        "........", // Dead
    ];

    #[test]
    fn every_pair_of_states_is_as_in_the_table() {
        let mut allowed = 0;
        for (from, row) in State::ALL.into_iter().zip(TABLE) {
            for (to, mark) in State::ALL.into_iter().zip(row.chars()) {
                let expected = if mark == 'x' {
                    allowed += 1;
                    Ok(to)
                } else {
                    Err(TransitionRefused { from, to })
                };
                assert_eq!(from.transition(to), expected, "{from:?} to {to:?}");
            }
        }
        assert_eq!(allowed, 18);
    }

    #[test]
    fn the_dead_stay_dead() {
        for to in State::ALL {
            assert!(State::Dead.transition(to).is_err());
        }
    }
}
