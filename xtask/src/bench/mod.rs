//! Benchmarks: figures beside their targets.

mod channel;
mod syscall;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// Compare the channel with the floor of this machine and with other channels, on the host.
    ///
    /// Prints a table of figures, each with its target. Takes about two minutes, and two cores that have little else to
    /// do.
    Channel(channel::Options),
    /// Count instructions and kernel entries of syscalls in QEMU.
    ///
    /// Boots the plans of `tests/bench/plans` on a machine that counts instructions, and sets asynchronous calls beside
    /// `seL4_Call` with `seL4_ReplyRecv` in the same image. Repeated runs give the same figures.
    Syscall(syscall::Options),
}

impl Bench {
    /// Measures, and prints a table.
    ///
    /// # Errors
    /// Where nothing could be measured. A target that was missed is a result, not an error.
    pub fn run(&self) -> Result<ExitCode> {
        match self {
            Bench::Channel(options) => channel::run(options),
            Bench::Syscall(options) => syscall::run(options),
        }
    }
}
