mod file_systems;
mod mounted;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::process::Command;

use atoll_gpt::{Extent, Partitions, Table, Want};
use ext4_view::{Ext4, Ext4Read};

use super::*;
use crate::setup;
use crate::tools::SearchPath;

/// The programs of e2fsprogs, which are all that is needed here.
pub fn tools() -> Tools {
    setup::for_disks().unwrap()
}

fn program(name: &str) -> PathBuf {
    let path = SearchPath::of_environment().find_or_administrators(name);
    path.unwrap_or_else(|| panic!("{name} is missing: apt-get install e2fsprogs"))
}

/// A part of a file.
struct Part(File, u64);

impl Ext4Read for Part {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.read_exact_at(dst, self.1 + start_byte)?)
    }
}

/// A disk that was made.
pub struct Made {
    /// A folder of its own, where it has one: its name is none that tools like.
    _folder: Option<tempfile::TempDir>,
    path: PathBuf,
    block_size: u32,
}

impl Made {
    /// A disk that something else made.
    pub fn at(path: PathBuf, block_size: u32) -> Made {
        Made {
            _folder: None,
            path,
            block_size,
        }
    }

    fn of(block_size: u32, partitions: Vec<(&str, Contents)>) -> Result<Made> {
        let folder = tempfile::Builder::new().prefix("?a=b \"").tempdir()?;
        let path = folder.path().join("disk ?offset=7");
        let partition = |(name, contents): (&str, Contents)| PartitionSource {
            name: name.to_owned(),
            contents,
        };
        let plan = DiskPlan {
            block_size,
            partitions: partitions.into_iter().map(partition).collect(),
        };
        let result = make(&path, &plan, &tools(), &mut Progress::new());
        let left = fs::read_dir(folder.path())?.count();
        assert_eq!(left, usize::from(result.is_ok()));
        result?;
        Ok(Made {
            _folder: Some(folder),
            path,
            block_size,
        })
    }

    fn partitions(&self, names: &[&str]) -> Partitions {
        let names: Vec<Name> = names.iter().map(|name| Name::new(name).unwrap()).collect();
        let file = File::open(&self.path).unwrap();
        let size = u64::from(self.block_size);
        let blocks = file.metadata().unwrap().len() / size;
        let mut table = Table::new(blocks, self.block_size, &names).unwrap();
        while let Want::Read { lba, blocks } = table.wants() {
            let mut bytes = vec![0; (u64::from(blocks) * size) as usize];
            file.read_exact_at(&mut bytes, lba * size).unwrap();
            table.feed(&bytes);
        }
        table.result().unwrap()
    }

    fn extent(&self, name: &str) -> Extent {
        let found = self.partitions(&[name]);
        assert_eq!(found.damage(), None);
        found.extent(&Name::new(name).unwrap()).unwrap()
    }

    fn offset(&self, name: &str) -> u64 {
        self.extent(name).first * u64::from(self.block_size)
    }

    /// The file system of a partition, after a check.
    pub fn file_system(&self, name: &str) -> Ext4 {
        Made::check_file_system(&self.path, self.offset(name));
        let part = Part(File::open(&self.path).unwrap(), self.offset(name));
        Ext4::load(Box::new(part)).unwrap()
    }

    /// Checks a file system as e2fsck does.
    pub fn check_file_system(path: &Path, offset: u64) {
        e2fsprogs("e2fsck", &["-f", "-n"], path, offset);
    }

    fn superblock(&self, name: &str) -> [u8; 1024] {
        let mut bytes = [0; 1024];
        let file = File::open(&self.path).unwrap();
        file.read_exact_at(&mut bytes, self.offset(name) + 1024)
            .unwrap();
        bytes
    }

    fn stored_bytes(&self) -> u64 {
        fs::metadata(&self.path).unwrap().blocks() * 512
    }
}

/// Runs a program on a part of an image.
fn e2fsprogs(name: &str, arguments: &[&str], path: &Path, offset: u64) {
    // They take what is behind a question mark for options.
    let link = tempfile::tempdir().unwrap();
    symlink(path, link.path().join("image")).unwrap();
    let output = Command::new(program(name))
        .args(arguments)
        .arg(format!("image?offset={offset}"))
        .current_dir(link.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn empty(bytes: u64) -> Contents {
    Contents::Empty { bytes }
}

const READ_ONLY: Usage = Usage {
    written: false,
    least_bytes: 0,
};

const WRITTEN: Usage = Usage {
    written: true,
    least_bytes: 0,
};

fn tree(folder: Option<&Path>, file: Option<(&[u8], &Path)>) -> Tree {
    Tree {
        folder: folder.map(Path::to_path_buf),
        file: file.map(|(name, path)| RootFile {
            name: OsStr::from_bytes(name).to_owned(),
            input: Input::open(Some(path)).unwrap().into(),
        }),
    }
}

fn file(name: &[u8], path: &Path) -> Contents {
    Contents::FileSystem {
        tree: tree(None, Some((name, path))),
        usage: READ_ONLY,
    }
}

fn folder_of(path: &Path) -> Contents {
    Contents::FileSystem {
        tree: tree(Some(path), None),
        usage: READ_ONLY,
    }
}

/// Bytes without a pattern, and no block of zeros among them.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

#[test]
fn partitions_are_where_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let content = noise((3 << 20) + 5);
    fs::write(&image, &content).unwrap();
    for block_size in [512, 4096] {
        let longest = "a-name-of-32-characters-is-so-lo";
        let partitions = vec![
            ("one", empty(5)),
            (longest, Contents::Image(image.clone())),
            ("three", empty(16 << 20)),
        ];
        let made = Made::of(block_size, partitions).unwrap();
        let size = u64::from(block_size);
        assert_eq!(made.offset("one"), ALIGNMENT);
        assert_eq!(made.extent("one").blocks, 1);
        assert_eq!(made.offset(longest), 2 * ALIGNMENT);
        let blocks = (content.len() as u64).div_ceil(size);
        assert_eq!(made.extent(longest).blocks, blocks);
        assert_eq!(made.offset("three"), 6 * ALIGNMENT);
        assert_eq!(made.extent("three").blocks * size, 16 << 20);

        let mut bytes = fs::read(&made.path).unwrap();
        assert_eq!(bytes.len() as u64, 23 * ALIGNMENT);
        assert_eq!(bytes[2 << 20..][..content.len()], content);
        assert_eq!(bytes[446..462][4], 0xEE);
        assert_eq!(bytes[510..512], [0x55, 0xAA]);
        assert!(made.stored_bytes() < 4 << 20);

        // The backup is as good as the primary.
        let primary = made.partitions(&["one", longest, "three"]);
        bytes[block_size as usize] = 0;
        fs::write(&made.path, &bytes).unwrap();
        let backup = made.partitions(&["one", longest, "three"]);
        assert!(backup.damage().is_some());
        assert!(primary.iter().eq(backup.iter()));
    }
}

#[test]
fn what_cannot_be_made_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let refusal = |block_size, partitions| {
        let error = Made::of(block_size, partitions).err().unwrap();
        format!("{error:#}")
    };
    let none = folder.path().join("none");
    for (contents, expected) in [
        (
            empty(0),
            "partition n: it would have no bytes; give it some",
        ),
        (empty(u64::MAX), "larger than a file can be; make"),
        (Contents::Image(path.clone()), "is empty; name a file"),
        (folder_of(&path), "is not a folder; name one"),
        (folder_of(&none), "name a folder that exists"),
        (file(b"a/b", &path), "cannot name a file in a folder; use"),
        (file(b"", &path), "cannot name a file in a folder; use"),
    ] {
        let text = refusal(512, vec![("n", contents)]);
        assert!(text.contains(expected), "{text}");
    }
    let text = refusal(1024, vec![]);
    assert!(text.contains("choose 512 or 4096"), "{text}");
    let text = refusal(512, vec![("a", empty(1)), ("a", empty(1))]);
    assert!(text.contains("two partitions are named a; give"), "{text}");
    let text = refusal(512, vec![("a b", empty(1))]);
    assert!(text.contains("no blanks"), "{text}");
    let most = |count| (0..count).map(|_| ("n", empty(1))).collect();
    let text = refusal(512, most(129));
    assert!(text.contains("at most 128 partitions, not 129"), "{text}");
}

#[test]
fn a_disk_does_not_replace_what_it_is_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let inner = root.join("inner");
    fs::create_dir(&inner).unwrap();
    let image = inner.join("image");
    fs::write(&image, "precious").unwrap();
    symlink("inner/image", root.join("link")).unwrap();
    let refusal = |out: &Path, contents| {
        let name = "n".to_owned();
        let plan = DiskPlan {
            block_size: 512,
            partitions: vec![PartitionSource { name, contents }],
        };
        let error = make(out, &plan, &tools(), &mut Progress::new());
        format!("{:#}", error.unwrap_err())
    };
    for (out, contents) in [
        (image.clone(), Contents::Image(image.clone())),
        (root.join("link"), file(b"n", &image)),
        (inner.join("new"), folder_of(root)),
    ] {
        let text = refusal(&out, contents);
        assert!(text.contains("is made of; write the disk to"), "{text}");
    }
    let text = refusal(root, empty(1));
    assert!(text.contains("not a regular file"), "{text}");
    let text = refusal(Path::new("/dev/null"), empty(1));
    assert!(text.contains("not a regular file"), "{text}");
    let text = refusal(&root.join("none/disk"), empty(1));
    assert!(text.contains("is its folder there and writable?"), "{text}");
    assert_eq!(fs::read(&image).unwrap(), b"precious");
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 1);
}
