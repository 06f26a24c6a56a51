//! What the volumes hold that are made for a run: the input, and what is in a folder that the user names.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, bail};

use crate::cli::BootOptions;
use crate::disk::{self, RootFile, Tree};
use crate::input::Input;
use crate::locate;
use crate::progress::Progress;
use crate::scratch;

/// Name of the input in a volume.
pub const INPUT_NAME: &str = "input";

/// What is in every volume.
#[derive(Debug)]
pub struct Volumes {
    /// The file `input`.
    pub input: Rc<Input>,
    /// The folder, by its canonical path.
    pub folder: Option<PathBuf>,
    /// The input is the folder's own.
    is_own: bool,
}

impl Volumes {
    /// Finds out whether volumes can be made of what the user names.
    ///
    /// # Errors
    /// Where the input or something in the folder cannot be read, there are two inputs, or the user asked to stop.
    pub fn open(options: &BootOptions) -> Result<Volumes> {
        let named = options.input.as_deref();
        let Some(folder) = &options.disk_from else {
            return Ok(Volumes {
                input: Rc::new(Input::open(named)?),
                folder: None,
                is_own: false,
            });
        };
        let folder = disk::check_folder(folder, &mut Progress::new())
            .context("no disk can be made from the folder of --disk-from")?;
        let own = folder.join(INPUT_NAME);
        let shown = locate::shown(&own);
        let (input, is_own) = match (fs::symlink_metadata(&own), named) {
            (Err(_), named) => (Input::open(named)?, false),
            (Ok(_), Some(named)) => bail!(
                "there are two inputs, {shown} and the file of --input, {}; leave --input out, or give {shown} another name",
                locate::shown(named)
            ),
            (Ok(metadata), None) if metadata.is_file() => (Input::open(Some(&own))?, true),
            // What a link leads to here is another file than what it leads to in the volume.
            (Ok(_), None) => bail!(
                "{shown} is not a regular file, so it cannot be the input; put a file there, or give it another name"
            ),
        };
        let volumes = Volumes {
            input: Rc::new(input),
            folder: Some(folder),
            is_own,
        };
        if let Some(temporary) = scratch::existing() {
            volumes.check_apart(
                "temporary files",
                &temporary,
                "set TMPDIR to another folder",
            )?;
        }
        Ok(volumes)
    }

    /// Refuses a folder for what a run writes that is in the folder of the volumes.
    ///
    /// # Errors
    /// Says what to do.
    pub fn check_apart(&self, what: &str, written: &Path, remedy: &str) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        if fs::canonicalize(written).is_ok_and(|written| written.starts_with(folder)) {
            bail!(
                "the {what} would be part of the disk, because {} is in {}, the folder of --disk-from; {remedy}",
                locate::shown(written),
                locate::shown(folder)
            );
        }
        Ok(())
    }

    /// What a file system for them is made of.
    pub fn tree(&self) -> Tree {
        let added = RootFile {
            name: INPUT_NAME.into(),
            input: self.input.clone(),
        };
        Tree {
            folder: self.folder.clone(),
            file: (!self.is_own).then_some(added),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(folder: &Path, input: Option<&Path>) -> BootOptions {
        BootOptions {
            disk_from: Some(folder.to_path_buf()),
            input: input.map(Path::to_path_buf),
            ..BootOptions::default()
        }
    }

    #[test]
    fn the_input_is_added_or_the_folders_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = fs::canonicalize(folder.path()).unwrap();
        let other = tempfile::NamedTempFile::new().unwrap();
        let open = |input: Option<&Path>| Volumes::open(&options(&path, input)).unwrap();
        let volumes = open(Some(other.path()));
        let file = volumes.tree().file.unwrap();
        assert_eq!(file.name, INPUT_NAME);
        assert_eq!(file.input.path, other.path());
        // The text that ships with the project.
        assert!(open(None).tree().file.unwrap().input.length > 20_000);

        fs::write(path.join(INPUT_NAME), "own").unwrap();
        let volumes = open(None);
        assert!(volumes.tree().file.is_none());
        assert_eq!(volumes.tree().folder, Some(path.clone()));
        assert_eq!(volumes.input.path, path.join(INPUT_NAME));
        assert_eq!(volumes.input.length, 3);
    }

    #[test]
    fn what_cannot_be_a_volume_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(INPUT_NAME);
        fs::write(&file, "own").unwrap();
        let refusal = |folder: &Path, input: Option<&Path>| {
            format!("{:#}", Volumes::open(&options(folder, input)).unwrap_err())
        };
        let text = refusal(&folder.path().join("none"), None);
        assert!(text.contains("name a folder that exists"), "{text}");
        let text = refusal(&file, None);
        assert!(text.contains("is not a folder; name one"), "{text}");
        let text = refusal(folder.path(), Some(&file));
        assert!(text.contains("two inputs"), "{text}");
        assert!(text.contains("leave --input out, or give"), "{text}");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("elsewhere", &file).unwrap();
        let text = refusal(folder.path(), None);
        assert!(text.contains("not a regular file"), "{text}");
        assert!(text.contains("put a file there"), "{text}");
    }

    #[test]
    fn what_a_run_writes_is_no_part_of_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let volumes = Volumes::open(&options(&inner, None)).unwrap();
        let check = |written: &Path| volumes.check_apart("report", written, "name another");
        check(folder.path()).unwrap();
        let text = check(&inner).unwrap_err().to_string();
        assert!(
            text.starts_with("the report would be part of the disk"),
            "{text}"
        );
        assert!(text.ends_with("--disk-from; name another"), "{text}");
    }
}
