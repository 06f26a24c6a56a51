//! A machine that lacks what the plan needs is refused with a message on the serial line, which says what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::leftovers::check_none;
use crate::{Context, Test, TestResult, check, inputs};

/// What a machine lacks.
struct Lack {
    name: &'static str,
    what: &'static str,
    /// How each of QEMU's arguments is changed to that end, as a pattern of `sed`.
    change: &'static str,
    /// What is done in the folder of the images before.
    before: &'static str,
    /// What the message says to do.
    hint: &'static str,
}

const LACKING: [Lack; 7] = [
    Lack {
        name: "machine-cores",
        what: "cores",
        change: "s/^4$/2/",
        before: "true",
        hint: "(QEMU: -smp)",
    },
    Lack {
        name: "machine-memory",
        what: "memory",
        change: "s/^512$/160/",
        before: "true",
        hint: "give the machine the plan's memory (QEMU: -m)",
    },
    Lack {
        name: "machine-split",
        what: "memory below 4 GiB",
        change: "s/^q35$/q35,max-ram-below-4g=256M/",
        before: "true",
        hint: "256 MiB of its memory lie beyond 4 GiB: have all of it below (QEMU: no max-ram-below-4g)",
    },
    Lack {
        name: "machine-hpet",
        what: "its HPET",
        change: "s/^q35$/q35,hpet=off/",
        before: "true",
        hint: "(QEMU: -machine q35, without hpet=off)",
    },
    Lack {
        name: "machine-ecam",
        what: "a memory-mapped PCI configuration space",
        change: "s/^q35$/pc/; s/pcie[.]0/pci.0/",
        before: "true",
        hint: "no PCI configuration space at 0xb0000000 (ECAM)",
    },
    Lack {
        name: "machine-processor",
        what: "a processor that the kernels are built for",
        change: "s/^max$/qemu64/",
        before: "true",
        hint: "(QEMU: -cpu max)",
    },
    Lack {
        name: "machine-images",
        what: "room for its images",
        change: "",
        before: "truncate -s 300M kernel-io.elf",
        hint: "the images take the memory up to",
    },
];

/// The tests.
pub fn tests() -> Vec<Test> {
    let tests = LACKING.iter().map(|lack| {
        let about = format!("a machine without {} is refused by the loader", lack.what);
        Test::new(lack.name, about, |context| refused(context, lack))
    });
    tests.collect()
}

fn refused(context: &Context, lack: &Lack) -> TestResult {
    let folder = context.folder(lack.name)?;
    let input = inputs::write(&folder, b"text")?;
    let qemu = folder.join("qemu");
    let script = format!(
        "#!/bin/bash\n[ -e loader.elf ] && {}\nwords=()\nfor word in \"$@\"; do words+=(\"$(sed '{}' <<< \"$word\")\"); done\nexec '{}' \"${{words[@]}}\"\n",
        lack.before,
        lack.change,
        context.qemu.display()
    );
    fs::write(&qemu, script)?;
    fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755))?;
    let report = folder.join("report.json");
    let mut command = context.xtask();
    command
        .args(["run", "--plan", "2x2", "--input"])
        .arg(input)
        .arg("--report")
        .arg(&report)
        .env("ATOLL_QEMU", &qemu)
        .env("TMPDIR", &folder);
    let ended = context.call(command, &folder)?;
    let report = crate::context::read_report(&report, &ended)?;
    check!(
        !ended.status.success() && report["verdict"] == "refused",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    check!(
        ended.stderr.contains("the loader refused: ") && ended.stderr.contains(lack.hint),
        "the reason should have {:?}: {}",
        lack.hint,
        ended.shown()
    );
    check_none(&folder)
}
