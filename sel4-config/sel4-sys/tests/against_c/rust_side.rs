//! The program in Rust, with our bindings.

use std::path::Path;
use std::{env, fs};

use anyhow::Result;

use crate::c_side::run as run_program;
use crate::generator::bindings::Bindings;
use crate::questions::Question;

/// Stands in for the modules of the crate that make system calls.
const MOCK: &str = "
mod ipc_buffer {
    pub unsafe fn set_cap(index: usize, cap: u64) { println!(\"  cap {index} {cap:x}\"); }
    pub unsafe fn set_mr(index: usize, word: u64) { println!(\"  word {index} {word:x}\"); }
}
mod syscalls {
    pub struct Reply;
    impl Reply {
        pub fn error(&self) -> u64 { 0 }
        pub unsafe fn word(&self, index: usize) -> u64 {
            0x8877665544332211u64.wrapping_mul(index as u64 + 1)
        }
    }
    pub unsafe fn invoke(service: u64, info: crate::bindings::seL4_MessageInfo, r: [u64; 4]) -> Reply {
        println!(\"  call {service:x} {:x} {:x} {:x} {:x} {:x}\", info.words[0], r[0], r[1], r[2], r[3]);
        Reply
    }
}
#[allow(unused)]
mod bindings {
    use crate::bits::{extract, place, place_truncated, replace};
    use crate::ipc_buffer::{set_cap, set_mr};
    use crate::syscalls::invoke;
    include!(\"bindings.rs\");
}
use bindings::*;
";

/// The answers of the program.
pub fn run(bindings: &Bindings, questions: &[Question], folder: &Path) -> Result<Vec<String>> {
    fs::write(folder.join("bindings.rs"), bindings.to_rust()?)?;
    let bits = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bits.rs");
    let mut source = format!("#[path = {bits:?}]\nmod bits;\n{MOCK}\nfn main() {{ unsafe {{\n");
    for question in questions {
        source += &question.rust;
    }
    source += "} }\n";
    let (input, program) = (folder.join("questions.rs"), folder.join("questions-rust"));
    fs::write(&input, source)?;
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let (input, program) = (input.display().to_string(), program.display().to_string());
    run_program(
        &rustc,
        &[
            "--edition=2024",
            "--cap-lints=allow",
            "-Awarnings",
            "-Cdebug-assertions",
            "-o",
            &program,
            &input,
        ],
    )?;
    let answers = run_program::<&str>(&program, &[])?;
    Ok(answers.lines().map(str::to_owned).collect())
}
