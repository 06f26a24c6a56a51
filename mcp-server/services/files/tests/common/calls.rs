//! Calls as clients make them.

use atoll_abi::block::BlockList;
use atoll_abi::file::{OpenFlags, Path};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request, request};
use atoll_abi::syscall::Syscall;

pub fn open(path: &str) -> Syscall {
    open_with(path, OpenFlags::empty())
}

pub fn create(path: &str) -> Syscall {
    open_with(path, OpenFlags::CREATE)
}

pub fn open_with(path: &str, flags: OpenFlags) -> Syscall {
    let path = Path::short(path.as_bytes()).unwrap();
    request::Open { flags, path }.encode()
}

/// Opens the path in a block.
pub fn open_in_block(length: usize, block: u32) -> Syscall {
    let path = Path::in_block(length);
    let flags = OpenFlags::empty();
    let call = request::Open { flags, path }.encode();
    BlockList::one(block).into_call(call)
}

pub fn stat(file: Handle) -> Syscall {
    request::Stat { file }.encode()
}

pub fn close(file: Handle) -> Syscall {
    request::Close { file }.encode()
}

pub fn read(file: Handle, offset: u64, length: u64, block: u32) -> Syscall {
    read_into(file, offset, length, &[block])
}

pub fn read_into(file: Handle, offset: u64, length: u64, blocks: &[u32]) -> Syscall {
    let read = request::Read {
        file,
        offset,
        length,
    };
    BlockList::of(blocks).unwrap().into_call(read.encode())
}

pub fn write(file: Handle, offset: u64, length: u64, blocks: &[u32]) -> Syscall {
    let write = request::Write {
        file,
        offset,
        length,
    };
    BlockList::of(blocks).unwrap().into_call(write.encode())
}

/// The call with blocks of an order in place of those that it has.
pub fn large(call: Syscall, order: u32, blocks: &[u32]) -> Syscall {
    let arguments = [call.arguments[0], call.arguments[1], 0, 0];
    let list = BlockList::of_order(order, blocks).unwrap();
    list.into_call(Syscall { arguments, ..call })
}

pub fn truncate(file: Handle, length: u64) -> Syscall {
    request::Truncate { file, length }.encode()
}

pub fn list(folder: Handle, [place, kind]: [u64; 2], blocks: &[u32]) -> Syscall {
    let list = request::List {
        folder,
        place,
        kind,
    };
    BlockList::of(blocks).unwrap().into_call(list.encode())
}

pub fn remove(path: &str) -> Syscall {
    let path = Path::short(path.as_bytes()).unwrap();
    request::Remove { path }.encode()
}

pub fn make_folder(path: &str) -> Syscall {
    let path = Path::short(path.as_bytes()).unwrap();
    request::MakeFolder { path }.encode()
}

/// Renames from the path in one block to that in another.
pub fn rename(lengths: [usize; 2], blocks: &[u32]) -> Syscall {
    let [from, to] = lengths.map(|length| length as u32);
    let call = request::Rename { from, to }.encode();
    BlockList::of(blocks).unwrap().into_call(call)
}

pub fn sync() -> Syscall {
    request::Sync {}.encode()
}

pub fn space() -> Syscall {
    request::Space {}.encode()
}
