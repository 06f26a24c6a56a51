//! The commands and their options.

mod internal;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use atoll_plan::shown;
use clap::{Args, Parser, Subcommand};

use internal::{DiskOptions, ExclusiveOptions, FilesOption};

use crate::node::{self, App, Node, NodeOptions};
use crate::simulate::{Ending, Forward, NamedDisk};
use crate::tools::Purpose;
use crate::{
    bench, build, interruption, locate, output, plan, scratch, setup, sim, simulate, test,
};

/// Seconds that all serial lines may stay silent where nothing else is said.
const SILENCE_LIMIT: u64 = 60;

/// Exit status where the command line cannot be read, as clap has it.
const MISUSED: u8 = 2;

/// Plan that is built and run where none is named.
pub const DEFAULT_PLAN: &str = "2x2";

/// Build, run and test Atoll, a clustered multikernel personality on seL4.
///
/// `cargo xtask run` brings in what is missing, builds, boots a node in QEMU and says how to talk to it; `cargo xtask run --app digest`
/// boots a machine that digests a text and prints a table. `cargo xtask test` does the same set-up and runs every test.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring in the tools that are missing.
    ///
    /// Looks for QEMU, CMake, Ninja, GCC, binutils, xmllint, Spin, e2fsprogs and a Python 3 with six, ply and tempita, and for
    /// what the tests talk to machines with: redis-cli, redis-benchmark, curl and Chromium.
    /// What is missing is installed with apt-get where that is possible without a password; otherwise one line says what to
    /// install.
    Setup,
    /// Check or draw a plan; nothing is built.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Build the kernels and images of a plan.
    ///
    /// Configures and builds the CMake project `sel4-config` in a folder of `target/atoll` that is named after the plan and
    /// its fingerprint: two plans that differ have two folders. The tools' output is kept in its `build.log`.
    Build(PlanOption),
    /// Set up, build, boot in QEMU, and report.
    ///
    /// Without a plan that is a node: a machine with a network, a key-value store that redis-cli talks to, and a disk that is
    /// kept. Its ports are at 127.0.0.1, and it serves until Ctrl-C. `--app digest` is a machine that digests a text and ends; it
    /// exits 0 only if every process ended with status 0, the audit agrees with the plan and the digest was printed. So does a
    /// machine of any plan that is named with `--plan`.
    Run(RunOptions),
    /// Boot a finished build folder in QEMU, and report.
    ///
    /// The script `simulate` in a build folder calls this with that folder.
    Simulate(SimulateOptions),
    /// Set up, then run every test: on the host and in QEMU.
    ///
    /// The last line of the output is `N passed, N failed`. The exit status is 0 if none failed.
    Test(test::Options),
    /// Measure, and print figures beside their targets.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Simulate whole machines on the host, with faults, in virtual time.
    ///
    /// Runs the real personalities over the real rings in one thread, from a seed: processes, servers and drivers act
    /// between any two steps of one another, lie, fail, die and come back; then everything must finish. Each seed runs one
    /// scenario, the next seed the next one. What a checker finds is told with its seed, which replays it exactly, and the
    /// exit status is 1.
    Sim(sim::Options),
    /// Write an archive of images (called by the build).
    #[command(hide = true)]
    Archive(FilesOption),
    /// Run a program while nothing else holds a lock (called by the build).
    #[command(hide = true)]
    Exclusively(ExclusiveOptions),
    /// Write the image of a partitioned disk.
    #[command(hide = true)]
    Disk(DiskOptions),
}

#[derive(Subcommand)]
enum PlanCommand {
    /// Check a plan: exit 0 if it is good, otherwise say what is wrong and where.
    Check {
        /// A TOML file, or the name of a shipped plan.
        plan: String,
    },
    /// Draw a plan's machine as text.
    Show {
        /// A TOML file, or the name of a shipped plan.
        plan: String,
    },
    /// Write what the build needs of a plan (called by the build).
    #[command(hide = true)]
    Cmake {
        /// A TOML file, or the name of a shipped plan.
        plan: String,
        /// Folder to write `plan.cmake` and `plan.bin` in; files that would not change are left alone.
        #[arg(long)]
        out: PathBuf,
    },
}

/// Which plan.
#[derive(Args)]
pub struct PlanOption {
    /// The plan: a TOML file, or the name of one in `clusters/plans`.
    #[arg(long, value_name = "PLAN", default_value = DEFAULT_PLAN)]
    pub plan: String,
}

#[derive(Args)]
struct RunOptions {
    /// What to run where no plan is named.
    #[arg(long, value_enum, default_value_t, conflicts_with = "plan")]
    app: App,
    /// The plan: a TOML file, or the name of one in `clusters/plans`.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["fresh", "port_base"])]
    plan: Option<String>,
    #[command(flatten)]
    node: NodeOptions,
    #[command(flatten)]
    boot: BootOptions,
}

impl RunOptions {
    fn run(mut self) -> Result<ExitCode> {
        let is_node = self.plan.is_none() && self.app == App::Node;
        if is_node {
            node::complete(&self.node, &mut self.boot)?;
        }
        let files = simulate::Files::open(&self.boot)?;
        let plan = self.plan.as_deref().unwrap_or(self.app.plan());
        let plan = match self.boot.trace {
            Some(_) => plan::load_with_timeline(plan)?,
            None => plan::load(plan)?,
        };
        let encoded = plan.plan.encode();
        simulate::check_disks(&encoded, &self.boot)?;
        simulate::check_networks(&encoded, &self.boot)?;
        let tools = setup::complete(Purpose::Run)?;
        let folder = build::build(&plan, &tools)?;
        // For as long as the machine runs.
        let node = is_node.then(|| {
            let (boot, volumes) = (&mut self.boot, &files.volumes);
            Node::prepare(&encoded, &self.node, boot, volumes, &tools)
        });
        let node = node.transpose()?;
        let ending = match node {
            Some(_) => Ending::ByTheUser,
            None => Ending::ByItself,
        };
        simulate::simulate(&folder, files, &self.boot, ending, &tools)
    }
}

#[derive(Args)]
struct SimulateOptions {
    /// The build folder.
    #[arg(long, value_name = "DIR")]
    build: PathBuf,
    #[command(flatten)]
    boot: BootOptions,
}

/// How to boot, and what to do with the outcome.
#[derive(Args, Clone)]
pub struct BootOptions {
    /// The file that the machine's disk holds as `input`; by default a text that ships with the project.
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// The image of a device's disk, which is written as the system writes: IMAGE where the plan has one device, otherwise
    /// DEVICE=IMAGE. By default a disk is made for the run, with the partitions of the plan.
    #[arg(long = "disk", value_name = "[DEVICE=]IMAGE", value_parser = NamedDisk::parse)]
    pub disks: Vec<NamedDisk>,
    /// A folder: the disks that are made for the run have its content, the input beside it, in the partition of each file
    /// service. Where it has a file `input`, that is the input.
    #[arg(long, value_name = "FOLDER")]
    pub disk_from: Option<PathBuf>,
    /// A port of this host, at 127.0.0.1, that leads to a TCP port of the machine: HOST:GUEST where the plan has one network device,
    /// otherwise DEVICE=HOST:GUEST. With HOST 0 a free port is chosen, which is told and in the report. May be repeated.
    #[arg(long, value_name = "[DEVICE=]HOST:GUEST", value_parser = Forward::parse)]
    pub forward: Vec<Forward>,
    /// As --forward, of UDP.
    #[arg(long, value_name = "[DEVICE=]HOST:GUEST", value_parser = Forward::parse)]
    pub forward_udp: Vec<Forward>,
    /// Further options of QEMU's `-drive`, of every disk.
    #[arg(long, hide = true, value_name = "OPTIONS", default_value = "")]
    pub drive: String,
    /// Where to write the report; serial logs go beside it [default: target/atoll/report.json].
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Where to write a timeline of what cores, channels and calls did, the newest of it, in the trace format of Chrome, which
    /// <https://ui.perfetto.dev> opens. The components are built once more for it, and take some instructions for what they note.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Seconds that the machine may take in all [default: 120, and 2 for each MiB of input; without end where ports lead into it].
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<u64>,
    /// Seconds that all serial lines may stay silent before the machine counts as hung; while it starts, where ports lead into it.
    #[arg(long, value_name = "SECONDS", default_value_t = SILENCE_LIMIT)]
    pub silence_limit: u64,
    /// Seconds to leave the machine idle after its last process has ended; the report says what that cost the host.
    #[arg(long, value_name = "SECONDS")]
    pub idle: Option<u64>,
    /// Count instructions: the machine's clock advances by one nanosecond with each, and its processors take turns.
    ///
    /// A difference of two readings of the time stamp counter is then how many instructions all processors executed in
    /// between, the same in every run.
    #[arg(long)]
    pub count_instructions: bool,
    /// Show every serial line.
    #[arg(long, short)]
    pub verbose: bool,
}

impl Default for BootOptions {
    fn default() -> BootOptions {
        BootOptions {
            input: None,
            disks: Vec::new(),
            disk_from: None,
            forward: Vec::new(),
            forward_udp: Vec::new(),
            drive: String::new(),
            report: None,
            trace: None,
            time_limit: None,
            silence_limit: SILENCE_LIMIT,
            idle: None,
            count_instructions: false,
            verbose: false,
        }
    }
}

/// Does what the command line asks for.
///
/// # Errors
/// Says what to do about it.
pub fn run() -> Result<ExitCode> {
    interruption::watch()?;
    match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(error) if error.use_stderr() => {
            // Its text has the words as they were written, and a word may be anything.
            let words = std::env::args_os();
            let words = words.map(|word| shown(&word.to_string_lossy()).to_string());
            let shown = Cli::try_parse_from(words).err().unwrap_or(error);
            let _ = shown.print();
            Ok(ExitCode::from(MISUSED))
        }
        // What was asked for: help, or the version.
        Err(text) => {
            text.print()
                .context("cannot write to the standard output")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Cli {
    fn run(self) -> Result<ExitCode> {
        // Programs that are started put their temporary files there.
        if !matches!(self.command, Command::Plan(_)) {
            scratch::make()?;
        }
        match self.command {
            Command::Setup => {
                let tools = setup::complete(Purpose::Test)?;
                output::print(&tools.describe())?;
            }
            Command::Plan(PlanCommand::Check { plan }) => return plan::check(&plan),
            Command::Plan(PlanCommand::Show { plan }) => return plan::show(&plan),
            Command::Plan(PlanCommand::Cmake { plan, out }) => return plan::cmake(&plan, &out),
            Command::Build(PlanOption { plan }) => {
                let plan = plan::load(&plan)?;
                let tools = setup::complete(Purpose::Run)?;
                let folder = build::build(&plan, &tools)?;
                output::print(&format!("built {}\n", folder.display()))?;
            }
            Command::Run(options) => return options.run(),
            Command::Simulate(options) => {
                let files = simulate::Files::open(&options.boot)?;
                let tools = setup::complete(Purpose::Run)?;
                let folder = locate::absolute(&options.build)?;
                let ending = Ending::ByItself;
                return simulate::simulate(&folder, files, &options.boot, ending, &tools);
            }
            Command::Test(options) => return test::run(&options),
            Command::Bench(bench) => return bench.run(),
            Command::Sim(options) => return sim::run(&options),
            Command::Exclusively(options) => return options.run(),
            Command::Archive(files) => files.write_archive()?,
            Command::Disk(options) => options.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
