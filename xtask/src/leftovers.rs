//! Programs that a run has started, and those that they started: whoever their parents are now, they have the run's folder
//! for temporary files in their environment, in a variable of its own.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::scratch;

/// The variable that names the run's folder.
pub const VARIABLE: &str = "ATOLL_RUN";

/// How often it is looked for programs that have just been started by others which were ended.
const ROUNDS: usize = 10;

/// Ends every program that was started with a folder for temporary files.
pub fn kill(folder: &Path) {
    for _ in 0..ROUNDS {
        let found = started_with(folder);
        if found.is_empty() {
            return;
        }
        for program in found {
            // It may have ended meanwhile.
            let _ = kill_process(program, Signal::KILL);
        }
    }
}

/// All of them but this one.
fn started_with(folder: &Path) -> Vec<Pid> {
    let own = getpid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let programs = numbers.filter_map(Pid::from_raw);
    let of_ours = |program: &Pid| {
        // Empty where the program has ended, or is another user's.
        let environment = fs::read(format!("/proc/{}/environ", program.as_raw_pid()));
        let environment = environment.unwrap_or_default();
        let mut values = environment
            .split(|byte| *byte == 0)
            .filter_map(|entry| entry.strip_prefix(VARIABLE.as_bytes())?.strip_prefix(b"="));
        values.any(|value| scratch::names(value, folder))
    };
    programs
        .filter(|program| *program != own)
        .filter(of_ours)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_whose_parents_are_gone_is_found_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let other = folder.path().with_extension("other");
        let start = |folder: &Path| {
            let mut shell = Command::new("sh");
            // The shell ends at once.
            shell
                .args(["-c", "sleep 60 & echo $!"])
                .env(VARIABLE, folder);
            let output = shell
                .stderr(std::process::Stdio::null())
                .output_of_first_line();
            output.trim().parse::<i32>().unwrap()
        };
        let runs = |number: i32| {
            let state = fs::read_to_string(format!("/proc/{number}/stat"));
            state.is_ok_and(|state| !state.contains(") Z "))
        };
        let (ours, theirs) = (start(&inner), start(&other));
        assert!(runs(ours) && runs(theirs));
        kill(folder.path());
        while runs(ours) {
            std::thread::yield_now();
        }
        assert!(runs(theirs));
        kill(&other);
    }

    trait FirstLine {
        fn output_of_first_line(&mut self) -> String;
    }

    impl FirstLine for Command {
        /// Not the whole output: the program in the background keeps it open.
        fn output_of_first_line(&mut self) -> String {
            use std::io::{BufRead, BufReader};
            let child = self.stdout(std::process::Stdio::piped()).spawn();
            let mut line = String::new();
            let stdout = child.unwrap().stdout.unwrap();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            line
        }
    }
}
