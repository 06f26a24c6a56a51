//! Files that are being stored.
//!
//! Each is written in a folder of its own kind, under a name that nobody can ask for, and gets its path when all of it is on stable
//! storage. What is left there by a life that ended is removed by the next one.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use atoll_runtime::{
    BLOCK_SIZE, File, MAX_CALL_BLOCKS, OpenFlags, Status, Volume, list, with_timeout,
};
use atoll_web::connection::Failure;
use atoll_web::edition::Editions;
use atoll_web::path::UPLOADS;

use super::carry::fill;
use super::tree::{PATIENCE, failure, lastingly, patiently};

/// Bytes of one call that writes. They are gathered in the heap: a client that sends slowly keeps no block.
const CALL_BYTES: usize = MAX_CALL_BLOCKS * BLOCK_SIZE;

/// A file that is being stored.
pub struct Upload {
    volume: Volume,
    name: String,
    file: File,
    /// Bytes that were written.
    written: u64,
    /// Bytes behind these that were not.
    gathered: Vec<u8>,
}

impl Upload {
    /// Begins a file of a name that no other upload has.
    pub fn begin(volume: Volume, name: &str) -> Result<Upload, Failure> {
        let name = format!("/{UPLOADS}/{name}");
        let file = patiently(|_| {
            // Not exclusive: where the service was lost, a try before may have made it.
            let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE;
            match volume.open_with(&name, flags).wait() {
                Err(Status::NotFound) => {
                    match volume.make_folder(format!("/{UPLOADS}")).wait() {
                        Ok(()) | Err(Status::Exists) => {}
                        Err(status) => return Err(status),
                    }
                    volume.open_with(&name, flags).wait()
                }
                other => other,
            }
        })?;
        Ok(Upload {
            volume,
            name,
            file,
            written: 0,
            gathered: Vec::new(),
        })
    }

    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.gathered.extend_from_slice(bytes);
        while self.gathered.len() >= CALL_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what one call takes. A file whose service was lost is lost too, and so nothing is tried again.
    fn flush(&mut self) -> Result<(), Failure> {
        let (length, blocks) = fill(&self.gathered);
        let writes = with_timeout(PATIENCE, || self.file.write(self.written, length, blocks));
        writes.wait().map_err(failure)?;
        self.written += length as u64;
        self.gathered.drain(..length.min(self.gathered.len()));
        Ok(())
    }

    /// Puts all of it on stable storage and gives it a path, in place of what was there. Where that fails it is under its own name no more,
    /// and may be under the path.
    pub fn commit(mut self, editions: &Editions, path: &str) -> Result<(), Failure> {
        let committed = self.try_commit(editions, path);
        if committed.is_err() {
            self.discard();
        } else {
            drop(self.file.close());
        }
        committed
    }

    fn try_commit(&mut self, editions: &Editions, path: &str) -> Result<(), Failure> {
        while !self.gathered.is_empty() {
            self.flush()?;
        }
        let (volume, name) = (self.volume, &self.name);
        // What the file has comes before its path: wherever the power is cut, all of it is there under that or nothing is.
        let synced = with_timeout(PATIENCE, || volume.sync()).wait();
        // The service that has it on stable storage is the one that has taken it: the file is good for that one alone.
        let synced = synced.and_then(|()| self.file.stat().wait());
        synced.map_err(failure)?;
        let rename = |may_be_done| match volume.rename(name, path).wait() {
            // Nobody else knows the name.
            Err(Status::NotFound) if may_be_done => Ok(()),
            other => other,
        };
        editions.change(path, || lastingly(volume, rename))
    }

    /// Has it gone.
    pub fn discard(self) {
        drop(self.file.close());
        // What cannot be removed now is removed by the next life.
        let _ = patiently(|_| self.volume.remove(&self.name).wait());
    }
}

/// Removes what lives before have left.
pub fn remove_left(volume: Volume) {
    let Ok(folder) = volume
        .open_with(format!("/{UPLOADS}"), OpenFlags::FOLDER)
        .wait()
    else {
        return;
    };
    let mut left = Vec::new();
    let listed = list(&folder, |part| {
        let names = part.entries().map(|(name, _)| name);
        left.extend(
            names
                .filter(|name| !matches!(*name, b"." | b".."))
                .map(Vec::from),
        );
        Ok(())
    });
    drop(folder.close());
    if listed.is_err() {
        return;
    }
    for name in left {
        let path = [b"/", UPLOADS.as_bytes(), b"/", &name[..]].concat();
        // On a volume that can only be read they stay.
        let _ = volume.remove(path).wait();
    }
}
