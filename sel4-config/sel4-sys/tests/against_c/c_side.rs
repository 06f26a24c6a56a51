//! The program in C, with headers that the tree's own tools generate.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::generator::{headers, tree};
use crate::questions::Question;

const INCLUDES: &str = "#include <stdio.h>
#include <autoconf.h>
#include <sel4/types.h>
#include <sel4/invocation.h>
#include <sel4/sel4_arch/invocation.h>
#include <sel4/arch/invocation.h>
#include <sel4/bootinfo_types.h>
#include <sel4/arch/bootinfo_types.h>
";

/// Stands in for the system call: says what is sent, and answers with words that tell their places.
const MOCK: &str = "
static void seL4_SetCap(int i, seL4_CPtr cap) { printf(\"  cap %d %lx\\n\", i, cap); }
static void seL4_SetMR(int i, seL4_Word word) { printf(\"  word %d %lx\\n\", i, word); }
static seL4_Word seL4_GetMR(int i) { return 0x8877665544332211ul * (i + 1); }
static seL4_MessageInfo_t seL4_CallWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info,
    seL4_Word *mr0, seL4_Word *mr1, seL4_Word *mr2, seL4_Word *mr3)
{
    printf(\"  call %lx %lx %lx %lx %lx %lx\\n\", dest, info.words[0], *mr0, *mr1, *mr2, *mr3);
    *mr0 = seL4_GetMR(0); *mr1 = seL4_GetMR(1); *mr2 = seL4_GetMR(2); *mr3 = seL4_GetMR(3);
    return (seL4_MessageInfo_t) { .words = { 0 } };
}
#include <sel4/sel4_arch/mapping.h>
#include <interfaces/sel4_client.h>
";

/// Runs a program and returns what it prints.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{program} does not run"))?;
    ensure!(
        output.status.success(),
        "{program} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A Python that has what the tree's tools import: the first one on the path may not.
fn python() -> Result<String> {
    let named = std::env::var("PYTHON").ok();
    let candidates = named
        .into_iter()
        .chain(["python3", "/usr/bin/python3"].map(str::to_owned));
    let mut usable =
        candidates.filter(|program| run(program, &["-c", "import six, ply, tempita"]).is_ok());
    usable
        .next()
        .context("no Python 3 with six, ply and tempita; set PYTHON")
}

/// The headers, and the compiler's flags to use them.
pub struct Headers {
    flags: Vec<String>,
}

impl Headers {
    /// Has the tree's tools write the headers to `out`.
    pub fn generate(tree: &Path, configuration: &Path, out: &Path) -> Result<Self> {
        let mut flags = vec!["-m64".to_owned(), "-w".to_owned()];
        let mut includes = vec![configuration.to_owned(), out.to_owned()];
        includes.extend(tree::includes(tree));
        flags.extend(
            includes
                .iter()
                .map(|folder| format!("-I{}", folder.display())),
        );
        for folder in ["sel4/arch", "sel4/sel4_arch", "interfaces"] {
            fs::create_dir_all(out.join(folder))?;
        }
        let python = python()?;
        // The tools write parser tables beside themselves, so they run from a copy.
        let tools = out.join("tools");
        fs::create_dir_all(&tools)?;
        for folder in ["tools", "libsel4/tools"] {
            for entry in fs::read_dir(tree.join(folder))? {
                let entry = entry?.path();
                if entry.extension() == Some(OsStr::new("py")) {
                    fs::copy(&entry, tools.join(entry.file_name().unwrap_or_default()))?;
                }
            }
        }
        let tool = |name: &str, arguments: &[String]| {
            let script = tools.join(name).display().to_string();
            run(&python, &[&["-B".to_owned(), script], arguments].concat()).map(drop)
        };
        let text = |path: &Path| path.display().to_string();

        let interfaces = tree::interfaces(tree);
        for (xml, layer, header) in [
            (&interfaces[0], None, "sel4/invocation.h"),
            (
                &interfaces[1],
                Some("--sel4_arch"),
                "sel4/sel4_arch/invocation.h",
            ),
            (&interfaces[2], Some("--arch"), "sel4/arch/invocation.h"),
        ] {
            let mut arguments = vec!["--xml".to_owned(), text(xml), "--libsel4".to_owned()];
            arguments.extend(layer.map(str::to_owned));
            arguments.extend(["--dest".to_owned(), text(&out.join(header))]);
            tool("invocation_header_gen.py", &arguments)?;
        }
        let syscalls = [
            "--xml".to_owned(),
            text(&tree::syscalls(tree)),
            "--libsel4_header".to_owned(),
        ];
        tool(
            "syscall_header_gen.py",
            &[&syscalls[..], &[text(&out.join("sel4/syscall.h"))]].concat(),
        )?;
        for (source, header) in tree::bitfields(tree) {
            let preprocessed = out.join("input.pbf");
            let arguments = [
                &flags[..],
                &["-E", "-P", "-xc", &text(&source)].map(str::to_owned),
            ]
            .concat();
            fs::write(&preprocessed, run("gcc", &arguments)?)?;
            let arguments = [
                "--environment",
                "libsel4",
                &text(&preprocessed),
                &text(&out.join(header)),
            ];
            tool("bitfield_gen.py", &arguments.map(str::to_owned))?;
        }
        let client = out.join("interfaces/sel4_client.h");
        let mut arguments = ["-a", "x86_64", "-w", "64", "-o", &text(&client)]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(interfaces.iter().rev().map(|path: &PathBuf| text(path)));
        tool("syscall_stub_gen.py", &arguments)?;
        Ok(Self { flags })
    }

    /// The labels that the headers define under the configuration.
    pub fn labels(&self) -> Result<BTreeSet<String>> {
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("labels.c");
        fs::write(
            &source,
            "#include <autoconf.h>\n#include <sel4/invocation.h>\n#include <sel4/sel4_arch/invocation.h>\n#include <sel4/arch/invocation.h>\n",
        )?;
        let arguments = [
            &self.flags[..],
            &[
                "-E".to_owned(),
                "-P".to_owned(),
                source.display().to_string(),
            ],
        ]
        .concat();
        let declarations = headers::parse(&run("gcc", &arguments)?)?;
        Ok(declarations
            .enumerations
            .into_iter()
            .flat_map(|enumeration| enumeration.constants)
            .filter(|name| name != "InvalidInvocation" && !name.ends_with("InvocationLabels"))
            .collect())
    }

    /// The answers of the program.
    pub fn run(&self, questions: &[Question], folder: &Path) -> Result<Vec<String>> {
        let mut source = format!("{INCLUDES}{MOCK}\nint main(void) {{\n");
        for question in questions {
            source += &question.c;
        }
        source += "return 0;\n}\n";
        let (input, program) = (folder.join("questions.c"), folder.join("questions-c"));
        fs::write(&input, source)?;
        let mut arguments = self.flags.clone();
        arguments.extend(
            [input, PathBuf::from("-o"), program.clone()].map(|path| path.display().to_string()),
        );
        run("gcc", &arguments)?;
        let answers = run::<&str>(&program.display().to_string(), &[])?;
        Ok(answers.lines().map(str::to_owned).collect())
    }
}
