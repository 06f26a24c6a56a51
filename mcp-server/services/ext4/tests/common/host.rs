//! A file system on a disk in memory.

use atoll_abi::disk::Properties;
use atoll_abi::file::{Entry, ListHeader, OpenFlags, entries};
use atoll_abi::syscall::Status;
use atoll_ext4::{
    Attributes, Cursor, FileId, FileSystem, Io, Operation, Outcome, Run, RunKind, Settings, State,
};
use zerocopy::FromBytes;

use super::{DISK, NOW, SECTOR};

/// What happens to a disk.
#[derive(Clone)]
pub enum Event {
    Write { sector: u64, bytes: Vec<u8> },
    Flush,
}

/// A file system, and the disk that it is on.
pub struct Host {
    pub system: FileSystem,
    properties: Properties,
    pub disk: Vec<u8>,
    /// What was written since the beginning, where it is recorded.
    pub events: Option<Vec<Event>>,
    /// Transfers, and those of them that read.
    pub transfers: u64,
    pub reads: u64,
    /// Transfers that the next operation may ask for.
    pub most_transfers: u64,
    /// The caller's data cannot be transferred.
    pub refuses_data: bool,
}

impl Host {
    /// Mounts an image.
    pub fn mount(disk: Vec<u8>) -> Host {
        let mut host = Host::new(disk, DISK, Settings::default());
        host.settle(&[]);
        assert!(
            matches!(host.system.state(), State::Mounted { .. }),
            "{:?}",
            host.system.state()
        );
        host
    }

    pub fn new(disk: Vec<u8>, properties: Properties, settings: Settings) -> Host {
        Host::at(NOW, disk, properties, settings)
    }

    /// The same where it is some other time.
    pub fn at(now: u64, disk: Vec<u8>, properties: Properties, settings: Settings) -> Host {
        let sectors = (disk.len() / SECTOR) as u64;
        let clock = Box::new(move || now);
        Host {
            system: FileSystem::new(sectors, properties, clock, settings),
            properties,
            disk,
            events: None,
            transfers: 0,
            reads: 0,
            most_transfers: u64::MAX,
            refuses_data: false,
        }
    }

    /// Carries one transfer out; `false` where none is wanted.
    pub fn step(&mut self, data: &[u8]) -> bool {
        let block = self.properties.block_size as usize;
        let place = |sector: u64, bytes: usize| {
            let start = sector as usize * SECTOR;
            assert!(start.is_multiple_of(block) && bytes.is_multiple_of(block));
            start..start + bytes
        };
        let (sector, bytes) = match self.system.wants() {
            None => return false,
            Some(Io::Read { sector, sectors }) => {
                self.reads += 1;
                self.transfers += 1;
                let range = place(sector, sectors as usize * SECTOR);
                assert!(range.len() <= atoll_ext4::MOST_TRANSFER);
                self.system.completed(Ok(Some(&self.disk[range])));
                return true;
            }
            Some(Io::Flush) => {
                self.transfers += 1;
                assert!(self.properties.caches);
                if let Some(events) = &mut self.events {
                    events.push(Event::Flush);
                }
                self.system.completed(Ok(None));
                return true;
            }
            Some(Io::Write { sector, bytes }) => (sector, bytes.to_vec()),
            Some(Io::Transfer { .. }) if self.refuses_data => {
                self.transfers += 1;
                self.system.completed(Err(Status::PeerLost));
                return true;
            }
            Some(Io::Transfer {
                sector,
                sectors,
                offset,
            }) => {
                let mut bytes = data[offset as usize..].to_vec();
                // What is behind the caller's data in its block is anything.
                bytes.resize(sectors as usize * SECTOR, 0xEE);
                (sector, bytes)
            }
        };
        self.transfers += 1;
        assert!(bytes.len() <= atoll_ext4::MOST_TRANSFER && !bytes.is_empty());
        self.disk[place(sector, bytes.len())].copy_from_slice(&bytes);
        if let Some(events) = &mut self.events {
            events.push(Event::Write { sector, bytes });
        }
        self.system.completed(Ok(None));
        true
    }

    /// Carries transfers out until none is wanted.
    pub fn settle(&mut self, data: &[u8]) {
        let before = self.transfers;
        while self.step(data) {
            assert!(
                self.transfers - before <= self.most_transfers,
                "more transfers than there may be"
            );
        }
    }

    /// Does an operation whose data is this.
    pub fn perform_with(&mut self, operation: Operation, data: &[u8]) -> Result<Outcome, Status> {
        let id = self.system.submit(operation).unwrap();
        self.settle(data);
        let (finished, result) = self.system.finished().unwrap();
        assert_eq!(finished, id);
        result
    }

    pub fn perform(&mut self, operation: Operation) -> Result<Outcome, Status> {
        self.perform_with(operation, &[])
    }

    pub fn open_as(&mut self, path: &[u8], flags: OpenFlags) -> Result<Attributes, Status> {
        let path = path.into();
        match self.perform(Operation::Open { path, flags })? {
            Outcome::Opened(attributes) => Ok(attributes),
            other => panic!("{other:?}"),
        }
    }

    pub fn open(&mut self, path: &[u8]) -> Result<Attributes, Status> {
        self.open_as(path, OpenFlags::default())
    }

    pub fn create(&mut self, path: &[u8]) -> Result<Attributes, Status> {
        let create = OpenFlags::CREATE;
        self.open_as(path, create)
    }

    pub fn close(&mut self, file: FileId) {
        assert_eq!(self.perform(Operation::Close { file }), Ok(Outcome::Done));
    }

    pub fn stat(&mut self, file: FileId) -> Attributes {
        match self.perform(Operation::Stat { file }) {
            Ok(Outcome::Attributes(attributes)) => attributes,
            other => panic!("{other:?}"),
        }
    }

    pub fn done(&mut self, operation: Operation) -> Result<(), Status> {
        self.perform(operation)
            .map(|outcome| assert_eq!(outcome, Outcome::Done))
    }

    pub fn sync(&mut self) {
        assert_eq!(self.done(Operation::Sync), Ok(()));
    }

    pub fn remove(&mut self, path: &[u8]) -> Result<(), Status> {
        self.done(Operation::Remove { path: path.into() })
    }

    pub fn make_folder(&mut self, path: &[u8]) -> Result<(), Status> {
        self.done(Operation::MakeFolder { path: path.into() })
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), Status> {
        let (from, to) = (from.into(), to.into());
        self.done(Operation::Rename { from, to })
    }

    pub fn truncate(&mut self, file: FileId, size: u64) -> Result<(), Status> {
        self.done(Operation::Truncate { file, size })
    }

    pub fn runs(&mut self, file: FileId, offset: u64, bytes: u64) -> Result<Vec<Run>, Status> {
        let map = Operation::Map {
            file,
            offset,
            bytes,
        };
        match self.perform(map)? {
            Outcome::Runs(runs) => Ok(runs),
            other => panic!("{other:?}"),
        }
    }

    /// All that an open file holds, read where its runs say it is.
    pub fn content(&mut self, file: FileId) -> Vec<u8> {
        let size = self.stat(file).size as usize;
        let mut content = Vec::with_capacity(size);
        while content.len() < size {
            // What a run does not begin with a sector for comes with a later one.
            let runs = self.runs(file, content.len() as u64, u64::MAX).unwrap();
            assert!(!runs.is_empty());
            for run in runs {
                match run.kind {
                    RunKind::Hole => content.resize(content.len() + run.bytes as usize, 0),
                    RunKind::Data { sector } => {
                        let start = sector as usize * SECTOR;
                        content.extend_from_slice(&self.disk[start..start + run.bytes as usize]);
                    }
                }
            }
        }
        assert_eq!(content.len(), size);
        content
    }

    /// All that a file of a path holds.
    pub fn read(&mut self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let file = self.open(path)?.file;
        let content = self.content(file);
        self.close(file);
        Ok(content)
    }

    /// Writes straight from the caller's data.
    pub fn write(&mut self, file: FileId, offset: u64, data: &[u8]) -> Result<(), Status> {
        for (index, part) in data.chunks(atoll_ext4::MOST_WRITE as usize).enumerate() {
            let write = Operation::Write {
                file,
                offset: offset + (index * atoll_ext4::MOST_WRITE as usize) as u64,
                bytes: part.len() as u32,
            };
            self.perform_with(write, part)?;
        }
        Ok(())
    }

    /// Writes bytes that are copied.
    pub fn write_bytes(&mut self, file: FileId, offset: u64, data: &[u8]) -> Result<(), Status> {
        for (index, part) in data.chunks(atoll_ext4::MOST_WRITE as usize).enumerate() {
            self.done(Operation::WriteBytes {
                file,
                offset: offset + (index * atoll_ext4::MOST_WRITE as usize) as u64,
                bytes: part.into(),
            })?;
        }
        Ok(())
    }

    /// Makes a file with a content.
    pub fn put(&mut self, path: &[u8], content: &[u8]) -> Result<(), Status> {
        let file = self.create(path)?.file;
        let written = self.write(file, 0, content);
        self.close(file);
        written
    }

    /// The names in a folder with their kinds, listed in pieces of so many bytes.
    pub fn list(&mut self, path: &[u8], bytes: u32) -> Vec<(Vec<u8>, u8)> {
        let folder = self.open(path).unwrap().file;
        let mut names = Vec::new();
        let mut cursor = Cursor::START;
        while cursor != Cursor::END {
            let list = Operation::List {
                folder,
                cursor,
                bytes,
            };
            let Ok(Outcome::Listed(listed)) = self.perform(list) else {
                panic!("not listed");
            };
            assert!(listed.len() <= bytes as usize);
            let (header, packed) = ListHeader::read_from_prefix(&listed).unwrap();
            assert_eq!(packed.len(), header.bytes as usize);
            let found: Vec<Entry<'_>> = entries(packed).collect();
            assert_eq!(found.len(), header.entries as usize);
            names.extend(found.iter().map(|it| (it.name.to_vec(), it.kind)));
            cursor = Cursor(header.next);
        }
        self.close(folder);
        names.sort();
        names
    }
}
