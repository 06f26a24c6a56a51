//! Tests that use the system as a person does: they call the project's command line, boot machines in QEMU, and read
//! reports and messages.
//!
//! `cargo xtask test` runs them. Each has one of four verdicts; the sentinel of a boot is the verdict in its report.

#![forbid(unsafe_code)]

mod cli;
mod concurrent;
mod context;
mod digest;
mod disks;
mod generated;
mod hosts;
mod inputs;
mod leftovers;
mod limits;
mod machines;
mod many;
mod misuse;
mod network;
mod node;
mod plans;
mod power;
mod probes;
mod refusal;
mod report;
mod restart;
mod signals;
mod timeline;
mod volumes;
mod workflow;

use std::fmt;

pub use context::Context;

/// How a test went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Pass,
    /// Something is wrong.
    Fail,
    /// A machine printed nothing.
    NoBoot,
    /// A machine or program stopped talking, or did not end in time.
    Silent,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::NoBoot => "no boot",
            Verdict::Silent => "silent",
        })
    }
}

/// Why a test did not pass.
#[derive(Debug)]
pub struct Failure {
    /// Its verdict.
    pub verdict: Verdict,
    /// What happened.
    pub text: String,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure {
            verdict: Verdict::Fail,
            text: format!("{error:#}"),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        anyhow::Error::from(error).into()
    }
}

/// What a test function returns.
pub type TestResult = Result<(), Failure>;

/// How a test went, for the summary.
#[derive(Debug)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// What happened; empty where it passed.
    pub text: String,
}

/// One test.
pub struct Test {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// It looks at what a busy host changes.
    is_alone: bool,
    function: Box<dyn Fn(&Context) -> TestResult + Send + Sync>,
}

impl Test {
    fn new(
        name: impl Into<String>,
        about: impl Into<String>,
        function: impl Fn(&Context) -> TestResult + Send + Sync + 'static,
    ) -> Test {
        Test {
            name: name.into(),
            about: about.into(),
            is_alone: false,
            function: Box::new(function),
        }
    }

    /// The test, beside which no other one may run.
    fn alone(self) -> Test {
        Test {
            is_alone: true,
            ..self
        }
    }

    /// Whether no other test may run beside it, because it looks at what a busy host changes: how long something takes, how often a core
    /// fell asleep, or what of a build is going on.
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Runs it.
    pub fn run(&self, context: &Context) -> Outcome {
        match (self.function)(context) {
            Ok(()) => Outcome {
                verdict: Verdict::Pass,
                text: String::new(),
            },
            Err(failure) => Outcome {
                verdict: failure.verdict,
                text: failure.text,
            },
        }
    }
}

/// Which tests are wanted, beside those that always are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Those too that take long.
    pub long: bool,
    /// How often the power is cut, where that is not as often as usual.
    pub cuts: Option<u32>,
}

/// Every test, those that boot nothing first.
pub fn all(wanted: Wanted) -> Vec<Test> {
    let mut tests = plans::bad_plans();
    tests.extend(misuse::tests());
    tests.extend(cli::tests());
    tests.extend(plans::shipped_plans());
    tests.extend(digest::tests());
    tests.extend(disks::tests());
    tests.extend(generated::tests(wanted.long));
    tests.extend(machines::tests());
    tests.extend(hosts::tests());
    tests.extend(many::tests());
    tests.extend(probes::tests());
    tests.extend(restart::tests());
    tests.extend(power::tests(wanted.cuts.unwrap_or(power::CUTS)));
    tests.extend(volumes::tests(wanted));
    tests.extend(network::tests());
    tests.extend(node::tests(wanted));
    tests.extend(limits::tests());
    tests.extend(workflow::tests());
    tests.extend(concurrent::tests());
    tests.extend(signals::tests());
    tests.extend(timeline::tests());
    tests
}

/// Fails a test unless a condition holds.
macro_rules! check {
    ($condition:expr, $($text:tt)+) => {
        let holds: bool = $condition;
        if !holds {
            return Err($crate::Failure {
                verdict: $crate::Verdict::Fail,
                text: format!($($text)+),
            });
        }
    };
}
pub(crate) use check;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_distinct() {
        let tests = all(Wanted {
            long: true,
            cuts: None,
        });
        let names: HashSet<_> = tests.iter().map(|test| &test.name).collect();
        assert_eq!(names.len(), tests.len());
    }
}
