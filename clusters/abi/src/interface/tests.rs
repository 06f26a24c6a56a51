use super::*;
use crate::message::Payload;
use crate::net::ChecksumPlace;

/// Numbers as they are on the wire. Written out by hand: a row that changes its number must not change this list.
const NUMBERS: [(u16, &str); 51] = [
    (1, "Open"),
    (2, "Stat"),
    (3, "Read"),
    (4, "Close"),
    (5, "Print"),
    (6, "Exit"),
    (7, "BecomeMcp"),
    (8, "RequestVcores"),
    (9, "YieldVcore"),
    (10, "SetAlarm"),
    (11, "Connect"),
    (12, "Write"),
    (13, "List"),
    (14, "Truncate"),
    (15, "Rename"),
    (16, "Remove"),
    (17, "MakeFolder"),
    (18, "Sync"),
    (19, "Space"),
    (32, "ReadSectors"),
    (33, "WriteSectors"),
    (34, "FlushDisk"),
    (35, "ZeroSectors"),
    (36, "DiscardSectors"),
    (37, "DescribeDisk"),
    (48, "DescribeBlocks"),
    (49, "ReadBlocks"),
    (50, "WriteBlocks"),
    (51, "FlushBlocks"),
    (52, "ZeroBlocks"),
    (53, "DiscardBlocks"),
    (64, "FindRecipient"),
    (65, "GiveFrame"),
    (66, "ReturnFrame"),
    (67, "AwaitFrames"),
    (80, "DescribeNet"),
    (81, "ReceiveFrame"),
    (82, "TransmitFrame"),
    (83, "AwaitLink"),
    (84, "TransmitFrames"),
    (96, "DescribeHost"),
    (97, "Listen"),
    (98, "Accept"),
    (99, "ConnectSocket"),
    (100, "OpenDatagrams"),
    (101, "ReceiveBytes"),
    (102, "SendBytes"),
    (103, "ShutDown"),
    (104, "CloseSocket"),
    (105, "SetSocketOption"),
    (106, "AwaitSockets"),
];

#[test]
fn numbers_are_frozen() {
    extern crate std;
    use std::format;
    for raw in 0..=u16::MAX {
        let expected = NUMBERS.iter().find(|(number, _)| *number == raw);
        let found = Call::from_raw(raw).map(|call| format!("{call:?}"));
        assert_eq!(found.as_deref(), expected.map(|(_, name)| *name), "{raw}");
    }
    assert_eq!(Call::ALL.len(), NUMBERS.len());
}

fn handle(raw: u32) -> Handle {
    Handle::from_raw(raw).unwrap()
}

/// The words of a message, written out by hand: tag, `call | count << 16 | handle << 32`, the arguments, and
/// `block | generation << 32`.
fn words(first: u64, arguments: [u64; 4]) -> [u64; 7] {
    let [a, b, c, d] = arguments;
    [0, first, a, b, c, d, 0xffff_ffff]
}

#[test]
fn bytes_are_frozen() {
    let name = Name::new("input").unwrap();
    let input = [0x74_7570_6e69, 0, 0, 0];
    let found = |request: Syscall| request.to_message();
    let text = [0x6968, 0, 0, 0];
    let print = request::Print { text, length: 2 }.encode();
    assert_eq!(found(print), words(2 << 16 | 5, text));
    let exit = request::Exit { status: 9 }.encode();
    assert_eq!(found(exit), words(6, [9, 0, 0, 0]));
    assert_eq!(found(request::BecomeMcp {}.encode()), words(7, [0; 4]));
    let more = request::RequestVcores { count: 3 }.encode();
    assert_eq!(found(more), words(8, [3, 0, 0, 0]));
    assert_eq!(found(request::YieldVcore {}.encode()), words(9, [0; 4]));
    let alarm = request::SetAlarm { nanoseconds: 5 }.encode();
    assert_eq!(found(alarm), words(10, [5, 0, 0, 0]));
    let connect = request::Connect { service: name }.encode();
    assert_eq!(found(connect), words(11, input));
    let (sector, sectors, pool) = (1 << 40, 8, 2);
    let read = request::ReadSectors {
        sector,
        sectors,
        pool,
    };
    assert_eq!(found(read.encode()), words(2 << 32 | 32, [sector, 8, 0, 0]));
    let write = request::WriteSectors {
        sector,
        sectors,
        pool,
    };
    assert_eq!(
        found(write.encode()),
        words(2 << 32 | 33, [sector, 8, 0, 0])
    );
    assert_eq!(found(request::FlushDisk {}.encode()), words(34, [0; 4]));
    let zero = request::ZeroSectors { sector, sectors };
    assert_eq!(found(zero.encode()), words(35, [sector, 8, 0, 0]));
    let discard = request::DiscardSectors { sector, sectors };
    assert_eq!(found(discard.encode()), words(36, [sector, 8, 0, 0]));
    assert_eq!(found(request::DescribeDisk {}.encode()), words(37, [0; 4]));
}

#[test]
fn bytes_of_calls_for_frames_are_frozen() {
    let found = |request: Syscall| request.to_message();
    let process = Name::new("input").unwrap();
    let find = request::FindRecipient { process }.encode();
    assert_eq!(found(find), words(64, [0x74_7570_6e69, 0, 0, 0]));
    let (frame, generation) = (5, 6);
    let give = request::GiveFrame {
        frame,
        generation,
        recipient: 7,
        lease: u64::MAX,
    };
    assert_eq!(found(give.encode()), words(65, [5, 6, 7, u64::MAX]));
    let back = request::ReturnFrame { frame, generation }.encode();
    assert_eq!(found(back), words(66, [5, 6, 0, 0]));
    let wait = request::AwaitFrames { seen: 9 }.encode();
    assert_eq!(found(wait), words(67, [9, 0, 0, 0]));
}

#[test]
fn bytes_of_calls_for_files_are_frozen() {
    let found = |request: Syscall| request.to_message();
    let file = handle(0x0003_0002);
    let of_file = |call: u64, arguments| words(0x0003_0002 << 32 | call, arguments);
    let (offset, length) = (0x1000, 7);
    let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let path = Path::short(b"input").unwrap();
    let open = request::Open { flags, path }.encode();
    assert_eq!(found(open), words(5 << 32 | 1, [0x74_7570_6e69, 0, 0, 0]));
    let stat = request::Stat { file }.encode();
    assert_eq!(found(stat), of_file(2, [0; 4]));
    let read = request::Read {
        file,
        offset,
        length,
    };
    assert_eq!(found(read.encode()), of_file(3, [0x1000, 7, 0, 0]));
    let close = request::Close { file }.encode();
    assert_eq!(found(close), of_file(4, [0; 4]));
    let write = request::Write {
        file,
        offset,
        length,
    };
    assert_eq!(found(write.encode()), of_file(12, [0x1000, 7, 0, 0]));
    let list = request::List {
        folder: file,
        place: 5,
        kind: 6,
    };
    assert_eq!(found(list.encode()), of_file(13, [5, 6, 0, 0]));
    let truncate = request::Truncate { file, length }.encode();
    assert_eq!(found(truncate), of_file(14, [7, 0, 0, 0]));
    let rename = request::Rename { from: 3, to: 4 }.encode();
    assert_eq!(found(rename), words(15, [3, 4, 0, 0]));
    let path = Path::in_block(3);
    let remove = request::Remove { path }.encode();
    assert_eq!(found(remove), words(16, [3, 0, 0, 0]));
    let make = request::MakeFolder { path }.encode();
    assert_eq!(found(make), words(17, [3, 0, 0, 0]));
    assert_eq!(found(request::Sync {}.encode()), words(18, [0; 4]));
    assert_eq!(found(request::Space {}.encode()), words(19, [0; 4]));
}

#[test]
fn bytes_of_calls_for_blocks_are_frozen() {
    let found = |request: Syscall| request.to_message();
    let (first, blocks) = (1 << 33, 7);
    let describe = request::DescribeBlocks {}.encode();
    assert_eq!(found(describe), words(48, [0; 4]));
    let read = request::ReadBlocks { first }.encode();
    assert_eq!(found(read), words(49, [first, 0, 0, 0]));
    let write = request::WriteBlocks { first }.encode();
    assert_eq!(found(write), words(50, [first, 0, 0, 0]));
    assert_eq!(found(request::FlushBlocks {}.encode()), words(51, [0; 4]));
    let zero = request::ZeroBlocks { first, blocks }.encode();
    assert_eq!(found(zero), words(52, [first, 7, 0, 0]));
    let discard = request::DiscardBlocks { first, blocks }.encode();
    assert_eq!(found(discard), words(53, [first, 7, 0, 0]));
}

#[test]
fn bytes_of_calls_for_a_network_are_frozen() {
    let found = |request: Syscall| request.to_message();
    assert_eq!(found(request::DescribeNet {}.encode()), words(80, [0; 4]));
    let receive = request::ReceiveFrame { pool: 2 }.encode();
    assert_eq!(found(receive), words(2 << 32 | 81, [0; 4]));
    let place = ChecksumPlace {
        start: 34,
        offset: 16,
    };
    let transmit = request::TransmitFrame {
        pool: 2,
        length: 60,
        checksum: ChecksumToMake(Some(place)),
    };
    let checksum = 1 << 32 | 16 << 16 | 34;
    assert_eq!(
        found(transmit.encode()),
        words(2 << 32 | 82, [60, checksum, 0, 0])
    );
    let several = request::TransmitFrames {
        pool: 2,
        lengths: FrameLengths {
            each: 1514,
            last: 60,
        },
        checksum: ChecksumToMake(None),
    };
    assert_eq!(
        found(several.encode()),
        words(2 << 32 | 84, [60 << 16 | 1514, 0, 0, 0])
    );
    let link = request::AwaitLink { known: 1 }.encode();
    assert_eq!(found(link), words(83, [1, 0, 0, 0]));
}

#[test]
fn bytes_of_calls_for_sockets_are_frozen() {
    let found = |request: Syscall| request.to_message();
    let socket = handle(0x0003_0002);
    let of_socket = |call: u64, arguments| words(0x0003_0002 << 32 | call, arguments);
    let peer = SocketAddress {
        address: [10, 0, 2, 15],
        port: 80,
    };
    let address = 80 << 32 | 0x0a00_020f;
    assert_eq!(found(request::DescribeHost {}.encode()), words(96, [0; 4]));
    let (port, backlog) = (80, 7);
    let listen = request::Listen { port, backlog }.encode();
    assert_eq!(found(listen), words(80 << 16 | 97, [7, 0, 0, 0]));
    let accept = request::Accept { socket }.encode();
    assert_eq!(found(accept), of_socket(98, [0; 4]));
    let connect = request::ConnectSocket { peer }.encode();
    assert_eq!(found(connect), words(99, [address, 0, 0, 0]));
    let datagrams = request::OpenDatagrams { port }.encode();
    assert_eq!(found(datagrams), words(80 << 16 | 100, [0; 4]));
    let length = 9;
    let receive = request::ReceiveBytes { socket, length }.encode();
    assert_eq!(found(receive), of_socket(101, [9, 0, 0, 0]));
    let send = request::SendBytes {
        socket,
        length,
        to: peer,
    };
    assert_eq!(found(send.encode()), of_socket(102, [9, address, 0, 0]));
    let shut_down = request::ShutDown { socket }.encode();
    assert_eq!(found(shut_down), of_socket(103, [0; 4]));
    let close = request::CloseSocket { socket }.encode();
    assert_eq!(found(close), of_socket(104, [0; 4]));
    let option = request::SetSocketOption {
        socket,
        option: SocketOption::KeepAlive,
        value: 5,
    };
    assert_eq!(found(option.encode()), of_socket(105, [2, 5, 0, 0]));
    assert_eq!(found(request::AwaitSockets {}.encode()), words(106, [0; 4]));
}

#[test]
fn what_was_encoded_is_decoded() {
    let read = request::Read {
        file: handle(1 << 16),
        offset: 4096,
        length: 1,
    };
    assert_eq!(FilesCall::decode(&read.encode()), Ok(FilesCall::Read(read)));
    assert_eq!(ProcessCall::decode(&read.encode()), Err(Status::NotAllowed));
}

#[test]
fn fields_that_make_no_sense_are_refused() {
    let mut stat = request::Stat {
        file: handle(1 << 16),
    }
    .encode();
    stat.handle = 7;
    assert_eq!(FilesCall::decode(&stat), Err(Status::BadHandle));
    let flagged = Syscall {
        call: Call::Open as u16,
        handle: 1 << 4,
        ..Syscall::EMPTY
    };
    assert_eq!(FilesCall::decode(&flagged), Err(Status::InvalidArgument));
    let nameless = Syscall {
        call: Call::Connect as u16,
        ..Syscall::EMPTY
    };
    assert_eq!(ProcessCall::decode(&nameless), Err(Status::InvalidArgument));
    let wide = Syscall {
        call: Call::ReadSectors as u16,
        arguments: [0, 1 << 32, 0, 0],
        ..Syscall::EMPTY
    };
    assert_eq!(DiskCall::decode(&wide), Err(Status::InvalidArgument));
    assert_eq!(FilesCall::decode(&Syscall::EMPTY), Err(Status::UnknownCall));
}

#[test]
fn only_transfers_and_paths_are_given_blocks() {
    for &call in Call::ALL {
        let expected = match call {
            Call::Read | Call::List | Call::ReadSectors | Call::ReadBlocks => BlockUse::Written,
            Call::Open | Call::Rename | Call::Remove | Call::MakeFolder => BlockUse::Read,
            Call::Write | Call::WriteSectors | Call::WriteBlocks => BlockUse::Read,
            Call::ReceiveFrame | Call::ReceiveBytes | Call::AwaitSockets => BlockUse::Written,
            Call::TransmitFrame | Call::TransmitFrames | Call::SendBytes => BlockUse::Read,
            _ => BlockUse::None,
        };
        assert_eq!(call.block_use(), expected, "{call:?}");
    }
}

#[test]
fn triage_is_by_interface() {
    for &call in Call::ALL {
        let expected = match call as u16 {
            1..=4 | 12..=19 => Interface::Files,
            5..=11 | 64..=67 => Interface::Process,
            32..=37 => Interface::Disk,
            80..=84 => Interface::Net,
            96..=106 => Interface::Sockets,
            _ => Interface::Blocks,
        };
        assert_eq!(call.interface(), expected, "{call:?}");
    }
}
