//! Files that one run at a time may use.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::child;
use crate::interruption;
use crate::locate;
use crate::progress::Progress;

/// Time after which a user is told what is waited for.
const SILENT: Duration = Duration::from_secs(1);

/// A lock of a file, held until this is dropped.
pub struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Waits until nothing else holds a lock of the file, which is made where there is none. Its folder is said to be in use
    /// meanwhile.
    ///
    /// # Errors
    /// Where there can be no such file, or the user asked to stop.
    pub fn exclusive(path: &Path) -> Result<Lock> {
        let shown = locate::shown(path);
        let folder = locate::folder_of(path);
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", locate::shown(folder)))?;
        let file = open(path)
            .with_context(|| format!("cannot write {shown}; may you write to its folder?"))?;
        wait(&file, path, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Lock { _file: Some(file) })
    }

    /// As [`Lock::exclusive`], beside others that hold a shared lock. Where there is no such file, nothing has ever locked it, and
    /// nothing is locked.
    ///
    /// # Errors
    /// Where the user asked to stop.
    pub fn shared(path: &Path) -> Result<Lock> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Lock { _file: None }),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", locate::shown(path)));
            }
        };
        wait(&file, path, FlockOperation::NonBlockingLockShared)?;
        Ok(Lock { _file: Some(file) })
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).open(path)
}

/// Locks a file for this run alone, where nothing else has locked it; whether it did.
///
/// # Errors
/// Where it cannot be locked at all.
pub fn take(file: &File, path: &Path) -> Result<bool> {
    attempt(file, path, FlockOperation::NonBlockingLockExclusive)
}

fn attempt(file: &File, path: &Path, operation: FlockOperation) -> Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot lock {}", locate::shown(path))),
    }
}

fn wait(file: &File, path: &Path, operation: FlockOperation) -> Result<()> {
    let started = Instant::now();
    let mut told = false;
    while !attempt(file, path, operation)? {
        if interruption::interrupted() {
            bail!("interrupted");
        }
        if started.elapsed() > SILENT && !std::mem::replace(&mut told, true) {
            let folder = locate::shown(locate::folder_of(path));
            Progress::new().line(&format!("waiting: another run uses {folder}"));
        }
        thread::sleep(child::POLL);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn one_waits_for_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/lock");
        drop(Lock::exclusive(&path).unwrap());
        let first = Lock::shared(&path).unwrap();
        let second = Lock::shared(&path).unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _lock = Lock::exclusive(&path).unwrap();
                assert!(over.load(Ordering::SeqCst), "the others hold it");
            });
            drop(first);
            thread::sleep(5 * child::POLL);
            over.store(true, Ordering::SeqCst);
            drop(second);
        });
    }
}
