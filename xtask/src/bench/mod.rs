//! Benchmarks: figures beside their targets.

mod syscall;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
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
    /// Where nothing could be measured.
    pub fn run(&self) -> Result<ExitCode> {
        match self {
            Bench::Syscall(options) => syscall::run(options),
        }
    }
}
