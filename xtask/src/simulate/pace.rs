//! How the cores of a machine share those of the host.

use std::thread;

use atoll_abi::plan::Plan;
use serde::Serialize;

/// How QEMU runs the cores of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// Each in a thread of its own.
    Together,
    /// One after the other, in one thread.
    InTurns,
    /// In turns, and the clock advances with the instructions.
    Counted,
}

/// The cores that the host gives this program, and so QEMU.
pub fn host_cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

impl Pace {
    /// That of a plan's machine on a host.
    ///
    /// Cores of one kernel wait for one another by spinning. Where the host has fewer cores than a kernel, in threads of
    /// their own, one that holds the kernel's lock may not run while the others spin: with one host core for four, no boot
    /// of fifteen was seen to end.
    pub fn of(plan: &Plan, host_cores: usize, counted: bool) -> Pace {
        let largest = plan.instances().iter().map(|it| it.core_count).max();
        match counted {
            true => Pace::Counted,
            false if largest.unwrap_or(0) as usize > host_cores => Pace::InTurns,
            false => Pace::Together,
        }
    }

    /// QEMU's arguments.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Pace::Together => &["-accel", "tcg,thread=multi"],
            Pace::InTurns => &["-accel", "tcg,thread=single"],
            // Without `sleep=off` a machine that waits for its clock waits for the host's.
            Pace::Counted => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::tests::example;

    #[test]
    fn cores_of_one_kernel_that_outnumber_those_of_the_host_take_turns() {
        let plan = example();
        let paces = [1, 2, 8].map(|host| Pace::of(&plan, host, false));
        assert_eq!(paces, [Pace::InTurns, Pace::Together, Pace::Together]);
        assert_eq!(Pace::of(&plan, 8, true), Pace::Counted);
        assert!(Pace::InTurns.arguments()[1].ends_with("thread=single"));
    }
}
