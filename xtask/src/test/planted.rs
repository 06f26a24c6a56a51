//! Bugs that a feature plants, and whether the test that has to catch one failed for the reason that it states.

use std::fmt;

use serde::Deserialize;

/// A planted bug, as a package's `Cargo.toml` describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Planted {
    /// The feature that plants it.
    pub feature: String,
    /// The test program.
    pub program: String,
    /// The test that has to fail.
    pub test: String,
    /// A part of the message of the check that is meant to fail.
    pub reason: String,
    /// Whether the test program is built for loom.
    #[serde(default)]
    pub loom: bool,
}

/// Why a run does not show that the bug is caught.
#[derive(Debug, PartialEq, Eq)]
pub enum Missed {
    /// The test program did not say that it runs one test: it was not built, or has no test of that name.
    NotRun,
    /// A test of another name ran.
    OtherTest(String),
    /// The test ran and did not fail.
    NotFailed,
    /// The test program ended before it had counted one failed test and none that passed.
    NotCounted,
    /// The test failed, but for another reason.
    OtherReason,
}

impl Planted {
    /// Whether the output of a test program, and of the Cargo that built it, shows that the bug was caught: exactly one
    /// test ran, it is the one that is named, it failed, and what it printed contains the reason.
    ///
    /// # Errors
    /// What is missing.
    pub fn caught(&self, output: &str) -> Result<(), Missed> {
        let mut lines = output.lines();
        lines
            .find(|line| line.starts_with("running "))
            .filter(|line| *line == "running 1 test")
            .ok_or(Missed::NotRun)?;
        let (name, verdict) = lines
            .find_map(|line| line.strip_prefix("test ")?.split_once(" ... "))
            .ok_or(Missed::NotCounted)?;
        if name != self.test {
            return Err(Missed::OtherTest(name.to_owned()));
        }
        if verdict != "FAILED" {
            return Err(Missed::NotFailed);
        }
        // What the test itself printed lies between its heading and the list of the failed tests.
        let heading = format!("---- {} stdout ----", self.test);
        lines
            .find(|line| *line == heading)
            .ok_or(Missed::NotCounted)?;
        let rest: Vec<&str> = lines.collect();
        let list = rest.iter().rposition(|line| *line == "failures:");
        let (printed, list) = rest.split_at(list.ok_or(Missed::NotCounted)?);
        let counted = |line: &&str| line.starts_with("test result: FAILED. 0 passed; 1 failed; ");
        if !list.iter().any(counted) {
            return Err(Missed::NotCounted);
        }
        match printed.join("\n").contains(&self.reason) {
            true => Ok(()),
            false => Err(Missed::OtherReason),
        }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missed::NotRun => write!(formatter, "the test did not run"),
            Missed::OtherTest(name) => write!(formatter, "the test {name} ran instead"),
            Missed::NotFailed => write!(formatter, "the test does not fail"),
            Missed::NotCounted => write!(formatter, "the test program did not run to its end"),
            Missed::OtherReason => write!(formatter, "the test fails for another reason"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUGHT: &str = "   Compiling atoll-x v0.1.0
    Finished `test` profile [unoptimized + debuginfo] target(s) in 1.00s
     Running tests/ring.rs (target/debug/deps/ring-0)

running 1 test
test order ... FAILED

failures:

---- order stdout ----
two rings

thread 'order' (1) panicked at tests/ring.rs:5:5:
assertion `left == right` failed: messages come in order
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    order

test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p atoll-x --test ring`
";

    fn judge(output: &str) -> Result<(), Missed> {
        let planted = Planted {
            feature: "planted-bug".to_owned(),
            program: "ring".to_owned(),
            test: "order".to_owned(),
            reason: "messages come in order".to_owned(),
            loom: false,
        };
        planted.caught(output)
    }

    #[test]
    fn the_named_test_fails_for_the_named_reason() {
        assert_eq!(judge(CAUGHT), Ok(()));
    }

    #[test]
    fn a_program_that_does_not_compile_catches_nothing() {
        // The reason stands in the source line that the compiler shows.
        let output = "   Compiling atoll-x v0.1.0
error[E0308]: mismatched types
5 |     assert_eq!(a, b, \"messages come in order\");
error: could not compile `atoll-x` (test \"ring\") due to 1 previous error
";
        assert_eq!(judge(output), Err(Missed::NotRun));
    }

    #[test]
    fn no_other_number_of_tests_will_do() {
        for other in ["running 0 tests", "running 2 tests"] {
            let output = CAUGHT.replace("running 1 test", other);
            assert_eq!(judge(&output), Err(Missed::NotRun));
        }
    }

    #[test]
    fn the_failure_of_another_test_does_not_count() {
        let output = CAUGHT.replace("test order ", "test order_of_batches ");
        let other = Missed::OtherTest("order_of_batches".to_owned());
        assert_eq!(judge(&output), Err(other));
    }

    #[test]
    fn a_test_that_passes_or_is_ignored_catches_nothing() {
        for verdict in ["ok", "ignored"] {
            let output = format!(
                "running 1 test\ntest order ... {verdict}\n\ntest result: ok. 1 passed; 0 failed;\n"
            );
            assert_eq!(judge(&output), Err(Missed::NotFailed));
        }
    }

    #[test]
    fn a_failure_for_another_reason_does_not_count() {
        let output = CAUGHT.replace("messages come in order", "index out of bounds");
        assert_eq!(judge(&output), Err(Missed::OtherReason));
        // What Cargo prints around the test is no reason.
        let output = format!("warning: messages come in order\n{output}messages come in order\n");
        assert_eq!(judge(&output), Err(Missed::OtherReason));
    }

    #[test]
    fn a_test_program_that_aborts_does_not_count() {
        let aborted = "running 1 test\n\nthread 'order' (1) panicked at tests/ring.rs:5:5:\n\
            messages come in order\nthread caused non-unwinding panic. aborting.\n";
        assert_eq!(judge(aborted), Err(Missed::NotCounted));
        let (half, _) = CAUGHT.rsplit_once("test result: ").unwrap();
        assert_eq!(judge(half), Err(Missed::NotCounted));
        let output = CAUGHT.replace("0 passed; 1 failed", "1 passed; 1 failed");
        assert_eq!(judge(&output), Err(Missed::NotCounted));
    }
}
