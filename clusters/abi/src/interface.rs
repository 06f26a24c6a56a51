//! Every call that there is: one row for each, with its number, where its fields travel, what becomes of its block, and
//! which interface it belongs to. Numbers, decoding, triage and the runtime's requests all come from these rows.
//!
//! Who serves an interface is decided by triage: [`Interface::Process`] by the server of the process's own cluster, every
//! other one by a service that the process is connected to.

#[macro_use]
mod define;
mod field;

use crate::file::{OpenFlags, Path};
use crate::handle::Handle;
use crate::name::Name;
use crate::net::{ChecksumToMake, FrameLengths};
use crate::socket::{SocketAddress, SocketOption};
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
        /// Reads into [blocks](crate::block::BlockList). Results: [`Transferred`](crate::block::Transferred), no bytes at the end of the
        /// file. Into blocks of an order above 0 that may be whole pages and less than there is, where the file is in many pieces.
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
        /// Writes from [blocks](crate::block::BlockList). Results: [`Transferred`](crate::block::Transferred). The bytes are on stable storage when a later
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

    /// A network device, as its driver serves it to the one service whose it is. A frame is an Ethernet frame with its header and
    /// without its check sequence.
    interface Net as NetCall {
        /// Tells what the device is. Results: [`crate::net::Properties`].
        DescribeNet = 80, block None, {}
        /// Gives the device a [block](crate::block::BlockList) of order 0 of the client's own pool to receive into, and is answered when
        /// it holds a frame or a part of one. Answers come in the order in which the device received the frames, those of the parts of
        /// one frame one behind another; the device may use blocks in another order than that of the calls. Results:
        /// [`crate::net::Received`].
        ReceiveFrame = 81, block Written, {
            /// The client's own pool: an index into the plan's pools.
            pool: u32 = handle,
        }
        /// Transmits a frame, which fills its [blocks](crate::block::BlockList) from the first one's beginning on. Is answered when the
        /// device reads them no more.
        TransmitFrame = 82, block Read, {
            /// The pool that the blocks are in: an index into the plan's pools.
            pool: u32 = handle,
            /// Bytes of the frame.
            length: u32 = arguments[0],
            /// The checksum that the device makes.
            checksum: ChecksumToMake = arguments[1],
        }
        /// Transmits as many frames as there are [blocks](crate::block::BlockList), all of order 0: each fills its own one from its
        /// beginning on. Is answered when the device reads none of them any more; with an error where the device could not transmit
        /// all of them, and then any others may have been.
        TransmitFrames = 84, block Read, {
            /// The pool that the blocks are in: an index into the plan's pools.
            pool: u32 = handle,
            /// Bytes of the frames.
            lengths: FrameLengths = arguments[0],
            /// The checksum that the device makes in each.
            checksum: ChecksumToMake = arguments[1],
        }
        /// Is answered when the link is not as the client knows it; one of these calls waits at a time, a further one ends with
        /// [`Status::Busy`]. Result: 1 where it is up now, 0 where it is down.
        AwaitLink = 83, block None, {
            /// 1 where the client knows it to be up, 0 where it knows it to be down.
            known: u64 = arguments[0],
        }
    }

    /// Sockets of TCP and UDP over IPv4. A handle is that of a listening socket, a connection, or a socket for datagrams.
    interface Sockets as SocketsCall {
        /// Tells where the host is in its network; where it has to be told itself, is answered when it has been. Results:
        /// [`crate::socket::HostAddress`].
        DescribeHost = 96, block None, {}
        /// Opens a socket at which connections come in. Result: handle.
        Listen = 97, block None, {
            /// The port of TCP.
            port: u16 = count,
            /// Connections that may wait to be accepted.
            backlog: u32 = arguments[0],
        }
        /// Takes the next connection that has come in, when there is one. Results: its handle, and the [`SocketAddress`] of the peer.
        Accept = 98, block None, {
            /// The listening socket.
            socket: Handle = handle,
        }
        /// Connects to a peer. Results: handle of the connection, and its own [`SocketAddress`].
        ConnectSocket = 99, block None, {
            /// The peer.
            peer: SocketAddress = arguments[0],
        }
        /// Opens a socket for datagrams. Results: handle, and its port.
        OpenDatagrams = 100, block None, {
            /// The port of UDP; 0 for one that is free.
            port: u16 = count,
        }
        /// Receives what there is, or waits for it, into [blocks](crate::block::BlockList): of a connection so much of the stream
        /// as there is and the blocks hold, of a socket for datagrams one datagram. Results: of a connection
        /// [`Transferred`](crate::block::Transferred), no bytes at the end of the stream; of a datagram its bytes, and the
        /// [`SocketAddress`] that it is from.
        ReceiveBytes = 101, block Written, {
            /// The connection or socket for datagrams.
            socket: Handle = handle,
            /// Bytes wanted at most.
            length: u32 = arguments[0],
        }
        /// Sends from [blocks](crate::block::BlockList), and is answered when the blocks are not needed any more: all of it is then on
        /// its way or was acknowledged, in the order of the calls of a connection. Results: [`Transferred`](crate::block::Transferred); also where it
        /// fails, of the bytes that were taken before.
        SendBytes = 102, block Read, {
            /// The connection or socket for datagrams.
            socket: Handle = handle,
            /// Bytes of the blocks.
            length: u32 = arguments[0],
            /// Where a datagram goes; [`SocketAddress::NONE`] for a connection.
            to: SocketAddress = arguments[1],
        }
        /// Says to the peer of a connection that nothing more is sent. What it sends itself can still be received.
        ShutDown = 103, block None, {
            /// The connection.
            socket: Handle = handle,
        }
        /// Closes a socket; calls on it that wait end with [`Status::Cancelled`]. What was sent on a connection is still delivered.
        CloseSocket = 104, block None, {
            /// The socket.
            socket: Handle = handle,
        }
        /// Sets an option of a connection, or of a listening socket for the connections that come in afterwards.
        SetSocketOption = 105, block None, {
            /// The socket.
            socket: Handle = handle,
            /// Which.
            option: SocketOption = arguments[0],
            /// What to.
            value: u64 = arguments[1],
        }
        /// Is answered when connections have come in at sockets of the client, or something can be received at them, with which
        /// sockets these are: so one call waits for all of them. In its [block](crate::block::BlockList), which is one of order 0, lie
        /// [`crate::socket::Ready`] entries. A socket is told once, and again when there is something after the next
        /// [`Call::Accept`] or [`Call::ReceiveBytes`] of it has been answered; where such a call waits, it is not told. Result: bytes
        /// of the entries.
        AwaitSockets = 106, block Written, {}
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
