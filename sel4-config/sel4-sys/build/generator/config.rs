//! Kernel configurations: an `autoconf.h` of `#define CONFIG_X value`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::compiler::Compiler;

/// The options of a host build, where no kernel is being built: four nodes, printing, debugging.
pub const DEFAULT: &[(&str, &str)] = &[
    ("ARCH_X86", "1"),
    ("ARCH_X86_64", "1"),
    ("PLAT_PC99", "1"),
    ("WORD_SIZE", "64"),
    ("SYSCALL", "1"),
    ("FASTPATH", "1"),
    ("HAVE_FPU", "1"),
    ("MAX_NUM_NODES", "4"),
    ("NUM_DOMAINS", "1"),
    ("NUM_PRIORITIES", "256"),
    ("TIMER_TICK_MS", "2"),
    ("TIME_SLICE", "5"),
    ("ROOT_CNODE_SIZE_BITS", "16"),
    ("RETYPE_FAN_OUT_LIMIT", "256"),
    ("MAX_NUM_BOOTINFO_UNTYPED_CAPS", "230"),
    ("MAX_NUM_WORK_UNITS_PER_PREEMPTION", "100"),
    ("DEBUG_BUILD", "1"),
    ("PRINTING", "1"),
];

/// Writes `options` as `folder/autoconf.h` and returns the folder.
pub fn write(folder: &Path, options: &[(&str, &str)]) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut text = String::from("#define AUTOCONF_INCLUDED\n");
    for (name, value) in options {
        text += &format!("#define CONFIG_{name} {value}\n");
    }
    fs::write(folder.join("autoconf.h"), text)?;
    Ok(folder.to_owned())
}

/// The integer options that are defined, without their prefix, in alphabetical order.
pub fn integers(compiler: &Compiler) -> Result<Vec<(String, u64)>> {
    let mut found: Vec<_> = compiler
        .macros("#include <autoconf.h>\n")?
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.strip_prefix("CONFIG_")?.to_owned();
            let value = value.trim();
            let value = match value.strip_prefix("0x") {
                Some(digits) => u64::from_str_radix(digits, 16).ok()?,
                None => value.parse().ok()?,
            };
            Some((name, value))
        })
        .collect();
    found.sort();
    Ok(found)
}
