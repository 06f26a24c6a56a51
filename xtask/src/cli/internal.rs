//! What the build calls, and a person does not.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::child::{OnDeath, Running};
use crate::lock::Lock;
use crate::progress::Progress;
use crate::{archive, input, step, volume};

#[derive(Args)]
pub struct ExclusiveOptions {
    /// The file to lock.
    #[arg(long, value_name = "FILE")]
    lock: PathBuf,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl ExclusiveOptions {
    /// Runs the program while the lock is held.
    ///
    /// # Errors
    /// Where it cannot be started, or the user asked to stop.
    pub fn run(&self) -> Result<ExitCode> {
        let _lock = Lock::exclusive(&self.lock)?;
        let [program, arguments @ ..] = &self.command[..] else {
            bail!("name a program to run");
        };
        let mut command = step::command(Path::new(program));
        command.args(arguments);
        let status =
            Running::start(command, &program.to_string_lossy(), OnDeath::Terminate)?.wait()?;
        Ok(match status.success() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

#[derive(Args)]
pub struct FilesOption {
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Each entry's name, and the file that holds its content.
    #[arg(value_name = "NAME=PATH", required = true, value_parser = parse_named_file)]
    files: Vec<(String, PathBuf)>,
}

fn parse_named_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(path)))
        }
        _ => Err("write it as NAME=PATH".to_owned()),
    }
}

impl FilesOption {
    /// Writes an archive of the files.
    ///
    /// # Errors
    /// Where one cannot be read, or the archive cannot be written.
    pub fn write_archive(&self) -> Result<()> {
        archive::write(&self.out, &self.files)
    }

    /// Writes a volume of the files.
    ///
    /// # Errors
    /// Where one cannot be read, or the volume cannot be written.
    pub fn write_volume(&self) -> Result<()> {
        let files = self.files.iter();
        let files = files.map(|(name, path)| Ok((name.clone(), input::Input::open(Some(path))?)));
        volume::write(
            &self.out,
            &files.collect::<Result<Vec<_>>>()?,
            &mut Progress::new(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_is_split_at_the_first_equals_sign() {
        assert_eq!(
            parse_named_file("input=/a=b"),
            Ok(("input".to_owned(), PathBuf::from("/a=b")))
        );
        assert!(parse_named_file("input").is_err());
        assert!(parse_named_file("=x").is_err());
    }
}
