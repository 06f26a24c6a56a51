//! The Linux guest: Debian's kernel, Redis and nginx in a first file system that is made here, on the same machine as Atoll.

mod cpio;
mod needs;
mod packages;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::content;
use crate::locate;
use crate::lock::Lock;
use crate::simulate::Pace;
use crate::step::{self, Log};
use crate::tools::Tools;
use cpio::Archive;

/// Programs of the guest: where each is in the packages, one of these; and its name in the guest's folder `bin`.
const PROGRAMS: [(&[&str], &str); 3] = [
    (&["bin/busybox", "usr/bin/busybox"], "busybox"),
    (&["usr/bin/redis-server"], "redis-server"),
    (&["usr/sbin/nginx"], "nginx"),
];

/// Where libraries are in the packages.
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];

/// What programs are started with; its place in the guest is written in each.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// Modules of the kernel that the guest needs, beside those that they need.
const MODULES: [&str; 4] = ["virtio_pci", "virtio_net", "virtio_blk", "ext4"];

/// What the kernel is told. It gets the clock that costs least, and no remedies against faults of processors: neither is Atoll made slower
/// by any.
const COMMAND_LINE: &str =
    "console=ttyS0 quiet mitigations=off clocksource=tsc tsc=reliable panic=-1";

/// Bytes of its disk, where Redis keeps what it is told to keep.
const DISK_BYTES: u64 = 512 << 20;

/// What a guest is booted from.
pub struct Linux {
    kernel: PathBuf,
    initramfs: PathBuf,
    disk: PathBuf,
    /// Version of the kernel.
    pub version: String,
}

/// The machine that it gets.
pub struct Hardware {
    pub cores: u32,
    /// Bytes.
    pub memory: u64,
    pub pace: Pace,
    /// Ports of the host and of the guest.
    pub ports: Vec<(u16, u16)>,
}

impl Linux {
    /// Takes the packages of earlier runs, or downloads them, and makes of them what the guest is booted from.
    ///
    /// # Errors
    /// Where apt cannot download them, or something is not in them.
    pub fn make(scratch: &Path, tools: &Tools) -> Result<Linux> {
        let folder = locate::output().join("bench/linux");
        let _lock = Lock::exclusive(&folder.join("lock"))?;
        let mut log = Log::create(&folder.join("linux.log"))?;
        let unpacked = folder.join("unpacked");
        if !unpacked.is_file() {
            // What an earlier run has left half done.
            let _ = fs::remove_dir_all(folder.join("packages"));
            let _ = fs::remove_dir_all(folder.join("root"));
            packages::unpack(&folder, &mut log)?;
            fs::write(&unpacked, "").context("cannot write to the folder of the Linux guest")?;
        }
        let root = folder.join("root");
        let made = Linux::assemble(&root, scratch, tools, &mut log);
        made.with_context(|| {
            format!(
                "cannot make the Linux guest of the packages in {}; remove that folder to have them downloaded again",
                locate::shown(&folder)
            )
        })
    }

    fn assemble(root: &Path, scratch: &Path, tools: &Tools, log: &mut Log) -> Result<Linux> {
        let version = only_entry(&root.join("lib/modules"))
            .or_else(|_| only_entry(&root.join("usr/lib/modules")))?;
        let initramfs = scratch.join("initramfs");
        let bytes = initial_files(root, &version)?;
        fs::write(&initramfs, bytes).context("cannot write the guest's first file system")?;
        let disk = scratch.join("linux-disk");
        let image = fs::File::create(&disk).context("cannot write the guest's disk")?;
        image.set_len(DISK_BYTES)?;
        let mut format = step::command(&tools.path("mke2fs"));
        format.args(["-q", "-t", "ext4", "-F"]).arg(&disk);
        log.run(format, "mke2fs", "making the disk of the Linux guest")?;
        Ok(Linux {
            kernel: root.join(format!("boot/vmlinuz-{version}")),
            initramfs,
            disk,
            version,
        })
    }

    /// QEMU's arguments, beside where its serial line goes.
    pub fn arguments(&self, hardware: &Hardware) -> Vec<OsString> {
        let mut words: Vec<OsString> = [
            "-machine",
            "q35",
            "-cpu",
            "max",
            "-display",
            "none",
            "-no-reboot",
            "-nodefaults",
            "-smp",
            &hardware.cores.to_string(),
            "-m",
            &(hardware.memory >> 20).to_string(),
            "-append",
            COMMAND_LINE,
        ]
        .map(OsString::from)
        .into();
        words.extend(hardware.pace.arguments().iter().map(OsString::from));
        let mut network = "user,id=net0".to_owned();
        for (host, guest) in &hardware.ports {
            network += &format!(",hostfwd=tcp:127.0.0.1:{host}-:{guest}");
        }
        words.extend(["-kernel".into(), self.kernel.clone().into_os_string()]);
        words.extend(["-initrd".into(), self.initramfs.clone().into_os_string()]);
        words.extend(["-netdev".into(), network.into()]);
        words.extend([
            "-device".into(),
            "virtio-net-pci,netdev=net0,disable-legacy=on,romfile=".into(),
        ]);
        let disk = self.disk.display().to_string().replace(',', ",,");
        words.extend([
            "-drive".into(),
            format!("if=none,id=disk0,format=raw,file={disk}").into(),
        ]);
        words.extend([
            "-device".into(),
            "virtio-blk-pci,drive=disk0,disable-legacy=on".into(),
        ]);
        words
    }
}

/// The guest's first file system: its programs with their libraries, modules, settings and files.
fn initial_files(root: &Path, version: &str) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    for folder in [
        "bin",
        "data",
        "dev",
        "etc",
        "files",
        "lib",
        "lib/modules",
        "lib64",
        "proc",
        "srv",
        "sys",
        "tmp",
        "var",
        "var/lib",
        "var/lib/nginx",
        "var/log",
        "var/log/nginx",
    ] {
        archive.folder(folder);
    }
    archive.device("dev/console", 5, 1);
    archive.file("init", include_bytes!("linux/init"));
    archive.file("etc/nginx.conf", include_bytes!("linux/nginx.conf"));
    archive.file("etc/passwd", b"root:x:0:0::/:/bin/sh\n");
    archive.file("etc/group", b"root:x:0:\n");
    for (name, bytes) in content::files() {
        archive.file(&format!("files/{name}"), &bytes);
    }

    let mut programs = Vec::new();
    for (places, name) in PROGRAMS {
        let program = read_first(root, places)?;
        programs.extend(needs::libraries(&program).with_context(|| format!("{name} is wrong"))?);
        archive.file(&format!("bin/{name}"), &program);
    }
    let read_library = |name: &str| {
        let places = LIBRARIES.map(|folder| format!("{folder}/{name}"));
        read_first(root, &places.each_ref().map(String::as_str))
    };
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    for name in needs::in_order(&programs, |name| needs::libraries(&read_library(name)?))? {
        let folder = if name == LOADER { "lib64" } else { "lib" };
        archive.file(&format!("{folder}/{name}"), &read_library(&name)?);
    }

    let modules = ModuleFiles::find(root, version)?;
    let order = needs::in_order(&MODULES, |name| match modules.read(name)? {
        Some(module) => needs::modules(&module).with_context(|| format!("module {name}")),
        None => Ok(Vec::new()),
    })?;
    let mut loaded = String::new();
    for name in order {
        if let Some(module) = modules.read(&name)? {
            archive.file(&format!("lib/modules/{name}.ko"), &module);
            loaded += &(name + "\n");
        }
    }
    archive.file("lib/modules/order", loaded.as_bytes());
    Ok(archive.finish())
}

/// The first of these files that there is.
fn read_first(root: &Path, places: &[&str]) -> Result<Vec<u8>> {
    for place in places {
        let path = root.join(place);
        if path.is_file() {
            return fs::read(&path).with_context(|| format!("cannot read {}", locate::shown(path)));
        }
    }
    bail!("{} is in none of the packages", places.join(" or "))
}

/// The modules of a kernel.
struct ModuleFiles {
    /// Paths.
    files: Vec<PathBuf>,
    /// Names of those that are in the kernel itself, by line.
    built_in: String,
}

impl ModuleFiles {
    fn find(root: &Path, version: &str) -> Result<ModuleFiles> {
        let folders = ["lib/modules", "usr/lib/modules"].map(|it| root.join(it).join(version));
        let folder = folders.iter().find(|it| it.is_dir());
        let folder = folder.context("the kernel's package has no modules")?;
        let mut files = Vec::new();
        let mut open = vec![folder.clone()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next)? {
                let entry = entry?;
                match entry.file_type()?.is_dir() {
                    true => open.push(entry.path()),
                    false => files.push(entry.path()),
                }
            }
        }
        let built_in = fs::read_to_string(folder.join("modules.builtin"));
        Ok(ModuleFiles {
            files,
            built_in: built_in.context("the kernel's package does not say what is built in")?,
        })
    }

    /// A module; `None` where it is in the kernel itself.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let of = |path: &Path| {
            let file = path.file_name()?.to_str()?;
            Some(needs::canonical(file.split_once(".ko")?.0))
        };
        let is_it = |path: &Path| of(path).as_deref() == Some(name);
        if let Some(path) = self.files.iter().find(|path| is_it(path)) {
            let module = fs::read(path);
            return Ok(Some(module.with_context(|| {
                format!("cannot read {}", locate::shown(path))
            })?));
        }
        match self.built_in.lines().any(|line| is_it(Path::new(line))) {
            true => Ok(None),
            false => bail!("the kernel has no module {name}"),
        }
    }
}

/// The name of the only entry of a folder.
fn only_entry(folder: &Path) -> Result<String> {
    let shown = locate::shown(folder);
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {shown}"))?;
    let names: Vec<_> = entries.collect::<Result<_, _>>()?;
    match names.as_slice() {
        [one] => Ok(one.file_name().to_string_lossy().into_owned()),
        _ => bail!("there is not one kernel alone in {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_has_the_same_machine_as_atoll() {
        let linux = Linux {
            kernel: "/kernel".into(),
            initramfs: "/first".into(),
            disk: "/a,b".into(),
            version: String::new(),
        };
        let words = linux.arguments(&Hardware {
            cores: 3,
            memory: 640 << 20,
            pace: Pace::Together,
            ports: vec![(1000, 80), (2000, 6379)],
        });
        let words: Vec<_> = words.iter().map(|it| it.to_string_lossy()).collect();
        let text = words.join(" ");
        for part in [
            "-machine q35 -cpu max",
            "-smp 3 -m 640",
            "-accel tcg,thread=multi",
            "hostfwd=tcp:127.0.0.1:1000-:80,hostfwd=tcp:127.0.0.1:2000-:6379",
            "file=/a,,b",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn modules_are_found_by_name_and_some_are_in_the_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("lib/modules/1");
        fs::create_dir_all(modules.join("kernel/net")).unwrap();
        fs::write(modules.join("kernel/net/virtio-net.ko"), "x").unwrap();
        fs::write(modules.join("modules.builtin"), "kernel/fs/ext4.ko\n").unwrap();
        let found = ModuleFiles::find(folder.path(), "1").unwrap();
        assert_eq!(found.read("virtio_net").unwrap(), Some(b"x".to_vec()));
        assert_eq!(found.read("ext4").unwrap(), None);
        assert!(found.read("none").is_err());
        assert!(ModuleFiles::find(folder.path(), "2").is_err());
    }
}
