//! A generator of plans whose values are at or near their bounds. The checker refuses most of them.

use std::fmt::Write;

use crate::inputs::Numbers;

/// A plan, most of whose values are at or near a bound.
pub fn plan(numbers: &mut Numbers) -> String {
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
            let owner = owner.unwrap_or(0);
            let heap = self.one_of(&["1 MiB", "1028 KiB", "8 MiB", "23 MiB"]);
            let [driver, service] = [(); 2].map(|()| self.core(owner));
            let read_only = self.numbers.one_in(2);
            writeln!(
                text,
                "[[device]]\nname = \"d{device}\"\nkind = \"virtio-blk\"\npci = \"0:{slot:x}.{function}\"\nread-only = {read_only}\n{driver}[[service]]\nname = \"s{device}\"\nkind = \"files\"\ncluster = \"c{owner}\"\n{service}device = \"d{device}\"\nheap = \"{heap}\""
            )?;
        }
        Ok(())
    }

    /// The core of a component of a cluster, where the plan names one.
    fn core(&mut self, cluster: usize) -> String {
        let cores = self.clusters[cluster].cores.len() as u64;
        match (self.numbers.one_in(2), self.numbers.below(cores) as usize) {
            (true, place) => format!("core = {}\n", self.clusters[cluster].cores[place]),
            (false, _) => String::new(),
        }
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
            "[[process]]\nname = \"p{process}\"\nimage = \"digest\"\ncluster = \"c{index}\"\nvcores = {vcores}\nservices = [{}]\nblocks = {blocks}\nheap = \"{heap}\"\nuthreads = {uthreads}\noperator = {}\nobserver = {}\nrestart = {{ times = {restart}, within-ms = 1 }}",
            services.join(", "),
            self.numbers.one_in(4),
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
