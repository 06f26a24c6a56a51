//! What a run has to say for itself: `report.json`.

mod parts;

use atoll_abi::plan::{KernelMode, Plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::{self, Audit};
use crate::monitor::{self, Monitor, PollBudget, Restarted};
use crate::simulate::{Forwarded, Pace};

/// The image whose processes say what the report's `digest` is.
const DIGEST: &str = "digest";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything is fine.
    Pass,
    /// A machine that serves was stopped by the user, and everything was fine until then.
    Stopped,
    /// The system ran to its end, and something is wrong.
    Fail,
    /// Nothing came over any serial line.
    NoBoot,
    /// Nothing more came over any serial line.
    Silent,
    /// The run took too long.
    TimeLimit,
    /// The machine runs another plan than the one that was to be booted.
    WrongPlan,
    /// The loader refused the machine.
    Refused,
    /// A component or process took a fault and was not started again.
    Fault,
    /// A root task panicked.
    Panic,
    /// A kernel stopped.
    Kernel,
    /// QEMU ended before the system was finished.
    Exited,
    /// A serial line never stopped.
    Flood,
    /// The user asked to stop.
    Interrupted,
}

/// Versions of what took part; `None` where the project cannot find it out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Versions {
    /// This project.
    pub atoll: Option<String>,
    /// The kernel.
    pub sel4: Option<String>,
    /// The compiler of the kernel.
    pub gcc: Option<String>,
    /// The compiler of everything else.
    pub rustc: Option<String>,
    /// The machine.
    pub qemu: Option<String>,
    /// The build.
    pub cmake: Option<String>,
}

/// The plan of a run.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: String,
    /// What tells it from every other plan, whatever their names are: 16 hexadecimal digits.
    pub fingerprint: String,
    /// The fingerprint that the machine told, where its loader and all its root tasks did.
    pub booted: Option<String>,
    /// `per-cluster` or `shared`.
    pub mode: &'static str,
}

/// What the machine ran on.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Host {
    /// Cores that the host gave QEMU.
    pub cores: usize,
    /// How the machine's cores shared them.
    pub pace: Pace,
}

/// One kernel instance, as it described itself after it booted.
#[derive(Clone, Debug, Serialize)]
pub struct InstanceReport {
    /// Its name.
    pub name: String,
    /// The clusters it runs.
    pub clusters: Vec<String>,
    /// APIC identifiers of its cores.
    pub cores: Vec<u32>,
    /// First byte of its memory, and the first one after it.
    pub memory: (u64, u64),
    /// `unicore` or `smp`.
    pub kernel: &'static str,
    /// Milliseconds between its timer ticks.
    pub tick_ms: u32,
}

/// One process.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessReport {
    /// Its name.
    pub name: String,
    /// Its cluster.
    pub cluster: String,
    /// The most vcores it was granted.
    pub vcores: u64,
    /// Its exit status.
    pub status: u64,
    /// Its channels to services, by service and then by vcore.
    pub channels: Vec<ChannelReport>,
}

/// What crossed the channel between a vcore of a process and a service.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelReport {
    /// The service.
    pub service: String,
    /// The vcore.
    pub vcore: usize,
    /// Messages that the vcore sent.
    pub sent: u64,
    /// Messages that it received.
    pub received: u64,
    /// Doorbells that it rang.
    pub doorbells: u64,
    /// Doorbells that the service rang.
    pub peer_doorbells: u64,
    /// How often the vcore looks for work in vain before it blocks.
    pub poll_budget: u64,
}

/// What `digest` says of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Bytes of it.
    pub bytes: u64,
    /// Line feeds in it.
    pub lines: u64,
    /// Maximal runs of bytes other than ASCII white space.
    pub words: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
}

/// What one process said for the report.
#[derive(Clone, Debug, Serialize)]
pub struct ResultReport {
    /// The process.
    pub process: String,
    /// What it said.
    pub result: Value,
}

/// What an idle system costs the host.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Idle {
    /// Seconds that it was watched.
    pub seconds: f64,
    /// Seconds of host CPU time that QEMU took meanwhile.
    pub cpu_seconds: f64,
}

/// What a run has to say for itself.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How it ended.
    pub verdict: Verdict,
    /// Why the verdict is not `pass`.
    pub problems: Vec<String>,
    /// Versions of what took part.
    pub versions: Versions,
    /// The plan.
    pub plan: PlanReport,
    /// What the machine ran on.
    pub host: Host,
    /// The file that the machine read.
    pub input: String,
    /// The ports of the host that led into the machine.
    pub forwarded: Vec<Forwarded>,
    /// Seconds from the start of QEMU to the verdict.
    pub seconds: f64,
    /// The kernel instances that came up.
    pub instances: Vec<InstanceReport>,
    /// What the instances hold, checked against the plan.
    pub audit: Audit,
    /// The processes that ended.
    pub processes: Vec<ProcessReport>,
    /// Clusters of which the server was stopped.
    pub stopped: Vec<String>,
    /// Components that were started again, in order.
    pub restarts: Vec<Restarted>,
    /// How often each server and service looks for work in vain before it blocks, as it measured when it started last.
    pub poll_budgets: Vec<PollBudget>,
    /// Components that stay down, in order.
    pub down: Vec<String>,
    /// What processes said for the report, in order.
    pub results: Vec<ResultReport>,
    /// What `digest` said; `None` where it did not, or its processes disagree.
    pub digest: Option<Digest>,
    /// What the idle system cost, where that was asked for.
    pub idle: Option<Idle>,
}

/// What a report cannot learn from the serial lines.
pub struct Circumstances {
    /// Versions of what took part.
    pub versions: Versions,
    /// What the machine ran on.
    pub host: Host,
    /// The plan's file.
    pub plan_path: String,
    /// The input file.
    pub input: String,
    /// The ports of the host that led into the machine.
    pub forwarded: Vec<Forwarded>,
    /// Seconds that the run took.
    pub seconds: f64,
    /// What the idle system cost.
    pub idle: Option<Idle>,
}

impl Report {
    /// Builds the report of what a monitor saw.
    pub fn new(plan: &Plan, monitor: &Monitor, circumstances: Circumstances) -> Report {
        let mut problems = monitor.problems.clone();
        problems.extend(monitor.faults.iter().map(|fault| fault.text.clone()));
        let mut audit = audit::check(plan, monitor.instances.iter().map(|state| &state.holdings));
        if audit.violations.is_empty() && !monitor.instances.iter().all(|state| state.audited) {
            audit.verdict = "incomplete";
        }
        problems.extend(audit.violations.iter().map(|text| format!("audit: {text}")));
        problems.extend(parts::disagreements(plan, monitor));
        let processes = parts::processes(plan, monitor);
        for process in &processes {
            if process.status != 0 {
                problems.push(format!(
                    "process {} ended with status {}",
                    process.name, process.status
                ));
            }
        }
        let digest = parts::digest(monitor).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let verdict = match &monitor.failure {
            Some(failure) if failure.verdict == Verdict::Stopped && problems.is_empty() => {
                Verdict::Stopped
            }
            Some(failure) if failure.verdict == Verdict::Stopped => Verdict::Fail,
            Some(failure) => {
                problems.insert(0, failure.reason.clone());
                failure.verdict
            }
            None => {
                problems.extend(monitor.owed());
                let expected = plan
                    .processes()
                    .iter()
                    .any(|it| it.image.as_str() == DIGEST);
                if expected && digest.is_none() && problems.is_empty() {
                    problems.push("no process reported a digest".to_owned());
                }
                match problems.is_empty() {
                    true => Verdict::Pass,
                    false if !monitor.faults.is_empty() => Verdict::Fault,
                    false => Verdict::Fail,
                }
            }
        };
        Report {
            verdict,
            problems,
            versions: circumstances.versions,
            plan: PlanReport {
                name: plan.machine().name.to_string(),
                path: circumstances.plan_path,
                fingerprint: monitor::fingerprint(plan),
                booted: monitor.booted.fingerprint(plan),
                mode: if plan.machine().mode == KernelMode::Shared as u32 {
                    "shared"
                } else {
                    "per-cluster"
                },
            },
            host: circumstances.host,
            input: circumstances.input,
            forwarded: circumstances.forwarded,
            seconds: circumstances.seconds,
            instances: parts::instances(plan, monitor),
            audit,
            processes,
            stopped: parts::stopped(plan, monitor),
            restarts: monitor.restarts.clone(),
            poll_budgets: monitor.budgets.clone(),
            down: monitor.down.clone(),
            results: parts::results(monitor),
            digest,
            idle: circumstances.idle,
        }
    }
}

#[cfg(test)]
pub mod tests;
