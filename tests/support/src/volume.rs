//! ext4 volumes in memory, for tests.

use atoll_abi::block::SECTOR_SIZE;
use atoll_abi::disk::Properties;
use atoll_abi::file::OpenFlags;
use atoll_abi::syscall::Status;
use atoll_ext4::{FileSystem, Io, MOST_WRITE, Operation, Outcome, Settings, State};

use crate::e2fsprogs::image;

/// How a small volume is made: its journal, the smallest that there is, takes most of it.
const OPTIONS: [&str; 6] = ["-b", "4096", "-J", "size=4", "-N", "64"];

/// A word of a file: one that tells where it is. Files are counted from 0 on.
pub fn file_word(file: usize, word: u64) -> u64 {
    ((word << 8) | (file as u64 + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What a file of a length holds.
pub fn content(file: usize, length: u64) -> Vec<u8> {
    let words = 0..length.div_ceil(8);
    let mut bytes: Vec<u8> = words
        .flat_map(|word| file_word(file, word).to_le_bytes())
        .collect();
    bytes.truncate(length as usize);
    bytes
}

/// An ext4 volume of so many mebibytes, at least 10, with these files; the folders on their paths are made.
///
/// # Panics
/// Where they have no room, or a path cannot be one.
pub fn volume(mebibytes: usize, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut volume = Mounted::new(image(mebibytes, &OPTIONS, None));
    for (path, content) in files {
        volume.put(path, content);
    }
    volume.finish()
}

/// A volume in memory, and the file system on it.
pub struct Mounted {
    system: FileSystem,
    disk: Vec<u8>,
}

impl Mounted {
    /// Mounts a volume.
    ///
    /// # Panics
    /// Where it cannot be mounted.
    pub fn new(disk: Vec<u8>) -> Mounted {
        let properties = Properties {
            block_size: SECTOR_SIZE as u32,
            read_only: false,
            caches: true,
        };
        let sectors = (disk.len() / SECTOR_SIZE) as u64;
        let clock = Box::new(|| 0);
        let mut volume = Mounted {
            system: FileSystem::new(sectors, properties, clock, Settings::default()),
            disk,
        };
        volume.settle();
        let state = volume.system.state();
        assert!(matches!(state, State::Mounted { .. }), "{state:?}");
        volume
    }

    fn settle(&mut self) {
        let place = |sector: u64, bytes: usize| {
            let start = sector as usize * SECTOR_SIZE;
            start..start + bytes
        };
        while let Some(io) = self.system.wants() {
            match io {
                Io::Read { sector, sectors } => {
                    let range = place(sector, sectors as usize * SECTOR_SIZE);
                    self.system.completed(Ok(Some(&self.disk[range])));
                    continue;
                }
                Io::Write { sector, bytes } => {
                    self.disk[place(sector, bytes.len())].copy_from_slice(bytes);
                }
                Io::Transfer { .. } => unreachable!("data is copied"),
                Io::Flush => {}
            }
            self.system.completed(Ok(None));
        }
    }

    /// Does an operation that transfers no data.
    ///
    /// # Errors
    /// How it fails.
    pub fn perform(&mut self, operation: Operation) -> Result<Outcome, Status> {
        self.system.submit(operation).expect("one at a time");
        self.settle();
        let (_, result) = self.system.finished().expect("it is done");
        result
    }

    /// Writes a file, and makes the folders on its path.
    ///
    /// # Panics
    /// Where that fails.
    pub fn put(&mut self, path: &str, content: &[u8]) {
        for (end, _) in path.match_indices('/').filter(|(end, _)| *end > 0) {
            let folder = path.as_bytes()[..end].into();
            match self.perform(Operation::MakeFolder { path: folder }) {
                Ok(_) | Err(Status::Exists) => {}
                Err(status) => panic!("{path}: {status:?}"),
            }
        }
        let open = Operation::Open {
            path: path.as_bytes().into(),
            flags: OpenFlags::CREATE,
        };
        let Ok(Outcome::Opened(opened)) = self.perform(open) else {
            panic!("{path} cannot be made");
        };
        let file = opened.file;
        for (index, bytes) in content.chunks(MOST_WRITE as usize).enumerate() {
            let write = Operation::WriteBytes {
                file,
                offset: index as u64 * u64::from(MOST_WRITE),
                bytes: bytes.into(),
            };
            self.perform(write).expect("there is room");
        }
        self.perform(Operation::Close { file }).expect("it is open");
    }

    /// What a file holds.
    ///
    /// # Errors
    /// Where it cannot be opened or read.
    pub fn read(&mut self, path: &str) -> Result<Vec<u8>, Status> {
        let open = Operation::Open {
            path: path.as_bytes().into(),
            flags: OpenFlags::empty(),
        };
        let Outcome::Opened(opened) = self.perform(open)? else {
            return Err(Status::Malformed);
        };
        let file = opened.file;
        let mut content = Vec::new();
        while (content.len() as u64) < opened.size {
            let offset = content.len() as u64;
            let map = Operation::Map {
                file,
                offset,
                bytes: opened.size - offset,
            };
            let Outcome::Runs(runs) = self.perform(map)? else {
                return Err(Status::Malformed);
            };
            for run in &runs {
                let end = content.len() + run.bytes as usize;
                if let atoll_ext4::RunKind::Data { sector } = run.kind {
                    let start = sector as usize * SECTOR_SIZE;
                    content.extend(&self.disk[start..start + run.bytes as usize]);
                }
                content.resize(end, 0);
            }
        }
        self.perform(Operation::Close { file })?;
        Ok(content)
    }

    /// The disk, with everything on it.
    ///
    /// # Panics
    /// Where it cannot be synced.
    pub fn finish(mut self) -> Vec<u8> {
        self.perform(Operation::Sync).expect("the disk takes it");
        self.disk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read() {
        let content: Vec<u8> = (0..100_000u32).map(|it| it as u8).collect();
        let disk = volume(10, &[("/a/b/c", &content), ("/empty", &[])]);
        let mut again = Mounted::new(disk);
        assert!(again.read("/a/b/c").unwrap() == content);
        assert_eq!(again.read("empty"), Ok(vec![]));
        assert_eq!(again.read("none"), Err(Status::NotFound));
    }
}
