//! The file service's own file system takes what is made, and `e2fsck` what it writes there.

use atoll_abi::disk::Properties;
use atoll_abi::layout::{LEAST_WRITING_HEAP, largest_journal};
use atoll_ext4::{FileId, FileSystem, Io, Operation, Outcome, RunKind, Settings, State};

use super::*;

const SECTOR: u64 = 512;

/// A partition that is mounted.
struct Mounted {
    system: FileSystem,
    file: File,
    offset: u64,
}

impl Mounted {
    fn of(made: &Made, name: &str, read_only: bool) -> Mounted {
        let properties = Properties {
            block_size: made.block_size,
            read_only,
            caches: true,
        };
        let settings = Settings {
            journal_bytes: largest_journal(LEAST_WRITING_HEAP),
            ..Settings::default()
        };
        let sectors = made.extent(name).blocks * u64::from(made.block_size) / SECTOR;
        let file = File::options().read(true).write(true).open(&made.path);
        let mut mounted = Mounted {
            system: FileSystem::new(sectors, properties, Box::new(|| 1_900_000_000), settings),
            file: file.unwrap(),
            offset: made.offset(name),
        };
        mounted.transfer(&[]);
        assert_eq!(
            mounted.system.state(),
            State::Mounted {
                read_only,
                block_size: 4096
            }
        );
        mounted
    }

    /// Carries out what is wanted; `data` is what a caller writes.
    fn transfer(&mut self, data: &[u8]) {
        while let Some(wanted) = self.system.wants() {
            let place = |sector: u64| self.offset + sector * SECTOR;
            let read = match wanted {
                Io::Read { sector, sectors } => {
                    let mut bytes = vec![0; sectors as usize * SECTOR as usize];
                    self.file.read_exact_at(&mut bytes, place(sector)).unwrap();
                    Some(bytes)
                }
                Io::Write { sector, bytes } => {
                    self.file.write_all_at(bytes, place(sector)).unwrap();
                    None
                }
                Io::Transfer {
                    sector,
                    sectors,
                    offset,
                } => {
                    let mut bytes = data[offset as usize..].to_vec();
                    bytes.resize(sectors as usize * SECTOR as usize, 0);
                    self.file.write_all_at(&bytes, place(sector)).unwrap();
                    None
                }
                Io::Flush => None,
            };
            self.system.completed(Ok(read.as_deref()));
        }
    }

    fn perform(&mut self, operation: Operation, data: &[u8]) -> Outcome {
        self.system.submit(operation).unwrap();
        self.transfer(data);
        self.system.finished().unwrap().1.unwrap()
    }

    fn open(&mut self, path: &str) -> (FileId, u64) {
        let open = Operation::Open {
            path: path.as_bytes().into(),
            flags: Default::default(),
        };
        match self.perform(open, &[]) {
            Outcome::Opened(attributes) => (attributes.file, attributes.size),
            other => panic!("{other:?}"),
        }
    }

    /// What a file holds that has no holes.
    fn read(&mut self, path: &str) -> Vec<u8> {
        let (file, bytes) = self.open(path);
        let map = Operation::Map {
            file,
            offset: 0,
            bytes,
        };
        let Outcome::Runs(runs) = self.perform(map, &[]) else {
            panic!("no runs");
        };
        let mut content = Vec::new();
        for run in runs {
            let RunKind::Data { sector } = run.kind else {
                panic!("a hole");
            };
            let mut bytes = vec![0; run.bytes as usize];
            let place = self.offset + sector * SECTOR;
            self.file.read_exact_at(&mut bytes, place).unwrap();
            content.append(&mut bytes);
        }
        self.perform(Operation::Close { file }, &[]);
        content
    }
}

fn source(content: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("inner")).unwrap();
    fs::write(path.join("inner/file"), content).unwrap();
    for index in 0..200 {
        fs::write(path.join(format!("inner/{index}")), "small").unwrap();
    }
    folder
}

#[test]
fn one_that_is_written_is_clean_afterwards() {
    let content = noise(300_001);
    let folder = source(&content);
    let input = folder.path().join("inner/file");
    let contents = Contents::FileSystem {
        tree: tree(Some(folder.path()), Some((b"input", &input))),
        usage: WRITTEN,
    };
    let made = Made::of(512, vec![("before", empty(1)), ("n", contents)]).unwrap();
    let mut mounted = Mounted::of(&made, "n", false);
    for path in ["/inner/file", "/input"] {
        assert!(mounted.read(path) == content);
    }
    let (file, _) = mounted.open("/inner/file");
    // Beyond what it had, and as much as there is room for at least.
    let written = noise(16 << 20);
    for (index, part) in written.chunks(atoll_ext4::MOST_WRITE as usize).enumerate() {
        let write = Operation::Write {
            file,
            offset: index as u64 * u64::from(atoll_ext4::MOST_WRITE),
            bytes: part.len() as u32,
        };
        assert_eq!(mounted.perform(write, part), Outcome::Done);
    }
    let path = |text: &str| text.as_bytes().into();
    for change in [
        Operation::Close { file },
        Operation::MakeFolder { path: path("/new") },
        Operation::Rename {
            from: path("/inner/7"),
            to: path("/new/7"),
        },
        Operation::Remove {
            path: path("/inner/8"),
        },
        Operation::Sync,
    ] {
        assert_eq!(mounted.perform(change, &[]), Outcome::Done);
    }
    drop(mounted);
    let mut again = Mounted::of(&made, "n", false);
    assert_eq!(again.read("/new/7"), b"small");
    assert!(again.read("/inner/file") == written);
    drop(again);
    // With a file of its own: `e2fsck` opens it anew after the journal, and forgets where it is in another one.
    let path = folder.path().join("n");
    let bytes = fs::read(&made.path).unwrap();
    fs::write(&path, &bytes[made.offset("n") as usize..]).unwrap();
    let replay = ["-y", "-E", "journal_only"];
    e2fsprogs("e2fsck", &replay, &path, 0);
    Made::check_file_system(&path, 0);
    let system = Ext4::load_from_path(path).unwrap();
    assert!(system.read("/inner/file").unwrap() == written);
    assert_eq!(system.read("/new/7").unwrap(), b"small");
    assert!(!system.exists("/inner/8").unwrap());
}

#[test]
fn one_that_is_only_read_stays_as_it_is() {
    let content = noise(300_001);
    let folder = source(&content);
    for block_size in [512, 4096] {
        let made = Made::of(block_size, vec![("n", folder_of(folder.path()))]).unwrap();
        let before = fs::read(&made.path).unwrap();
        let mut mounted = Mounted::of(&made, "n", true);
        assert!(mounted.read("/inner/file") == content);
        assert!(fs::read(&made.path).unwrap() == before);
    }
}
