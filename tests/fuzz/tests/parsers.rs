//! What is read from raw bytes, plans apart: an error or a value, never a panic, and a value that was accepted can be used.

use atoll_abi::archive::{self, ARCHIVE_MAGIC};
use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{BlocksCall, DiskCall, FilesCall, ProcessCall, Request};
use atoll_abi::message::Payload;
use atoll_abi::name::{NAME_SIZE, Name};
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Call, Route, Status, Syscall};
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use atoll_component_tests::plan::name_of;
use atoll_fuzz::script::spoil;
use atoll_fuzz::{Script, Seen, target};
use zerocopy::IntoBytes;

const RUNS: usize = 4000;

/// Bytes that are aligned as a page is.
fn aligned(bytes: &[u8]) -> Vec<u64> {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    words.collect()
}

fn volume(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let mut files = [VolumeFile::EMPTY; VOLUME_FILES];
    let blocks = script.mostly(1000, &[0, 1, 16, 1 << 40]);
    let count = script.below(4);
    for file in &mut files[..count] {
        *file = VolumeFile {
            name: name_of("file"),
            first_block: script.mostly(1, &[0, 2, blocks]),
            length: script.mostly(4097, &[0, 1, 4096, blocks.wrapping_mul(4096)]),
        };
    }
    let header = VolumeHeader {
        magic: VOLUME_MAGIC,
        version: VOLUME_VERSION,
        count: script.mostly(count as u64, &[64, 65]) as u32,
        blocks,
        reserved: [0; 5],
        files,
    };
    let raw = match script.below(4) {
        0 => bytes.to_vec(),
        1 => spoil(header.as_bytes().to_vec(), &mut script),
        _ => header.as_bytes().to_vec(),
    };
    let device = script.mostly(blocks, &[blocks, 16, u64::MAX]);
    let Ok(header) = VolumeHeader::parse(&raw, device) else {
        seen.note("refused");
        return;
    };
    seen.note("accepted");
    assert!(header.blocks <= device);
    for file in header.files() {
        let last = file.first_block + file.length.div_ceil(BLOCK_SIZE as u64);
        assert!(file.first_block > 0 && last <= header.blocks);
        seen.note("file");
    }
}

target!(volumes, RUNS, 600, volume, ["accepted", "refused", "file"]);

fn image(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let entries = script.below(4);
    let mut words = vec![ARCHIVE_MAGIC, script.mostly(entries as u64, &[0, u64::MAX])];
    let size = (2 + 6 * entries as u64) * 8 + 64;
    for _ in 0..entries {
        let name = script.pick(&["plan", "root", "other"]).unwrap_or("plan");
        words.extend(name_of(name).to_words());
        words.push(script.mostly(size - 64, &[0, size - 64, size, u64::MAX]));
        words.push(script.mostly(64, &[0, 1, 65, size, u64::MAX]));
    }
    words.extend([7; 8]);
    let raw = match script.below(4) {
        0 => aligned(bytes),
        1 => aligned(&spoil(words.as_bytes().to_vec(), &mut script)),
        _ => words,
    };
    let archive = raw.as_bytes();
    match archive::find(archive, "plan") {
        Some(found) => {
            let range = archive.as_bytes().as_ptr_range();
            assert!(found.len() <= archive.len());
            assert!(range.start <= found.as_ptr() && found.as_ptr_range().end <= range.end);
            seen.note("accepted");
        }
        None => seen.note("refused"),
    }
}

target!(archives, RUNS, 300, image, ["accepted", "refused"]);

fn words(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let raw = script.word(&[0, 1, 13, 14, 1 << 16, 1 << 16 | 1]);
    let all: [bool; 5] = [
        Call::from_raw(raw as u16).is_some_and(|call| call as u16 == raw as u16),
        Route::from_raw(raw as u32).is_some_and(|route| route as u32 == raw as u32),
        Handle::from_raw(raw as u32).is_some_and(|handle| handle.to_raw() == raw as u32),
        ServiceKind::from_raw(raw as u32).is_some_and(|kind| kind as u32 == raw as u32),
        Status::from_raw(raw as u32) as u32 == raw as u32,
    ];
    for known in all {
        seen.note(if known { "accepted" } else { "refused" });
    }
    let mut text = [0; NAME_SIZE];
    let likely = u64::from_le_bytes(*b"input\0\0\0");
    let chunks = text.chunks_exact_mut(8);
    for chunk in chunks {
        chunk.copy_from_slice(&script.word(&[0, 0, likely]).to_le_bytes());
    }
    let words = std::array::from_fn(|word| {
        u64::from_le_bytes(std::array::from_fn(|byte| text[word * 8 + byte]))
    });
    let words = if script.once_in(2) {
        name_of(["input", "a", "0123456789abcdef0123456789abcdef"][script.below(3)]).to_words()
    } else {
        words
    };
    match Name::from_words(words) {
        Some(name) => {
            assert_eq!(
                (name.to_words(), Name::new(name.as_str())),
                (words, Some(name))
            );
            seen.note("name");
        }
        None => seen.note("no name"),
    }
}

target!(
    single_words,
    RUNS,
    60,
    words,
    ["accepted", "refused", "name", "no name"]
);

/// A call as a request, and back: what was decoded is what is encoded again.
fn same<R: Request + PartialEq + std::fmt::Debug>(syscall: &Syscall, request: &R) {
    let again = request.encode();
    assert_eq!(again.call, syscall.call);
    assert_eq!(R::decode(&again).as_ref(), Ok(request));
}

macro_rules! decoded {
    ($syscall:expr, $seen:expr, $calls:ident: $($call:ident)*) => {
        match $calls::decode($syscall) {
            $(Ok($calls::$call(request)) => {
                same($syscall, &request);
                $seen.note(stringify!($call));
                1
            })*
            Err(status) => {
                assert_ne!(status, Status::Done);
                $seen.note("refused");
                0
            }
        }
    };
}

fn call(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let mut syscall = Syscall::from_message(&script.message());
    let call = script.pick(Call::ALL).unwrap_or(Call::Stat);
    syscall.call = script.mostly(call as u64, &[0, 12, 31, 38, 47, 54]) as u16;
    if script.once_in(2) {
        syscall.arguments = name_of("input").to_words();
    }
    if script.once_in(2) {
        syscall.arguments[1..].fill(7);
    }
    let known = decoded!(&syscall, seen, ProcessCall: Print Exit BecomeMcp RequestVcores YieldVcore SetAlarm Connect)
        + decoded!(&syscall, seen, FilesCall: Open Stat Read Close)
        + decoded!(&syscall, seen, DiskCall: ReadSectors WriteSectors FlushDisk ZeroSectors DiscardSectors DescribeDisk)
        + decoded!(&syscall, seen, BlocksCall: DescribeBlocks ReadBlocks WriteBlocks FlushBlocks ZeroBlocks DiscardBlocks);
    assert!(known <= 1, "a call belongs to one interface");
}

target!(
    calls,
    RUNS,
    100,
    call,
    [
        "refused",
        "Print",
        "Connect",
        "Open",
        "Read",
        "Close",
        "ReadSectors",
        "WriteSectors",
        "FlushDisk",
        "ZeroSectors",
        "DiscardSectors",
        "DescribeDisk",
        "DescribeBlocks",
        "ReadBlocks",
        "WriteBlocks",
        "FlushBlocks",
        "ZeroBlocks",
        "DiscardBlocks",
        "SetAlarm"
    ]
);
