//! Whatever plan the checker accepts boots and gives the right digest; the least memory that it accepts is enough.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::inputs::Numbers;
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// Seeds of the ordinary tests, and of the long ones.
const SEEDS: [u64; 2] = [4, 100];

/// Plans that are generated of a seed until one is accepted.
const ATTEMPTS: usize = 400;

/// Shipped plans of which the least memory is looked for, and those that only the long tests look at.
const LEAST: [(&str, bool); 5] = [
    ("4x1", false),
    ("2x2", true),
    ("1x4", true),
    ("shared", true),
    ("three", true),
];

/// The tests; the long ones too where they are wanted.
pub fn tests(long: bool) -> Vec<Test> {
    let mut tests: Vec<_> = (0..SEEDS[usize::from(long)])
        .map(|seed| {
            Test::new(
                format!("generated-{seed}"),
                "a generated plan, at its bounds, that the checker accepts boots and gives the right digest",
                move |context| generated(context, seed),
            )
        })
        .collect();
    let least = LEAST
        .into_iter()
        .filter(|(_, only_long)| long || !only_long);
    tests.extend(least.map(|(plan, _)| {
        Test::new(
            format!("least-memory-{plan}"),
            "with the least memory that the checker accepts a plan boots",
            move |context| least_memory(context, plan),
        )
    }));
    tests
}

fn generated(context: &Context, seed: u64) -> TestResult {
    let folder = context.folder(&format!("generated-{seed}"))?;
    let mut numbers = Numbers::new(seed);
    let path = folder.join("generated.toml");
    for _ in 0..ATTEMPTS {
        fs::write(&path, plan(&mut numbers))?;
        if accepts(context, &path, &folder)? {
            return boots(context, &path, &folder);
        }
    }
    check!(false, "none of {ATTEMPTS} plans of seed {seed} is accepted");
    Ok(())
}

/// Whether the checker accepts a plan. What it refuses it names, and where.
fn accepts(context: &Context, plan: &Path, folder: &Path) -> Result<bool, Failure> {
    let mut command = context.xtask();
    command.args(["plan", "check"]).arg(plan);
    let ended = context.call(command, folder)?;
    let place = format!("{}:", plan.display());
    let located = |line: &str| {
        let rest = line.strip_prefix(&place).unwrap_or_default();
        rest.starts_with(|first: char| first.is_ascii_digit())
    };
    check!(
        ended.status.success() || !ended.stderr.is_empty() && ended.stderr.lines().all(located),
        "what is wrong is not said with its place: {}",
        ended.shown()
    );
    Ok(ended.status.success())
}

fn boots(context: &Context, plan: &Path, folder: &Path) -> TestResult {
    let input = inputs::write(folder, &inputs::text(30_000))?;
    let report = context.run_well(&plan.display().to_string(), &input, folder);
    let report = report.map_err(|failure| Failure {
        text: format!("{} does not boot: {}", plan.display(), failure.text),
        ..failure
    })?;
    inputs::check_digest(&report, &input, true)
}

/// Halves the steps by which the memory of one cluster after the other shrinks, until the checker refuses less.
fn least_memory(context: &Context, name: &str) -> TestResult {
    const STEP: u64 = 2;
    let folder = context.folder(&format!("least-memory-{name}"))?;
    let shipped = context
        .root
        .join("clusters/plans")
        .join(format!("{name}.toml"));
    let mut text = fs::read_to_string(shipped)?.replacen(&format!("name = \"{name}\""), "", 1);
    let path = folder.join("least.toml");
    let key = "memory = \"";
    let clusters = text.matches("[[cluster]]").count();
    // The first one is the machine's.
    for cluster in 1..=clusters {
        let Some((at, _)) = text.match_indices(key).nth(cluster) else {
            continue;
        };
        let start = at + key.len();
        let end = start + text[start..].find('"').unwrap_or(0);
        let now = text[start..end].trim_end_matches(" MiB").parse::<u64>();
        let (mut low, mut high) = (0, now.unwrap_or(0) / STEP);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            let tried = format!("{}{} MiB{}", &text[..start], middle * STEP, &text[end..]);
            fs::write(&path, tried)?;
            match accepts(context, &path, &folder)? {
                true => high = middle,
                false => low = middle,
            }
        }
        text = format!("{}{} MiB{}", &text[..start], high * STEP, &text[end..]);
    }
    fs::write(&path, &text)?;
    boots(context, &path, &folder)
}

/// A plan, most of whose values are at or near a bound.
fn plan(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = Generator::new(numbers).write(&mut text);
    text
}

/// A cluster of a generated plan.
struct Cluster {
    cores: Vec<u64>,
    masked: bool,
    /// Devices, each with its service.
    devices: Vec<usize>,
}

struct Generator<'a> {
    numbers: &'a mut Numbers,
    shared: bool,
    clusters: Vec<Cluster>,
    devices: usize,
}

impl Generator<'_> {
    fn new(numbers: &mut Numbers) -> Generator<'_> {
        let shared = numbers.one_in(4);
        let mut core = 0;
        let mut clusters: Vec<Cluster> = (0..1 + numbers.below(3))
            .map(|_| {
                let first = core;
                core += 1 + numbers.below(3);
                Cluster {
                    cores: (first..core).collect(),
                    masked: false,
                    devices: Vec::new(),
                }
            })
            .collect();
        let devices = 1 + numbers.below(2) as usize;
        for device in 0..devices {
            let owner = numbers.below(clusters.len() as u64) as usize;
            clusters[owner].devices.push(device);
        }
        for cluster in &mut clusters {
            cluster.masked =
                cluster.devices.is_empty() && cluster.cores.len() > 1 && numbers.one_in(4);
        }
        Generator {
            numbers,
            shared,
            clusters,
            devices,
        }
    }

    /// One of some values.
    fn one_of<'v>(&mut self, values: &[&'v str]) -> &'v str {
        values[self.numbers.below(values.len() as u64) as usize]
    }

    fn write(mut self, text: &mut String) -> std::fmt::Result {
        let cores = self.clusters.last().and_then(|last| last.cores.last());
        let cores = cores.unwrap_or(&0) + 1 + self.numbers.below(2);
        writeln!(
            text,
            "[machine]\ncores = {cores}\nmemory = \"{}\"\nkernel-mode = \"{}\"",
            self.one_of(&["384 MiB", "640 MiB", "1 GiB", "2 GiB"]),
            if self.shared { "shared" } else { "per-cluster" }
        )?;
        self.write_clusters(text)?;
        self.write_devices(text)?;
        self.write_channels(text)?;
        for process in 0..1 + self.numbers.below(4) {
            self.write_process(text, process)?;
        }
        Ok(())
    }

    /// Ticks, quantum and options of a kernel.
    fn kernel(&mut self) -> String {
        let tick = [1, 2, 10, 1000][self.numbers.below(4) as usize];
        let quantum = [tick, (tick * 50).min(1000 / tick * tick)][self.numbers.below(2) as usize];
        let mut options = Vec::new();
        for (name, values) in [
            ("KernelPrinting", &["true", "false"][..]),
            ("KernelDebugBuild", &["true", "false"]),
            ("KernelRootCNodeSizeBits", &["12", "13", "15", "16", "18"]),
            ("KernelFastpath", &["true", "false"]),
            ("KernelNumPriorities", &["16", "17", "64", "256"]),
            ("KernelRetypeFanOutLimit", &["16", "17", "255", "4096"]),
            ("KernelMaxNumWorkUnitsPerPreemption", &["1", "2", "10000"]),
            ("KernelStackBits", &["12", "13", "16"]),
        ] {
            if self.numbers.one_in(3) {
                options.push(format!("{name} = {}", self.one_of(values)));
            }
        }
        format!(
            "quantum-ms = {quantum}\ntimer-tick-ms = {tick}\nkernel = {{ {} }}",
            options.join(", ")
        )
    }

    fn write_clusters(&mut self, text: &mut String) -> std::fmt::Result {
        let common = self.kernel();
        for index in 0..self.clusters.len() {
            let kernel = match self.shared {
                true => common.clone(),
                false => self.kernel(),
            };
            let memory = 2 * (12 + self.numbers.below(120));
            let kind = self.one_of(&["LL", "CG"]);
            let cluster = &self.clusters[index];
            let devices: Vec<_> = cluster
                .devices
                .iter()
                .map(|it| format!("\"d{it}\""))
                .collect();
            writeln!(
                text,
                "[[cluster]]\nname = \"c{index}\"\ncores = {:?}\nmemory = \"{memory} MiB\"\nkind = \"{kind}\"\n{kernel}\ndevices = [{}]\ndoorbell = \"{}\"",
                cluster.cores,
                devices.join(", "),
                if cluster.masked {
                    "masked"
                } else {
                    "interrupt"
                }
            )?;
        }
        Ok(())
    }

    fn write_devices(&mut self, text: &mut String) -> std::fmt::Result {
        let slot = 1 + self.numbers.below(0x1e);
        for device in 0..self.devices {
            // The second one beside the first, or at another function of it.
            let (slot, function) = match (device, self.numbers.below(2)) {
                (0, _) => (slot, 0),
                (_, 0) => (slot % 0x1e + 1, 0),
                _ => (slot, 1 + self.numbers.below(7)),
            };
            let owner = self
                .clusters
                .iter()
                .position(|it| it.devices.contains(&device));
            writeln!(
                text,
                "[[device]]\nname = \"d{device}\"\nkind = \"virtio-blk\"\npci = \"0:{slot:x}.{function}\"\n[[service]]\nname = \"s{device}\"\nkind = \"files\"\ncluster = \"c{}\"\ndevice = \"d{device}\"",
                owner.unwrap_or(0)
            )?;
        }
        Ok(())
    }

    /// From each cluster to all others.
    fn write_channels(&mut self, text: &mut String) -> std::fmt::Result {
        for second in 0..self.clusters.len() {
            for first in 0..second {
                writeln!(text, "[[channel]]\nbetween = [\"c{first}\", \"c{second}\"]")?;
            }
        }
        Ok(())
    }

    fn write_process(&mut self, text: &mut String, process: u64) -> std::fmt::Result {
        let index = self.numbers.below(self.clusters.len() as u64) as usize;
        let cluster = &self.clusters[index];
        let most = cluster.cores.len() as u64 - u64::from(cluster.masked);
        let vcores = 1 + self.numbers.below(most);
        let services: Vec<_> = match self.numbers.below(3) {
            0 => (0..self.devices).map(|it| format!("\"s{it}\"")).collect(),
            _ => vec![format!("\"s{}\"", self.numbers.below(self.devices as u64))],
        };
        let blocks = self.one_of(&["1", "2", "63", "1024", "4096"]);
        let heap = self.one_of(&["4 KiB", "64 KiB", "256 KiB", "1 MiB", "23 MiB"]);
        let uthreads = self.one_of(&["1", "2", "7", "64", "1024"]);
        let restart = self.one_of(&["0", "16"]);
        writeln!(
            text,
            "[[process]]\nname = \"p{process}\"\nimage = \"digest\"\ncluster = \"c{index}\"\nvcores = {vcores}\nservices = [{}]\nblocks = {blocks}\nheap = \"{heap}\"\nuthreads = {uthreads}\noperator = {}\nrestart = {{ times = {restart}, within-ms = 1 }}",
            services.join(", "),
            self.numbers.one_in(4)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_of_a_seed_are_the_same_and_those_of_two_are_not() {
        let first = |seed| plan(&mut Numbers::new(seed));
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }
}
