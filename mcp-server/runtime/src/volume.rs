//! Volumes: what can be done with paths.
#![deny(unsafe_code)]

use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::file::{LONGEST_PATH, OpenFlags, Path};
use atoll_abi::interface::{Request as _, request};
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Status, Syscall};

use crate::block::{Block, Blocks, lend_all};
use crate::files::File;
use crate::lending::Lending;
use crate::reply::{Decode, Reply, Submission};
use crate::runtime::Runtime;
use crate::target::Target;

/// Opens a file of the [first volume](Volume::first); [`Status::NoService`] where there is none.
pub fn open(path: impl AsRef<[u8]>) -> Reply<File> {
    Volume::first().open(path)
}

/// The volume of a service with files: its files and folders, by their paths.
///
/// A path is read from the volume's root, whether it begins with a slash or not, as Linux reads it; `..` does not leave the root. One
/// of more than [`SHORT_PATH`](atoll_abi::file::SHORT_PATH) bytes travels in a block of the pool: the call waits until there is
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    port: Option<usize>,
}

impl Volume {
    /// That of the first service with files that the process may use. Where there is none, every call ends with
    /// [`Status::NoService`].
    ///
    /// # Panics
    /// Where the caller runs on no vcore.
    pub fn first() -> Volume {
        Volume {
            port: Runtime::current().port_of_kind(ServiceKind::Files),
        }
    }

    /// That of the service of a port; with `None`, of no service.
    pub(crate) fn of_port(port: Option<usize>) -> Volume {
        Volume { port }
    }

    /// Opens a file or folder.
    pub fn open(&self, path: impl AsRef<[u8]>) -> Reply<File> {
        self.open_with(path, OpenFlags::empty())
    }

    /// Opens a file or folder, in a way.
    pub fn open_with(&self, path: impl AsRef<[u8]>, flags: OpenFlags) -> Reply<File> {
        let call = |path| request::Open { flags, path }.encode();
        self.path_call(path.as_ref(), call, |answer, connection| {
            File::opened(answer.result, connection)
        })
    }

    /// Renames: a file may replace a file, and a folder an empty folder. Two paths of more than a block need two: where no second
    /// one is free, that is [`Status::Busy`].
    pub fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Reply<()> {
        let (from, to) = (from.as_ref(), to.as_ref());
        let refused = |status| Reply::new(Submission::refused(status), |_, _| Ok(()));
        if from.len().max(to.len()) > LONGEST_PATH {
            return refused(Status::NameTooLong);
        }
        let mut blocks = block_of(from.iter().chain(to)).alone();
        if from.len() + to.len() > BLOCK_SIZE {
            // To wait for a block with another one in hand could be to wait for ever.
            let Some(mut second) = Block::try_acquire() else {
                return refused(Status::Busy);
            };
            fill(&mut second, from.iter().chain(to).skip(BLOCK_SIZE));
            // Two are no more than go into a call.
            let _ = blocks.push(second);
        }
        let rename = request::Rename {
            from: from.len() as u32,
            to: to.len() as u32,
        };
        self.call(rename.encode(), blocks, |_, _| Ok(()))
    }

    /// Removes the name of a file or an empty folder. What is open lives on until it is closed.
    pub fn remove(&self, path: impl AsRef<[u8]>) -> Reply<()> {
        let call = |path| request::Remove { path }.encode();
        self.path_call(path.as_ref(), call, |_, _| Ok(()))
    }

    /// Makes a folder.
    pub fn make_folder(&self, path: impl AsRef<[u8]>) -> Reply<()> {
        let call = |path| request::MakeFolder { path }.encode();
        self.path_call(path.as_ref(), call, |_, _| Ok(()))
    }

    /// Has everything put on stable storage that was done by calls that have been answered.
    pub fn sync(&self) -> Reply<()> {
        self.call(request::Sync {}.encode(), Blocks::new(), |_, _| Ok(()))
    }

    /// Asks how many blocks the volume has, and how many of them are free.
    pub fn space(&self) -> Reply<[u64; 2]> {
        self.call(request::Space {}.encode(), Blocks::new(), |answer, _| {
            Ok(answer.result)
        })
    }

    /// Makes a call with a path.
    fn path_call<T>(
        &self,
        path: &[u8],
        call: impl Fn(Path) -> Syscall,
        decode: Decode<T>,
    ) -> Reply<T> {
        if let Some(short) = Path::short(path) {
            return self.call(call(short), Blocks::new(), decode);
        }
        if path.len() > LONGEST_PATH {
            return Reply::new(Submission::refused(Status::NameTooLong), decode);
        }
        let blocks = block_of(path.iter()).alone();
        self.call(call(Path::in_block(path.len())), blocks, decode)
    }

    fn call<T>(&self, syscall: Syscall, blocks: Blocks, decode: Decode<T>) -> Reply<T> {
        let Some(port) = self.port else {
            return Reply::new(Submission::refused(Status::NoService), decode);
        };
        let target = Target::port(port);
        let Some((lent, list)) = lend_all(blocks) else {
            return Reply::new(Submission::new(target, syscall), decode);
        };
        let submission = Submission::new(target, list.into_call(syscall));
        Reply::of(Lending::new(submission, Some(lent)), decode)
    }
}

/// A block of the pool that begins with these bytes.
fn block_of<'a>(bytes: impl Iterator<Item = &'a u8>) -> Block {
    const _: () = assert!(LONGEST_PATH <= BLOCK_SIZE);
    let mut block = Block::acquire();
    fill(&mut block, bytes);
    block
}

fn fill<'a>(block: &mut Block, bytes: impl Iterator<Item = &'a u8>) {
    for (to, from) in block.bytes_mut().iter_mut().zip(bytes) {
        *to = *from;
    }
}
