//! A machine that lacks what the plan needs is refused with a message on the serial line.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::leftovers::check_none;
use crate::{Context, Test, TestResult, check, inputs};

/// Name, what is lacking, and how QEMU's arguments are changed to that end, as a pattern of `sed`.
const LACKING: [(&str, &str, &str); 3] = [
    ("machine-cores", "cores", "s/^4$/2/"),
    ("machine-memory", "memory", "s/^512$/160/"),
    ("machine-hpet", "its HPET", "s/^q35$/q35,hpet=off/"),
];

/// The tests.
pub fn tests() -> Vec<Test> {
    LACKING
        .into_iter()
        .map(|(name, what, change)| {
            let about = format!("a machine without {what} is refused by the loader");
            Test::new(name, about, move |context| refused(context, name, change))
        })
        .collect()
}

fn refused(context: &Context, name: &str, change: &str) -> TestResult {
    let folder = context.folder(name)?;
    let input = inputs::write(&folder, b"text")?;
    let qemu = folder.join("qemu");
    let script = format!(
        "#!/bin/bash\nwords=()\nfor word in \"$@\"; do words+=(\"$(sed '{change}' <<< \"$word\")\"); done\nexec '{}' \"${{words[@]}}\"\n",
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
        ended.stderr.contains("the loader refused: "),
        "no reason is shown: {}",
        ended.shown()
    );
    check_none(&folder)
}
