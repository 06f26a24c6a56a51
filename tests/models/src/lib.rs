//! Promela models of Atoll's protocols, in the folder `promela`, and what it takes to have `spin` check them.
//!
//! A model that holds has to be searched to the end, and has to have reached every state that its author found
//! interesting: the lines that a label `seen_...` marks. A twin of it, with one thing broken by a macro, has to fail.
//! These are bounded models: they say nothing of more messages, deaths or slots than they have.

#![forbid(unsafe_code)]

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Steps from the start that a search may be away; further is an error.
const DEPTH: &str = "-m1000000";

/// Memory that a search may take, in MiB.
const MEMORY: &str = "-DMEMLIM=2048";

/// Why a model could not be checked.
#[derive(Debug)]
pub enum CheckError {
    /// A program is not installed.
    Missing(&'static str),
    /// A program says that it cannot do its part.
    Refused {
        /// The program.
        program: &'static str,
        /// What it says.
        said: String,
    },
    /// The search did not cover the whole model.
    Incomplete(String),
    /// The model's file, or a file beside it, cannot be used.
    Io(std::io::Error),
}

impl fmt::Display for CheckError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckError::Missing(program) => write!(
                formatter,
                "{program} is not installed: run `cargo xtask setup`, which installs it"
            ),
            CheckError::Refused { program, said } => write!(formatter, "{program} says: {said}"),
            CheckError::Incomplete(said) => {
                write!(formatter, "the search did not cover the model: {said}")
            }
            CheckError::Io(error) => write!(formatter, "{error}"),
        }
    }
}

impl std::error::Error for CheckError {}

impl From<std::io::Error> for CheckError {
    fn from(error: std::io::Error) -> CheckError {
        CheckError::Io(error)
    }
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// Different states that were stored.
    pub states: u64,
    /// What is wrong, in the words of the checker; `None` where the model holds.
    pub error: Option<String>,
    /// Labels `seen_...` that no execution reached. Complete only where the model holds.
    pub unseen: Vec<String>,
}

/// The path of a model.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("promela")
        .join(name)
}

/// Checks a model with some macros defined, with files in a folder of its own.
///
/// # Errors
/// Where the model cannot be checked; a model that does not hold is no error, but [`Found::error`].
pub fn check(model: &Path, macros: &[&str], folder: &Path) -> Result<Found, CheckError> {
    fs::copy(model, folder.join("model.pml"))?;
    let defines = macros.iter().map(|name| format!("-D{name}"));
    let mut spin = Command::new("spin");
    spin.arg("-a").args(defines).arg("model.pml");
    // Spin tells its complaints on its output, and may still succeed.
    let said = text(&run("spin", spin.current_dir(folder))?);
    if !said.trim().is_empty() {
        return Err(CheckError::Refused {
            program: "spin",
            said,
        });
    }
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-w", "-DSAFETY", MEMORY, "-o", "pan", "pan.c"]);
    run("gcc", gcc.current_dir(folder))?;
    let mut search = Command::new(folder.join("pan"));
    let output = search.arg(DEPTH).current_dir(folder).output()?;
    read(&text(&output), &fs::read_to_string(model)?)
}

/// Runs a program that has to succeed.
fn run(program: &'static str, command: &mut Command) -> Result<Output, CheckError> {
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => CheckError::Missing(program),
        _ => CheckError::Io(error),
    })?;
    if output.status.success() {
        return Ok(output);
    }
    Err(CheckError::Refused {
        program,
        said: text(&output),
    })
}

fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// Reads what the checker said of a model.
fn read(said: &str, model: &str) -> Result<Found, CheckError> {
    let incomplete = || CheckError::Incomplete(said.to_owned());
    let number_before = |what: &str| {
        let line = said.lines().find(|line| line.contains(what))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let states = number_before("states, stored").ok_or_else(incomplete)?;
    let error = said
        .lines()
        .find_map(|line| line.strip_prefix("pan:1: "))
        .map(str::to_owned);
    let errors = said
        .split("errors: ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or_else(incomplete)?;
    if (errors == "0") != error.is_none() {
        return Err(incomplete());
    }
    let cut_short = [
        "max search depth too small",
        "not completed",
        "out of memory",
        "Bit statespace",
        "Hash-Compact",
    ];
    let full = said.contains("Full statespace search") && said.contains("invalid end states\t+");
    if error.is_none() && (!full || cut_short.iter().any(|words| said.contains(words))) {
        return Err(incomplete());
    }
    Ok(Found {
        states,
        error,
        unseen: unseen(said, model),
    })
}

/// Labels `seen_...` of a model whose line the checker lists as unreached.
fn unseen(said: &str, model: &str) -> Vec<String> {
    let unreached: Vec<usize> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("model.pml:"))
        .filter_map(|rest| rest.split(',').next()?.parse().ok())
        .collect();
    labels(model)
        .filter(|(_, line)| unreached.contains(line))
        .map(|(label, _)| label.to_owned())
        .collect()
}

/// The labels `seen_...` of a model, and the lines that they mark, counted from 1.
pub fn labels(model: &str) -> impl Iterator<Item = (&str, usize)> {
    model.lines().zip(1..).filter_map(|(line, number)| {
        let (label, _) = line.split_once(':')?;
        label.starts_with("seen_").then_some((label, number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Full statespace search for:\n\tinvalid end states\t+\n\
        State-vector 68 byte, depth reached 316, errors: 0\n   682575 states, stored\n\
        unreached in proctype p\n\tmodel.pml:2, state 28, \"-end-\"\n";

    #[test]
    fn what_was_never_reached_has_its_name() {
        let model = "seen_one: skip;\nseen_two: skip;\nother: skip\n";
        let found = read(GOOD, model).unwrap();
        assert_eq!((found.states, found.error), (682_575, None));
        assert_eq!(found.unseen, ["seen_two"]);
    }

    #[test]
    fn a_search_that_was_cut_short_proves_nothing() {
        for cut in [
            GOOD.replace("Full", "Bit"),
            GOOD.replace("\t+", "\t-"),
            format!("error: max search depth too small\n{GOOD}"),
            format!("Warning: Search not completed\n{GOOD}"),
            GOOD.replace("errors: 0", "errors: 1"),
            "pan: out of memory\n".to_owned(),
        ] {
            assert!(
                matches!(read(&cut, ""), Err(CheckError::Incomplete(_))),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_program_that_is_missing_can_be_set_up() {
        let error = run("spin", &mut Command::new("no-such-program")).unwrap_err();
        assert!(error.to_string().contains("spin is not installed"));
        assert!(error.to_string().contains("cargo xtask setup"));
    }
}
