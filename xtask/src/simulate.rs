//! Boots a build folder in QEMU and judges what comes over the serial lines.

mod backlog;
mod disks;
mod folder;
mod logs;
mod machine;
mod networks;
mod pace;
mod report_file;
mod turns;
mod versions;
mod volumes;
mod watch;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use atoll_abi::plan::Plan;

use crate::cli::BootOptions;
use crate::interruption;
use crate::locate;
use crate::monitor::Monitor;
use crate::names;
use crate::output;
use crate::progress::Progress;
use crate::report::{Circumstances, Host, Report, Verdict};
use crate::scratch;
use crate::summary;
use crate::timeline::{Amount, Memory, Timeline};
use crate::tools::Tools;

use folder::BuildFolder;
use logs::Logs;
use machine::Machine;
use networks::Networks;
use watch::{Limits, ServingNode, Watch};

pub use disks::{NamedDisk, check as check_disks, make_disk, partitions_of};
pub use networks::{Forward, Forwarded, Protocol, check as check_networks};
pub use pace::{Pace, host_cores};
pub use report_file::ReportFile;
pub use volumes::Volumes;

/// Lines of each serial log that are shown of a run that failed.
const LAST_LINES: usize = 15;

/// Seconds that a run may take, beside those for its input.
const BASE_SECONDS: u64 = 120;

/// Seconds that a run may take for each MiB of its input.
const SECONDS_PER_MIB: u64 = 2;

/// The files of a run.
pub struct Files {
    /// What is on the disks that are made.
    pub volumes: Volumes,
    report: ReportFile,
    /// Where the timeline is written, if anywhere.
    trace: Option<ReportFile>,
}

/// How a machine comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All its processes end. Who does not wait for that has interrupted it.
    ByItself,
    /// It serves until the user wants no more, which is what is expected.
    ByTheUser,
}

impl Files {
    /// Takes them, so that what is wrong with one is told before anything is built.
    ///
    /// # Errors
    /// Where the input or the folder of the disks cannot be read, or the report cannot be written, or would be among these.
    pub fn open(options: &BootOptions) -> Result<Files> {
        let volumes = Volumes::open(options)?;
        for disk in &options.disks {
            disk.check()?;
        }
        let report = ReportFile::named(options.report.as_deref(), "report.json")?;
        if report.is(&volumes.input.file) {
            bail!(
                "the report would overwrite the input, {}; name another file with --report",
                locate::shown(report.path())
            );
        }
        let trace = options.trace.as_deref().map(ReportFile::of_timeline);
        let trace = trace.transpose()?;
        if let Some(trace) = trace.as_ref().filter(|it| it.is(&volumes.input.file)) {
            bail!(
                "the timeline would overwrite the input, {}; name another file with --trace",
                locate::shown(trace.path())
            );
        }
        let remedy = "name a report in another folder with --report";
        volumes.check_apart("report and the serial logs", &report.folder(), remedy)?;
        Ok(Files {
            volumes,
            report,
            trace,
        })
    }
}

/// Boots a build folder, writes the report, and prints a table. The exit status is a success only if the run was one.
///
/// # Errors
/// Where the machine cannot be started or the report cannot be written.
pub fn simulate(
    build: &Path,
    files: Files,
    options: &BootOptions,
    ending: Ending,
    tools: &Tools,
) -> Result<ExitCode> {
    let Files {
        volumes,
        report: mut report_file,
        trace,
    } = files;
    let scratch = scratch::subfolder()?;
    let folder = BuildFolder::copy(build, scratch.path().join("images"))?;
    let plan = &folder.plan;
    if trace.is_some() && plan.timeline_window_size() == 0 {
        bail!(
            "components of this build note nothing; name a plan to `cargo xtask run --trace`, or give its machine a `timeline`"
        );
    }
    let names = names::instances(plan);
    let input = &volumes.input;
    let mut logs = Logs::create(&report_file.folder(), &names, &input.file)?;

    let input_path = locate::absolute(&input.path)?.display().to_string();
    let limits = limits(options, input.length);
    let mut progress = Progress::new();
    progress.line(&format!(
        "booting {} with {input_path}, {} bytes",
        plan.machine().name,
        input.length
    ));
    if let Some(folder) = &volumes.folder {
        let shown = locate::shown(folder);
        progress.line(&format!("disks are made from {shown}"));
    }
    let disks = disks::prepare(
        plan,
        options,
        &volumes,
        scratch.path(),
        tools,
        &mut progress,
    )?;

    let host_cores = pace::host_cores();
    let pace = Pace::of(plan, host_cores, options.count_instructions);
    if pace == Pace::InTurns {
        progress.line(&format!(
            "a kernel has more cores than this host gives QEMU ({host_cores}): the machine's cores take turns, which is slow"
        ));
    }
    let networks = Networks::reserve(plan, options)?;
    let forwarded = networks.forwarded();
    for port in &forwarded {
        progress.line(&format!("{port} of the machine"));
    }
    let qemu = tools.path("qemu-system-x86_64");
    let drives = machine::Drives {
        images: disks,
        options: options.drive.clone(),
    };
    let memory = trace.is_some().then(|| Memory::in_folder(scratch.path()));
    let mut machine = machine::start(
        &qemu,
        &folder,
        scratch.path(),
        &drives,
        networks,
        pace,
        memory.as_ref(),
    )?;
    make_room(&mut machine, &forwarded, &mut progress);
    let started = Instant::now();
    let mut monitor = Monitor::new(plan);
    let mut watch = Watch {
        machine,
        monitor: &mut monitor,
        logs: &mut logs,
        progress: &mut progress,
        verbose: options.verbose,
        idle_for: options.idle.map(Duration::from_secs),
        node: (ending == Ending::ByTheUser).then(|| ServingNode::new(forwarded.clone())),
    };
    let idle = watch.follow(&limits)?;
    watch.machine.end();
    drop(watch);
    if let (Some(file), Some(memory)) = (trace, &memory) {
        write_timeline(plan, memory, file, &mut progress)?;
    }
    drop(progress);

    let report = Report::new(
        plan,
        &monitor,
        Circumstances {
            versions: versions::collect(&folder, tools),
            host: Host {
                cores: host_cores,
                pace,
            },
            plan_path: folder.plan_path.clone(),
            input: input_path,
            forwarded,
            seconds: started.elapsed().as_secs_f64(),
            idle,
        },
    );
    report_file.write(&report)?;
    output::print(&summary::table(&report))?;
    if matches!(report.verdict, Verdict::Pass | Verdict::Stopped) {
        return Ok(ExitCode::SUCCESS);
    }
    explain(&report, &logs, &report_file);
    Ok(ExitCode::FAILURE)
}

/// Writes what the components have noted.
fn write_timeline(
    plan: &Plan,
    memory: &Memory,
    mut file: ReportFile,
    progress: &mut Progress,
) -> Result<()> {
    let timeline = Timeline::read(plan, memory)?;
    file.write_text(&timeline.text(plan)?)?;
    let Amount {
        kept,
        dropped,
        senseless,
    } = timeline.amount();
    progress.line(&format!(
        "the timeline is {}: {kept} records, {dropped} older ones were dropped, {senseless} made no sense; open it in https://ui.perfetto.dev",
        locate::shown(file.path())
    ));
    Ok(())
}

/// Makes room for clients that come in at once.
fn make_room(machine: &mut Machine, forwarded: &[Forwarded], progress: &mut Progress) {
    let tcp = forwarded.iter().filter(|it| it.protocol == Protocol::Tcp);
    let ports: Vec<u16> = tcp.map(|it| it.host).collect();
    let id = machine.id();
    let mut goes_on = || !interruption::interrupted() && matches!(machine.ended(), Ok(None));
    if !ports.is_empty() && !backlog::widen(id, &ports, &mut goes_on) && goes_on() {
        progress.line(
            "the host does not let many connections come in at once: open them one after another",
        );
    }
}

/// Says why a run failed, with the last lines of each log.
fn explain(report: &Report, logs: &Logs, report_file: &ReportFile) {
    let mut progress = Progress::new();
    if report.verdict != Verdict::Fail {
        for (path, lines) in logs.last_lines(LAST_LINES) {
            progress.line(&format!("last lines of {}:", locate::shown(&path)));
            for line in lines {
                progress.line(&format!("  {line}"));
            }
        }
    }
    for problem in &report.problems {
        progress.line(&format!("error: {problem}"));
    }
    progress.line(&format!(
        "verdict: {}; the report is {}, the serial logs are beside it",
        serde_json::to_value(report.verdict)
            .ok()
            .and_then(|verdict| Some(verdict.as_str()?.to_owned()))
            .unwrap_or_default(),
        locate::shown(report_file.path())
    ));
}

fn limits(options: &BootOptions, input_length: u64) -> Limits {
    let for_input = input_length.div_ceil(1 << 20) * SECONDS_PER_MIB;
    // A machine into which ports lead serves for as long as somebody wants it to, and is silent while nobody comes.
    let serves = !options.forward.is_empty() || !options.forward_udp.is_empty();
    let total = options.time_limit.map(Duration::from_secs);
    Limits {
        total: total.unwrap_or(match serves {
            true => Duration::MAX,
            false => Duration::from_secs(BASE_SECONDS + for_input),
        }),
        silence: Duration::from_secs(options.silence_limit),
        only_while_it_starts: serves,
    }
}

#[cfg(test)]
mod tests;
