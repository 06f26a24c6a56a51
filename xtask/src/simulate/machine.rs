//! The QEMU machine that a plan needs.
//!
//! Every serial port writes to a file of its own, which the host follows: nothing is lost however early it is printed
//! and however late it is read, and QEMU never waits for a reader.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use atoll_abi::plan::{Device, DeviceKind, Plan, kernel_port};
use atoll_plan::CheckedPlan;

use crate::child::{self, OnDeath, Running};
use crate::locate;
use crate::simulate::folder::BuildFolder;
use crate::simulate::networks::Networks;
use crate::simulate::pace::Pace;
use crate::simulate::turns::{self, Turns};
use crate::tail::Tail;
use crate::timeline::Memory;

/// Serial ports of a PC.
const SERIAL_PORTS: usize = 4;

/// Comparators that QEMU's HPET has at least.
const MIN_TIMERS: u32 = 3;

/// A running machine; dropping it ends it.
pub struct Machine {
    qemu: Running,
    /// Where QEMU itself does not let every core have its turn.
    turns: Option<Turns>,
    /// What comes over each instance's serial port.
    pub serial: Vec<Tail>,
    /// What each instance's kernel prints.
    pub kernels: Vec<Tail>,
    errors: PathBuf,
}

/// The disks of the devices.
pub struct Drives {
    /// The image of each; `None` where the device is no disk.
    pub images: Vec<Option<PathBuf>>,
    /// What QEMU is told of every one beside that.
    pub options: String,
}

/// Starts the machine. `scratch` holds its serial files; `networks` are the ports that lead into it; `pace` is how its cores share
/// the host's; `memory` is where its memory is to be, if anywhere.
///
/// # Errors
/// Where the plan needs what the machine cannot have, or QEMU cannot be started.
pub fn start(
    qemu: &Path,
    folder: &BuildFolder,
    scratch: &Path,
    drives: &Drives,
    networks: Networks,
    pace: Pace,
    memory: Option<&Memory>,
) -> Result<Machine> {
    let serial: Vec<PathBuf> = (0..folder.plan.instances().len())
        .map(|index| scratch.join(format!("serial{index}")))
        .collect();
    let kernels: Vec<PathBuf> = (0..serial.len())
        .map(|index| scratch.join(format!("kernel{index}")))
        .collect();
    let errors = scratch.join("qemu-errors");
    let stderr = fs::File::create(&errors)
        .with_context(|| format!("cannot write to the folder {}", locate::shown(scratch)))?;
    // QEMU cuts module names at blanks, so it gets them relative to their folder.
    let mut command = child::command(qemu, OnDeath::Kill);
    command
        .args(arguments(
            folder, &serial, &kernels, drives, &networks, pace,
        )?)
        .args(
            memory
                .iter()
                .flat_map(|memory| in_file(&folder.plan, memory)),
        )
        .current_dir(&folder.images)
        .stdout(stderr.try_clone().context("cannot share a file")?)
        .stderr(stderr);
    if pace == Pace::Counted {
        // What QEMU answers to commands is no complaint.
        command
            .args(turns::ARGUMENTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
    }
    // QEMU takes the ports now.
    drop(networks);
    let mut qemu = Running::start(command, "QEMU", OnDeath::Kill)?;
    Ok(Machine {
        turns: qemu.input().map(Turns::new),
        qemu,
        serial: serial.into_iter().map(Tail::new).collect(),
        kernels: kernels.into_iter().map(Tail::new).collect(),
        errors,
    })
}

/// QEMU's command line.
fn arguments(
    folder: &BuildFolder,
    serial: &[PathBuf],
    kernels: &[PathBuf],
    drives: &Drives,
    networks: &Networks,
    pace: Pace,
) -> Result<Vec<OsString>> {
    let plan = &folder.plan;
    if serial.len() > SERIAL_PORTS {
        bail!(
            "plan {} has {} kernel instances, and the machine {SERIAL_PORTS} serial ports, one for each; merge clusters",
            plan.machine().name,
            serial.len()
        );
    }
    let modules: Vec<String> = folder
        .modules
        .iter()
        .map(|name| name.replace(',', ",,"))
        .collect();
    let mut arguments: Vec<OsString> = [
        "-machine",
        "q35",
        "-cpu",
        "max",
        "-display",
        "none",
        "-no-reboot",
        "-nodefaults",
        "-global",
        "hpet.msi=on",
        "-global",
        &format!("hpet.timers={}", timers(plan)),
        "-smp",
        &plan.machine().cores.to_string(),
        "-m",
        &(plan.machine().memory >> 20).to_string(),
        "-kernel",
        &folder.loader,
        "-initrd",
        &modules.join(","),
    ]
    .map(OsString::from)
    .into();
    arguments.extend(pace.arguments().iter().map(OsString::from));
    for (index, path) in serial.iter().enumerate() {
        arguments.push("-chardev".into());
        arguments.push(option(&format!("file,id=serial{index},path="), path, ""));
        arguments.push("-serial".into());
        arguments.push(format!("chardev:serial{index}").into());
    }
    for (index, path) in kernels.iter().enumerate() {
        let port = kernel_port(index);
        arguments.push("-chardev".into());
        arguments.push(option(&format!("file,id=kernel{index},path="), path, ""));
        arguments.push("-device".into());
        arguments.push(format!("isa-debugcon,iobase={port:#x},chardev=kernel{index}").into());
    }
    for (index, device) in plan.devices().iter().enumerate() {
        let place = place(plan, device)?;
        let image = drives.images.get(index).and_then(Option::as_deref);
        arguments.extend(match (DeviceKind::from_raw(device.kind), image) {
            (Some(DeviceKind::VirtioBlk), Some(image)) => {
                disk(index, device, image, &drives.options, &place)
            }
            (Some(DeviceKind::VirtioNet), _) => {
                let name = format!("net{index}");
                network(&name, networks.option(plan, index, &name), &place)
            }
            _ => bail!("device {} is none that a machine can have", device.name),
        });
    }
    Ok(arguments)
}

/// Has the machine's memory be a file, beside what [`arguments`] says of the machine.
fn in_file(plan: &Plan, memory: &Memory) -> [OsString; 4] {
    let size = plan.machine().memory >> 20;
    let before = format!("memory-backend-file,id=memory,size={size}M,share=on,mem-path=");
    [
        "-object".into(),
        option(&before, memory.path(), ""),
        "-machine".into(),
        "memory-backend=memory".into(),
    ]
}

/// Where a device is, as QEMU is told.
fn place(plan: &Plan, device: &Device) -> Result<String> {
    let (bus, slot, function) = CheckedPlan::pci_address(device);
    if bus != 0 {
        bail!(
            "device {} is on PCI bus {bus}; the machine has bus 0 alone",
            device.name
        );
    }
    let beside = |other: &Device| {
        let same_device = other.pci_address >> 3 == device.pci_address >> 3;
        same_device && other.pci_address != device.pci_address
    };
    let multifunction = match plan.devices().iter().any(beside) {
        true => ",multifunction=on",
        false => "",
    };
    Ok(format!(
        "bus=pcie.0,addr={slot:#x}.{function:#x}{multifunction}"
    ))
}

/// What QEMU is told of a disk.
fn disk(index: usize, device: &Device, image: &Path, further: &str, place: &str) -> [OsString; 4] {
    let access = match device.read_only {
        0 => "",
        _ => "readonly=on,",
    };
    let further = match further {
        "" => String::new(),
        options => format!("{options},"),
    };
    let block = device.block_size;
    [
        "-drive".into(),
        option(
            &format!("if=none,id=disk{index},format=raw,{access}{further}file="),
            image,
            "",
        ),
        "-device".into(),
        format!("virtio-blk-pci,drive=disk{index},disable-legacy=on,{place},logical_block_size={block},physical_block_size={block}").into(),
    ]
}

/// What QEMU is told of a network and its device, from which nobody boots: it needs no option ROM.
fn network(name: &str, option: String, place: &str) -> [OsString; 4] {
    [
        "-netdev".into(),
        option.into(),
        "-device".into(),
        format!("virtio-net-pci,netdev={name},disable-legacy=on,{place},romfile=").into(),
    ]
}

/// Comparators that the HPET must have for the plan's doorbells and timers.
fn timers(plan: &Plan) -> u32 {
    plan.comparators().max(MIN_TIMERS)
}

/// An option that ends in a path, in which QEMU wants every comma twice.
fn option(before: &str, path: &Path, after: &str) -> OsString {
    let path = path.display().to_string().replace(',', ",,");
    format!("{before}{path}{after}").into()
}

impl Machine {
    /// The process number of QEMU.
    pub fn id(&self) -> u32 {
        self.qemu.id()
    }

    /// Lets every core have its turn, while the kernels start them.
    pub fn pass_turns_on(&mut self) {
        if let Some(turns) = &mut self.turns {
            turns.pass_on();
        }
    }

    /// How QEMU ended, if it has.
    ///
    /// # Errors
    /// Where the system cannot say.
    pub fn ended(&mut self) -> Result<Option<std::process::ExitStatus>> {
        self.qemu.ended()
    }

    /// Ends QEMU.
    pub fn end(&mut self) {
        self.qemu.end();
    }

    /// What QEMU itself printed.
    pub fn complaints(&self) -> String {
        let bytes = fs::read(&self.errors).unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    /// Seconds of host CPU time that QEMU has taken.
    pub fn cpu_seconds(&self) -> Option<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.qemu.id())).ok()?;
        // The second field is the program's name in parentheses; the 14th and 15th are user and system time.
        let (_, fields) = text.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(11);
        let user: u64 = times.next()?.parse().ok()?;
        let system: u64 = times.next()?.parse().ok()?;
        Some((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
    }
}

#[cfg(test)]
mod tests {
    use atoll_abi::plan::NONE;

    use super::*;
    use atoll_abi::plan::EncodedPlan;

    use crate::names::tests::{example, example_tables, network_tables};

    fn words(plan: EncodedPlan) -> Result<String> {
        words_of(plan, Pace::Together)
    }

    fn words_of(plan: EncodedPlan, pace: Pace) -> Result<String> {
        let serial = vec![PathBuf::from("/a,b/serial0"); plan.instances().len()];
        let folder = BuildFolder {
            plan,
            plan_path: String::new(),
            images: PathBuf::from("/images"),
            loader: "loader.elf".to_owned(),
            modules: vec!["plan.bin".to_owned(), "a,b".to_owned()],
            info: Default::default(),
        };
        let kernels = vec![PathBuf::from("/kernel"); serial.len()];
        let drives = Drives {
            images: vec![Some(PathBuf::from("/tmp/x,y")), None],
            options: "throttling.bps-write=1".to_owned(),
        };
        let networks = Networks::default();
        let arguments = arguments(&folder, &serial, &kernels, &drives, &networks, pace)?;
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        Ok(words.join(" "))
    }

    #[test]
    fn the_machine_has_what_the_plan_needs() {
        let mut tables = example_tables();
        tables.clusters[1].comparator = 4;
        let text = words(tables.encode()).unwrap();
        for part in [
            "-smp 4 -m 512",
            "-global hpet.timers=7",
            "-kernel loader.elf -initrd plan.bin,a,,b",
            "file,id=serial1,path=/a,,b/serial0",
            "isa-debugcon,iobase=0x308,chardev=kernel1",
            "format=raw,throttling.bps-write=1,file=/tmp/x,,y",
            "virtio-blk-pci,drive=disk0,disable-legacy=on,bus=pcie.0,addr=0x4.0x0",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_network_device_is_modern_and_has_no_rom() {
        let text = words(network_tables().encode()).unwrap();
        for part in [
            "-netdev user,id=net1 ",
            "-device virtio-net-pci,netdev=net1,disable-legacy=on,bus=pcie.0,addr=0x5.0x0,romfile=",
            "virtio-blk-pci,drive=disk0,disable-legacy=on,bus=pcie.0,addr=0x4.0x0,logical_block_size=512",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("disk1"), "{text}");
        let mut tables = network_tables();
        tables.devices[1].pci_address = 4 << 3 | 1;
        let text = words(tables.encode()).unwrap();
        assert!(
            text.contains("addr=0x4.0x1,multifunction=on,romfile="),
            "{text}"
        );
    }

    #[test]
    fn a_machine_that_counts_takes_turns() {
        let counted = words_of(example(), Pace::Counted).unwrap();
        assert!(counted.contains("-accel tcg,thread=single"));
        assert!(counted.contains("-icount shift=0,sleep=off"));
        let free = words(example()).unwrap();
        assert!(free.contains("thread=multi") && !free.contains("-icount"));
    }

    #[test]
    fn a_plan_without_doorbells_gets_the_usual_timers() {
        let mut tables = example_tables();
        tables.clusters[0].comparator = NONE;
        tables.clusters[1].comparator = NONE;
        assert!(words(tables.encode()).unwrap().contains("hpet.timers=3"));
    }

    #[test]
    fn what_the_machine_cannot_have_is_refused() {
        let mut tables = example_tables();
        tables.instances.resize(5, tables.instances[0]);
        assert!(words(tables.encode()).is_err());
        let mut tables = example_tables();
        tables.devices[0].pci_address = 1 << 8;
        assert!(words(tables.encode()).is_err());
        let mut tables = network_tables();
        tables.devices[1].kind = 99;
        assert!(words(tables.encode()).is_err());
    }
}
