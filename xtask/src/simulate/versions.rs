//! Versions of what took part in a run.

use std::path::Path;

use crate::child::first_line;
use crate::report::Versions;
use crate::simulate::folder::BuildFolder;
use crate::tools::{SearchPath, Tools};

/// Asks the build and the tools.
pub fn collect(folder: &BuildFolder, tools: &Tools) -> Versions {
    Versions {
        atoll: Some(env!("CARGO_PKG_VERSION").to_owned()),
        sel4: folder.info.sel4.clone(),
        gcc: folder.info.gcc.clone().or_else(|| tools.version("gcc")),
        rustc: folder.info.rustc.clone().or_else(rustc),
        qemu: tools.version("qemu-system-x86_64"),
        cmake: tools.version("cmake"),
    }
}

fn rustc() -> Option<String> {
    let rustc = SearchPath::of_environment().find("rustc")?;
    let said = first_line(Path::new(&rustc), &["--version"])?;
    Some(said.split_whitespace().nth(1)?.to_owned())
}
