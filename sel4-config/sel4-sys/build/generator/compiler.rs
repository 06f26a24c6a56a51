//! The host's C compiler, used to preprocess headers and to evaluate constants without running anything.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A C compiler with the include folders of one kernel configuration.
pub struct Compiler {
    program: OsString,
    includes: Vec<PathBuf>,
    work: PathBuf,
}

/// An integer as C sees it: the sign matters for the type in Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    bits: u64,
    negative: bool,
}

impl Value {
    /// Whether the value is below zero.
    pub fn is_negative(self) -> bool {
        self.negative
    }

    /// The value, in a type that holds every C integer.
    pub fn get(self) -> i128 {
        if self.negative {
            i128::from(self.bits as i64)
        } else {
            i128::from(self.bits)
        }
    }
}

impl Compiler {
    /// A compiler that writes its inputs to `work` and searches `includes` only.
    pub fn new(work: &Path, includes: Vec<PathBuf>) -> Result<Self> {
        fs::create_dir_all(work)?;
        Ok(Self {
            program: env::var_os("CC").unwrap_or_else(|| "gcc".into()),
            includes,
            work: work.to_owned(),
        })
    }

    fn run(&self, arguments: &[&str], source: &str) -> Result<String> {
        let input = self.work.join("input.c");
        fs::write(&input, source)?;
        let mut command = Command::new(&self.program);
        command.args(["-m64", "-nostdinc", "-w", "-DHAVE_AUTOCONF"]);
        for include in &self.includes {
            command.arg("-I").arg(include);
        }
        let output = command
            .args(arguments)
            .arg(&input)
            .output()
            .with_context(|| format!("{} does not run", self.program.to_string_lossy()))?;
        ensure!(
            output.status.success(),
            "the C compiler refused a probe:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// `source` after the preprocessor, without line markers.
    pub fn preprocess(&self, source: &str) -> Result<String> {
        self.run(&["-E", "-P"], source)
    }

    /// The object-like macros that `source` defines, by name.
    pub fn macros(&self, source: &str) -> Result<HashMap<String, String>> {
        let predefined = self.run(&["-E", "-dM"], "")?;
        let predefined: Vec<_> = predefined.lines().collect();
        let all = self.run(&["-E", "-dM"], source)?;
        Ok(all
            .lines()
            .filter(|line| !predefined.contains(line))
            .filter_map(|line| {
                let (name, body) = line.strip_prefix("#define ")?.split_once(' ')?;
                Some((name.to_owned(), body.to_owned()))
            })
            .collect())
    }

    /// Which of the preprocessor conditions hold under the configuration. An empty condition holds.
    pub fn conditions(&self, conditions: &[&str]) -> Result<Vec<bool>> {
        let mut source = String::from("#include <autoconf.h>\n");
        for (index, condition) in conditions.iter().enumerate() {
            let condition = if condition.is_empty() { "1" } else { condition };
            source += &format!("#if {condition}\nholds {index}\n#endif\n");
        }
        let mut holds = vec![false; conditions.len()];
        for line in self.preprocess(&source)?.lines() {
            if let Some(index) = line.strip_prefix("holds ") {
                holds[index.trim().parse::<usize>()?] = true;
            }
        }
        Ok(holds)
    }

    /// The values of constant expressions after `prologue`, in order.
    ///
    /// Nothing is run: each value is an immediate operand in the assembly that the compiler writes.
    pub fn evaluate(&self, prologue: &str, expressions: &[String]) -> Result<Vec<Value>> {
        let mut source = format!("{prologue}\nvoid probe(void) {{\n");
        for (index, expression) in expressions.iter().enumerate() {
            source += &format!(
                "__asm__ volatile(\"\\n@@value {index} %0 %1\" :: \
                 \"i\"((long long)({expression})), \"i\"((int)(({expression}) < 0)));\n"
            );
        }
        source += "}\n";
        let assembly = self.run(&["-O1", "-S", "-o", "-"], &source)?;
        let mut values = vec![None; expressions.len()];
        for line in assembly.lines() {
            let Some(line) = line.trim().strip_prefix("@@value ") else {
                continue;
            };
            let mut words = line
                .split_whitespace()
                .map(|word| word.trim_start_matches('$').parse::<i128>());
            let mut next = || words.next().context("a probe answered too little");
            let (index, value, negative) = (next()??, next()??, next()??);
            values[usize::try_from(index)?] = Some(Value {
                bits: value as u64,
                negative: negative != 0,
            });
        }
        values
            .into_iter()
            .zip(expressions)
            .map(|(value, expression)| value.with_context(|| format!("no value for {expression}")))
            .collect()
    }
}
