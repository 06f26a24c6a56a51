//! What the build calls, and a person does not.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::child::{OnDeath, Running};
use crate::disk::{self, Contents, DiskPlan, PartitionSource, RootFile, Tree, Usage};
use crate::input::Input;
use crate::lock::Lock;
use crate::progress::Progress;
use crate::{archive, setup, step};

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
}

#[derive(Args)]
pub struct DiskOptions {
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Bytes of a logical block: 512 or 4096.
    #[arg(long, value_name = "BYTES", default_value_t = 512)]
    block_size: u32,
    /// Make file systems for a device that is not written: without a journal, and without room for more than their content.
    #[arg(long)]
    read_only: bool,
    /// A partition: its name, and `empty:SIZE`, `image:PATH`, `folder:PATH` or `file:PATH`.
    #[arg(long = "partition", value_name = "NAME=KIND:WHAT", value_parser = parse_partition)]
    partitions: Vec<(String, Kind)>,
}

/// What a partition is made of, as far as it can be told before a file is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Empty(u64),
    Image(PathBuf),
    Folder(PathBuf),
    File(PathBuf),
}

fn parse_partition(text: &str) -> Result<(String, Kind), String> {
    let parts = text
        .split_once('=')
        .and_then(|(name, rest)| Some((name, rest.split_once(':')?)));
    let Some((name, (kind, what))) = parts.filter(|(_, (_, what))| !what.is_empty()) else {
        return Err("write it as NAME=KIND:WHAT".to_owned());
    };
    let kind = match kind {
        "empty" => Kind::Empty(parse_size(what).ok_or("write a size as 16MiB")?),
        "image" => Kind::Image(what.into()),
        "folder" => Kind::Folder(what.into()),
        "file" => Kind::File(what.into()),
        _ => return Err("the kinds are empty, image, folder and file".to_owned()),
    };
    Ok((name.to_owned(), kind))
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

impl DiskOptions {
    /// Makes the image.
    ///
    /// # Errors
    /// Where a tool is missing, a source cannot be read, or the image cannot be written.
    pub fn run(&self) -> Result<()> {
        let partitions = self.partitions.iter().map(|(name, kind)| {
            Ok(PartitionSource {
                name: name.clone(),
                contents: kind.contents(self.usage())?,
            })
        });
        let plan = DiskPlan {
            block_size: self.block_size,
            partitions: partitions.collect::<Result<_>>()?,
        };
        let tools = setup::for_disks()?;
        disk::make(&self.out, &plan, &tools, &mut Progress::new())
    }

    fn usage(&self) -> Usage {
        Usage {
            written: !self.read_only,
            least_bytes: 0,
        }
    }
}

impl Kind {
    fn contents(&self, usage: Usage) -> Result<Contents> {
        let file_system = |tree| Contents::FileSystem { tree, usage };
        Ok(match self {
            Kind::Empty(bytes) => Contents::Empty { bytes: *bytes },
            Kind::Image(path) => Contents::Image(path.clone()),
            Kind::Folder(path) => file_system(Tree {
                folder: Some(path.clone()),
                file: None,
            }),
            Kind::File(path) => file_system(Tree {
                folder: None,
                file: Some(RootFile {
                    name: path.file_name().unwrap_or_default().to_owned(),
                    input: Input::open(Some(path))?.into(),
                }),
            }),
        })
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

    #[test]
    fn a_partition_is_a_name_and_what_it_is_made_of() {
        let folder = Kind::Folder("/a:b=c".into());
        assert_eq!(
            parse_partition("n=folder:/a:b=c"),
            Ok(("n".to_owned(), folder))
        );
        let kind = |text| parse_partition(text).map(|(_, kind)| kind);
        assert_eq!(kind("n=empty:16MiB"), Ok(Kind::Empty(16 << 20)));
        assert_eq!(kind("n=empty:512"), Ok(Kind::Empty(512)));
        for bad in [
            "n",
            "n=folder",
            "n=folder:",
            "n=disk:x",
            "n=empty:MiB",
            "n=empty:1Mib",
            "n=empty:99999999999TiB",
        ] {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }
}
