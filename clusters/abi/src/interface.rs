//! Every call that there is: one row for each, with its number, where its fields travel, what becomes of its block, and
//! which interface it belongs to. Numbers, decoding, triage and the runtime's requests all come from these rows.
//!
//! Who serves an interface is decided by triage: [`Interface::Process`] by the server of the process's own cluster, every
//! other one by a service that the process is connected to.

mod field;

use crate::file::{OpenFlags, Path};
use crate::handle::Handle;
use crate::name::Name;
use crate::syscall::{NO_BLOCK, Status, Syscall};
use field::Field;

/// What a call does with the block that its [`Syscall::block`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockUse {
    /// It has none.
    None,
    /// The server, service or driver that serves the call writes the block, until the call's completion gives it back.
    Written,
    /// The one that serves the call reads the block, until the call's completion gives it back.
    Read,
}

/// A call with its fields, as the client makes it and the one who serves it reads it.
pub trait Request: Sized {
    /// The call.
    const CALL: Call;

    /// The message that carries it, with neither tag nor block nor generation.
    fn encode(&self) -> Syscall;

    /// The fields of a message whose `call` is this one.
    ///
    /// # Errors
    /// The status that the call ends with, because a field makes no sense.
    fn decode(syscall: &Syscall) -> Result<Self, Status>;
}

macro_rules! interfaces {
    ($(
        $(#[$interface_meta:meta])*
        interface $interface:ident as $calls:ident {
            $(
                $(#[$call_meta:meta])*
                $call:ident = $number:literal, block $block:ident, {
                    $($(#[$field_meta:meta])* $field:ident: $type:ty = $place:ident $([$index:literal])?,)*
                }
            )*
        }
    )*) => {
        /// A set of calls that one component serves.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Interface {
            $($(#[$interface_meta])* $interface,)*
        }

        /// What a [`Syscall`] asks for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Call {
            $($($(#[$call_meta])* $call = $number,)*)*
        }

        impl Call {
            /// Every call, for tables and tests.
            pub const ALL: &'static [Call] = &[$($(Call::$call,)*)*];

            /// The call that a peer named, or `None` where there is no such call.
            #[inline]
            pub const fn from_raw(raw: u16) -> Option<Call> {
                match raw {
                    $($($number => Some(Call::$call),)*)*
                    _ => None,
                }
            }

            /// The interface that the call belongs to.
            #[inline]
            pub const fn interface(self) -> Interface {
                match self {
                    $($(Call::$call => Interface::$interface,)*)*
                }
            }

            /// What the call does with its block.
            #[inline]
            pub const fn block_use(self) -> BlockUse {
                match self {
                    $($(Call::$call => BlockUse::$block,)*)*
                }
            }
        }

        /// The fields of each call.
        pub mod request {
            use super::*;

            $($(
                $(#[$call_meta])*
                #[derive(Clone, Copy, Debug, PartialEq, Eq)]
                pub struct $call {
                    $($(#[$field_meta])* pub $field: $type,)*
                }

                impl Request for $call {
                    const CALL: Call = Call::$call;

                    #[inline]
                    fn encode(&self) -> Syscall {
                        #[allow(unused_mut, reason = "not every call has fields")]
                        let mut syscall = Syscall {
                            call: Call::$call as u16,
                            ..Syscall::EMPTY
                        };
                        $(syscall.$place $([$index])? = Field::to_raw(&self.$field);)*
                        syscall
                    }

                    #[inline]
                    fn decode(syscall: &Syscall) -> Result<$call, Status> {
                        let _ = syscall;
                        Ok($call { $($field: Field::from_raw(syscall.$place $([$index])?)?,)* })
                    }
                }
            )*)*
        }

        $(
            /// A call of this interface, decoded.
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $calls {
                $($(#[$call_meta])* $call(request::$call),)*
            }

            impl $calls {
                /// The call that a client sent, its fields checked.
                ///
                /// # Errors
                /// The status that the call ends with: [`Status::UnknownCall`] where there is no such call,
                /// [`Status::NotAllowed`] where it is one of another interface, or what its fields lead to.
                ///
                /// Always inlined: the one who serves a call then has its fields in registers, and looks at its number once.
                #[inline(always)]
                pub fn decode(syscall: &Syscall) -> Result<$calls, Status> {
                    match Call::from_raw(syscall.call) {
                        $(Some(Call::$call) => request::$call::decode(syscall).map($calls::$call),)*
                        Some(_) => Err(Status::NotAllowed),
                        None => Err(Status::UnknownCall),
                    }
                }
            }
        )*
    };
}

interfaces! {
    /// What the server of a process's own cluster decides: processes, vcores, connections.
    interface Process as ProcessCall {
        /// Prints text. A line ends with `\n`.
        Print = 5, block None, {
            /// The text's bytes, the rest zero.
            text: [u64; 4] = arguments,
            /// How many bytes of text, at most [`crate::syscall::PRINT_SIZE`].
            length: u16 = count,
        }
        /// Ends the process.
        Exit = 6, block None, {
            /// Its exit status.
            status: u64 = arguments[0],
        }
        /// Turns a single-core process into a many-core process. Result: how many vcores are granted now.
        BecomeMcp = 7, block None, {}
        /// Asks for vcores. Result: how many are granted now.
        RequestVcores = 8, block None, {
            /// How many in all.
            count: u64 = arguments[0],
        }
        /// Gives the calling vcore back. `Busy` where it has completions that it has not taken, or its alarm has rung since it
        /// set that: then it looks what there is, and tries again.
        YieldVcore = 9, block None, {}
        /// Has the calling vcore woken when a time has passed; replaces what it asked for before. Answered at once.
        SetAlarm = 10, block None, {
            /// Nanoseconds from now.
            nanoseconds: u64 = arguments[0],
        }
        /// Asks for the connection to a service. Result: its port, the interface's [`crate::plan::ServiceKind`].
        Connect = 11, block None, {
            /// The service's name.
            service: Name = arguments,
        }
        /// Asks for a process to which the caller may give frames. Result: its number in the cluster.
        FindRecipient = 64, block None, {
            /// The process's name.
            process: Name = arguments,
        }
        /// Gives a [frame](crate::frame) that the caller holds to another process. When it is answered, the caller cannot reach
        /// the frame any more. Result: the holding's generation, and nanoseconds of its lease.
        GiveFrame = 65, block None, {
            /// Number of the frame.
            frame: u32 = arguments[0],
            /// Generation of the caller's holding.
            generation: u32 = arguments[1],
            /// Number of the process that gets it.
            recipient: u32 = arguments[2],
            /// Nanoseconds until it goes home by itself, or [`crate::frame::NO_LEASE`]. It ends with the caller's own lease at the
            /// latest.
            lease: u64 = arguments[3],
        }
        /// Gives a frame that the caller holds back to its home. Where that is the caller, nothing moves, and its calls that wait for
        /// frames are answered: one part of a process tells another one that it needs the frame no more.
        ReturnFrame = 66, block None, {
            /// Number of the frame.
            frame: u32 = arguments[0],
            /// Generation of the caller's holding.
            generation: u32 = arguments[1],
        }
        /// Is answered when frames have come to the process or have left it since it was told last. Half as many of these calls of a
        /// process may wait as a ring has slots; further ones end with [`Status::Busy`]. Result: what `seen` is to be the next time.
        AwaitFrames = 67, block None, {
            /// What the last answer said; 0 where there was none: then it is answered at once, as are all that wait.
            seen: u64 = arguments[0],
        }
    }

    /// Files and folders of a volume. A path is read from the volume's root, whether it begins with a slash or not; `..` does not
    /// leave the root. Where a call has a block, the path lies at its beginning; where it has none, in the message.
    interface Files as FilesCall {
        /// Opens a file or folder. Result: handle, length in bytes.
        Open = 1, block Read, {
            /// How.
            flags: OpenFlags = handle,
            /// Its path.
            path: Path = arguments,
        }
        /// Tells what is known of something open. Result: [`crate::file::Attributes`].
        Stat = 2, block None, {
            /// The file or folder.
            file: Handle = handle,
        }
        /// Reads into [blocks](crate::block::BlockList). Result: bytes read, 0 at the end of the file. Into blocks of an order above 0
        /// that may be whole pages and less than there is, where the file is in many pieces.
        Read = 3, block Written, {
            /// The file.
            file: Handle = handle,
            /// Where to begin, in bytes: a multiple of the block size.
            offset: u64 = arguments[0],
            /// Bytes wanted, no more than the blocks hold.
            length: u64 = arguments[1],
        }
        /// Closes something open.
        Close = 4, block None, {
            /// The file or folder.
            file: Handle = handle,
        }
        /// Writes from [blocks](crate::block::BlockList). Result: bytes written. They are on stable storage when a later
        /// [`Call::Sync`] has been answered.
        Write = 12, block Read, {
            /// The file.
            file: Handle = handle,
            /// Where to begin, in bytes. Data that begins with a block of the file, and ends with one or at the file's end or
            /// beyond it, is copied by no processor.
            offset: u64 = arguments[0],
            /// Bytes, no more than the blocks hold.
            length: u64 = arguments[1],
        }
        /// Lists entries of a folder into [blocks](crate::block::BlockList), beginning with a [`crate::file::ListHeader`]: as many as 32
        /// KiB hold. Result: bytes in the blocks, and entries.
        List = 13, block Written, {
            /// The folder.
            folder: Handle = handle,
            /// Where to go on: 0 at the beginning, then the first word of the header's `next`.
            place: u64 = arguments[0],
            /// Where to go on: 0 at the beginning, then the second word of the header's `next`.
            kind: u64 = arguments[1],
        }
        /// Sets the length of a file.
        Truncate = 14, block None, {
            /// The file.
            file: Handle = handle,
            /// Its length in bytes.
            length: u64 = arguments[0],
        }
        /// Renames: a file may replace a file, and a folder an empty folder. The path that it has and the one that it gets lie one
        /// behind the other in the call's blocks.
        Rename = 15, block Read, {
            /// Bytes of the path that it has.
            from: u32 = arguments[0],
            /// Bytes of the path that it gets.
            to: u32 = arguments[1],
        }
        /// Removes the name of a file or an empty folder. What is open lives on until it is closed.
        Remove = 16, block Read, {
            /// Its path.
            path: Path = arguments,
        }
        /// Makes a folder.
        MakeFolder = 17, block Read, {
            /// Its path.
            path: Path = arguments,
        }
        /// When it is answered, everything is on stable storage that was done by calls that had been answered when this was made.
        Sync = 18, block None, {}
        /// Tells how large the volume is. Result: its [blocks](crate::block::BLOCK_SIZE), and those of them that are free.
        Space = 19, block None, {}
    }

    /// A partition of a disk, as the disk's driver serves it to the one service whose it is. Sectors are counted from the
    /// partition's first one, and are of [`crate::block::SECTOR_SIZE`] bytes whatever the size of the disk's own blocks is, of
    /// which every transfer has to be a multiple. Data is in the [blocks](crate::block::BlockList) of a call.
    interface Disk as DiskCall {
        /// Transfers sectors from the partition into blocks. Result: sectors transferred.
        ReadSectors = 32, block Written, {
            /// First sector.
            sector: u64 = arguments[0],
            /// How many: at least 1, and no more than the blocks hold.
            sectors: u32 = arguments[1],
            /// The pool that the blocks are in: an index into the plan's pools.
            pool: u32 = handle,
        }
        /// Transfers sectors from blocks to the partition. Result: sectors transferred. They are on stable storage when a
        /// later [`Call::FlushDisk`] has been answered.
        WriteSectors = 33, block Read, {
            /// First sector.
            sector: u64 = arguments[0],
            /// How many: at least 1, and no more than the blocks hold.
            sectors: u32 = arguments[1],
            /// The pool that the blocks are in: an index into the plan's pools.
            pool: u32 = handle,
        }
        /// When it is answered, everything is on stable storage that was written by calls that had been answered when this was
        /// made.
        FlushDisk = 34, block None, {}
        /// Writes zeroes. Result: sectors written.
        ZeroSectors = 35, block None, {
            /// First sector.
            sector: u64 = arguments[0],
            /// How many, at least 1.
            sectors: u32 = arguments[1],
        }
        /// Says that what sectors hold is not needed any more: what they read as then is not known. Result: sectors.
        DiscardSectors = 36, block None, {
            /// First sector.
            sector: u64 = arguments[0],
            /// How many, at least 1.
            sectors: u32 = arguments[1],
        }
        /// Tells what the partition is. Results: its sectors, and [`crate::disk::Properties`].
        DescribeDisk = 37, block None, {}
    }

    /// A partition as it is, for a program that lays out its data itself, in units of [`crate::block::BLOCK_SIZE`] bytes.
    interface Blocks as BlocksCall {
        /// Tells what the partition is. Results: its blocks, and [`crate::disk::Properties`].
        DescribeBlocks = 48, block None, {}
        /// Reads the partition's blocks from a first one on into as many pages of [blocks](crate::block::BlockList) of the client.
        /// Result: blocks of the partition that were read.
        ReadBlocks = 49, block Written, {
            /// The first block of the partition.
            first: u64 = arguments[0],
        }
        /// Writes the pages of blocks of the client to as many blocks of the partition, from a first one on. Result: blocks of the
        /// partition that were written. They are on stable storage when a later [`Call::FlushBlocks`] has been answered.
        WriteBlocks = 50, block Read, {
            /// The first block of the partition.
            first: u64 = arguments[0],
        }
        /// When it is answered, everything is on stable storage that was written by calls that had been answered when this was
        /// made.
        FlushBlocks = 51, block None, {}
        /// Writes zeroes. Result: blocks written.
        ZeroBlocks = 52, block None, {
            /// The first block of the partition.
            first: u64 = arguments[0],
            /// How many, at least 1.
            blocks: u32 = arguments[1],
        }
        /// Says that what blocks hold is not needed any more: what they read as then is not known. Result: blocks.
        DiscardBlocks = 53, block None, {
            /// The first block of the partition.
            first: u64 = arguments[0],
            /// How many, at least 1.
            blocks: u32 = arguments[1],
        }
    }
}

impl Syscall {
    /// A message without call, fields or block.
    pub const EMPTY: Syscall = Syscall {
        tag: 0,
        call: 0,
        count: 0,
        handle: 0,
        arguments: [0; 4],
        block: NO_BLOCK,
        generation: 0,
    };
}

#[cfg(test)]
mod tests;
