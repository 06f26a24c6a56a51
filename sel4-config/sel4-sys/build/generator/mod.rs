//! Reads a kernel tree under one configuration and writes Rust bindings for it.
//!
//! Labels, numbers and layouts are taken from the tree's XML files, bitfield files and headers. C expressions are
//! evaluated by the host's C compiler, so that macros, enumerations, packing and alignment mean what they mean to C.

#![allow(
    dead_code,
    reason = "the build script and the tests use different parts"
)]

pub mod bindings;
pub mod bitfield;
pub mod compiler;
pub mod config;
pub mod emit;
pub mod emit_bitfield;
pub mod emit_method;
pub mod headers;
pub mod layout;
pub mod tree;
pub mod xml;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use bindings::Bindings;
use bitfield::Bitfields;
use compiler::Compiler;

/// A kernel tree and one configuration of it.
pub struct Generator {
    tree: PathBuf,
    compiler: Compiler,
    emulated: PathBuf,
}

/// The headers whose declarations are bound.
pub const HEADERS: &str = "#include <autoconf.h>
#include <sel4/types.h>
#include <sel4/bootinfo_types.h>
#include <sel4/arch/bootinfo_types.h>
#include <sel4/arch/mapping.h>
";

impl Generator {
    /// Prepares to read `tree` under the `autoconf.h` in `configuration`, with scratch files in `work`.
    pub fn new(tree: &Path, configuration: &Path, work: &Path) -> Result<Self> {
        ensure!(
            tree.join("libsel4/include/sel4/types.h").is_file(),
            "{} is not a seL4 source tree",
            tree.display()
        );
        ensure!(
            configuration.join("autoconf.h").is_file(),
            "there is no autoconf.h in {}",
            configuration.display()
        );
        let emulated = work.join("include");
        fs::create_dir_all(&emulated)?;
        let mut includes = vec![configuration.to_owned(), emulated.clone()];
        includes.extend(tree::includes(tree));
        Ok(Self {
            tree: tree.to_owned(),
            compiler: Compiler::new(work, includes)?,
            emulated,
        })
    }

    /// Everything that is bound.
    pub fn bindings(&self) -> Result<Bindings> {
        let syscalls = self.syscalls()?;
        let bitfields = self.bitfields()?;
        self.emulate_syscall_header(&syscalls)?;
        let methods = self.methods()?;
        let layouts = layout::read(&self.compiler, &bitfields)?;
        Ok(Bindings {
            config: config::integers(&self.compiler)?,
            syscalls,
            io_port_data: self.io_port_data()?,
            bitfields,
            methods,
            layouts,
        })
    }

    fn syscalls(&self) -> Result<Vec<(String, Option<i64>)>> {
        let all = xml::syscalls(&tree::syscalls(&self.tree))?;
        let conditions: Vec<_> = all
            .iter()
            .map(|syscall| syscall.condition.as_str())
            .collect();
        let holds = self.compiler.conditions(&conditions)?;
        let mut number = 0;
        Ok(all
            .into_iter()
            .zip(holds)
            .map(|(syscall, holds)| {
                // The kernel reserves the number of a system call that is configured out.
                number -= 1;
                (syscall.name, holds.then_some(number))
            })
            .collect())
    }

    fn methods(&self) -> Result<bindings::Methods> {
        let mut found = bindings::Methods::default();
        for path in tree::interfaces(&self.tree) {
            let interfaces = xml::interfaces(&path)?;
            found.structures.extend(interfaces.structures);
            found.methods.extend(interfaces.methods);
        }
        let conditions: Vec<_> = found.methods.iter().map(|m| m.condition.as_str()).collect();
        let holds = self.compiler.conditions(&conditions)?;
        // Label 0 is the invalid invocation; a label that is configured out has no number.
        let mut label = 0;
        found.labels = holds
            .into_iter()
            .map(|holds| {
                label += u64::from(holds);
                holds.then_some(label)
            })
            .collect();
        Ok(found)
    }

    fn bitfields(&self) -> Result<Bitfields> {
        let mut all = Bitfields::default();
        for (path, header) in tree::bitfields(&self.tree) {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let text = self
                .compiler
                .preprocess(&format!("#include \"{}\"\n", path.display()))?;
            let found = bitfield::parse(&text).with_context(|| format!("in {name}"))?;
            self.emulate(header, &found.to_c()?)?;
            all.blocks.extend(found.blocks);
            all.unions.extend(found.unions);
        }
        Ok(all)
    }

    fn io_port_data(&self) -> Result<Bitfields> {
        let path = tree::kernel_bitfields(&self.tree);
        let text = fs::read_to_string(path).context("the kernel's bitfield file is missing")?;
        bitfield::parse(&bitfield::excerpt(&text, tree::IO_PORT_DATA)?)
    }

    fn emulate_syscall_header(&self, syscalls: &[(String, Option<i64>)]) -> Result<()> {
        let mut text = String::from("#pragma once\ntypedef enum {\n");
        for (name, number) in syscalls {
            if let Some(number) = number {
                text += &format!("    seL4_Sys{name} = {number},\n");
            }
        }
        text += "    SEL4_FORCE_LONG_ENUM(seL4_Syscall_ID)\n} seL4_Syscall_ID;\n";
        self.emulate("sel4/syscall.h", &text)
    }

    /// Stands in for a header that the tree's build would generate.
    fn emulate(&self, header: &str, text: &str) -> Result<()> {
        let path = self.emulated.join(header);
        fs::create_dir_all(path.parent().context("a header without a folder")?)?;
        fs::write(path, text)?;
        Ok(())
    }
}
