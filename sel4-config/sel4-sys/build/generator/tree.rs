//! Where things are in a kernel tree.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, str};

use anyhow::{Context, Result, ensure};

/// The package and version that carry the kernel tree in the registry.
const PACKAGE: (&str, &str) = ("sel4-sys", "0.0.28");

/// The folder of the kernel tree in the package that Cargo fetched for the package in the folder `package`.
pub fn fetched(package: &Path) -> Result<PathBuf> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .output()
        .context("cargo metadata does not run")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let manifest = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == PACKAGE.0 && package["version"] == PACKAGE.1)
        .and_then(|package| package["manifest_path"].as_str())
        .with_context(|| format!("{} {} is not in the lock file", PACKAGE.0, PACKAGE.1))?;
    let tree = Path::new(manifest).with_file_name("seL4");
    ensure!(
        tree.is_dir(),
        "{} {} carries no kernel",
        PACKAGE.0,
        PACKAGE.1
    );
    Ok(tree)
}

/// The XML files that define the invocations, in the order in which their labels are numbered.
pub fn interfaces(tree: &Path) -> [PathBuf; 3] {
    let libsel4 = tree.join("libsel4");
    [
        libsel4.join("include/interfaces/sel4.xml"),
        libsel4.join("sel4_arch_include/x86_64/interfaces/sel4arch.xml"),
        libsel4.join("arch_include/x86/interfaces/sel4arch.xml"),
    ]
}

/// The XML file that defines the system calls.
pub fn syscalls(tree: &Path) -> PathBuf {
    tree.join("libsel4/include/api/syscall.xml")
}

/// The bitfield files, each with the header that the tree's own generator makes of it.
pub fn bitfields(tree: &Path) -> [(PathBuf, &'static str); 3] {
    let libsel4 = tree.join("libsel4");
    [
        (
            libsel4.join("sel4_arch_include/x86_64/sel4/sel4_arch/types.bf"),
            "sel4/sel4_arch/types_gen.h",
        ),
        (libsel4.join("include/sel4/types_64.bf"), "sel4/types_gen.h"),
        (
            libsel4.join("include/sel4/shared_types_64.bf"),
            "sel4/shared_types_gen.h",
        ),
    ]
}

/// The kernel's own bitfield file, of which user programs need one block: see [`IO_PORT_DATA`].
pub fn kernel_bitfields(tree: &Path) -> PathBuf {
    tree.join("include/arch/x86/arch/64/mode/object/structures.bf")
}

/// The block that says how a data word narrows an I/O port capability. libsel4 does not define it.
pub const IO_PORT_DATA: &str = "io_port_capdata";

/// The include folders of libsel4 for x86_64 on pc99.
pub fn includes(tree: &Path) -> Vec<PathBuf> {
    [
        "include",
        "arch_include/x86",
        "sel4_arch_include/x86_64",
        "sel4_plat_include/pc99",
    ]
    .iter()
    .map(|folder| tree.join("libsel4").join(folder))
    .collect()
}
