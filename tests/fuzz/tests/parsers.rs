//! What is read from raw bytes, plans apart: an error or a value, never a panic, and a value that was accepted can be used.

use atoll_abi::archive::{self, ARCHIVE_MAGIC};
use atoll_abi::file::{
    Attributes, ENTRY_ALIGNMENT, Entry, LONGEST_NAME, LONGEST_PATH, ListHeader, OpenFlags, Path,
    SHORT_PATH, entries, pack_entry,
};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{
    BlocksCall, DiskCall, FilesCall, NetCall, ProcessCall, Request, SocketsCall,
};
use atoll_abi::message::Payload;
use atoll_abi::name::{NAME_SIZE, Name};
use atoll_abi::plan::ServiceKind;
use atoll_abi::syscall::{Call, Route, Status, Syscall};
use atoll_component_tests::plan::name_of;
use atoll_fuzz::script::spoil;
use atoll_fuzz::{Script, Seen, target};
use zerocopy::{FromBytes, IntoBytes};

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

fn listing(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let names = ["a", "four", "a longer name", ""].map(str::as_bytes);
    let mut packed = Vec::new();
    let mut expected = Vec::new();
    for inode in 0..script.below(5) as u32 {
        let name = script.pick(&names).unwrap_or_default();
        let kind = script.byte();
        let entry = Entry { inode, kind, name };
        let (header, name, padding) = pack_entry(&entry);
        packed.extend([&header[..], name, padding].concat());
        expected.push(entry);
    }
    let header = ListHeader {
        next: [script.raw(), script.raw()],
        entries: expected.len() as u32,
        bytes: packed.len() as u32,
    };
    let right = [header.as_bytes(), &packed].concat();
    let (raw, is_right) = match script.below(4) {
        0 => (bytes.to_vec(), false),
        1 => (spoil(right, &mut script), false),
        _ => (right, true),
    };
    let Ok((found, rest)) = ListHeader::read_from_prefix(&raw) else {
        seen.note("refused");
        return;
    };
    let range = rest.as_ptr_range();
    let all: Vec<Entry<'_>> = entries(rest).collect();
    for entry in &all {
        let name = entry.name.as_ptr_range();
        assert!(entry.name.len() <= LONGEST_NAME);
        assert!(range.start <= name.start && name.end <= range.end);
        seen.note("entry");
    }
    // The padding behind the last one may be missing.
    assert!(all.len() * ENTRY_ALIGNMENT * 2 <= rest.len());
    if is_right {
        assert_eq!((found, all), (header, expected));
        seen.note("accepted");
    }
}

target!(
    listings,
    RUNS,
    600,
    listing,
    ["accepted", "refused", "entry"]
);

fn file_words(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let words =
        std::array::from_fn(|_| script.word(&[0, u64::from_le_bytes(*b"/folder/"), 4096, 4097]));
    let path = Path(words);
    let short = path.bytes();
    assert!(short.len() <= SHORT_PATH && short.last() != Some(&0));
    match Path::short(short) {
        Some(again) => {
            assert_eq!(again, path);
            seen.note("path");
        }
        None => {
            assert!(short.contains(&0));
            seen.note("no path");
        }
    }
    match path.length() {
        Ok(length) => assert!(length <= LONGEST_PATH && length as u64 == words[0]),
        Err(status) => assert_eq!(status, Status::NameTooLong),
    }
    let raw = [script.raw(), script.word(&[1, 2, 7, 8, 1 << 32 | 1])];
    match Attributes::from_raw(raw) {
        Ok(attributes) => {
            assert_eq!(attributes.to_raw(), raw);
            seen.note("attributes");
        }
        Err(status) => {
            assert_eq!(status, Status::Malformed);
            seen.note("no attributes");
        }
    }
    let raw = script.word(&[0, 1, 15, 16]) as u32;
    match OpenFlags::from_raw(raw) {
        Ok(flags) => {
            assert_eq!(flags.bits(), raw);
            seen.note("flags");
        }
        Err(status) => {
            assert_eq!(status, Status::InvalidArgument);
            seen.note("no flags");
        }
    }
}

target!(
    words_of_files,
    RUNS,
    60,
    file_words,
    [
        "path",
        "no path",
        "attributes",
        "no attributes",
        "flags",
        "no flags"
    ]
);

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
        syscall.handle = script.word(&[0, 1, 1 << 16 | 1]) as u32;
        syscall.arguments = name_of("input").to_words();
    }
    if script.once_in(4) {
        syscall.arguments[0] = script.below(8) as u64;
    }
    if script.once_in(2) {
        syscall.arguments[1..].fill(7);
    }
    let known = decoded!(&syscall, seen, ProcessCall: Print Exit BecomeMcp RequestVcores YieldVcore SetAlarm Connect FindRecipient GiveFrame ReturnFrame AwaitFrames)
        + decoded!(&syscall, seen, FilesCall: Open Stat Read Close Write List Truncate Rename Remove MakeFolder Sync Space)
        + decoded!(&syscall, seen, DiskCall: ReadSectors WriteSectors FlushDisk ZeroSectors DiscardSectors DescribeDisk)
        + decoded!(&syscall, seen, BlocksCall: DescribeBlocks ReadBlocks WriteBlocks FlushBlocks ZeroBlocks DiscardBlocks)
        + decoded!(&syscall, seen, NetCall: DescribeNet ReceiveFrame TransmitFrame TransmitFrames AwaitLink)
        + decoded!(&syscall, seen, SocketsCall: DescribeHost Listen Accept ConnectSocket OpenDatagrams ReceiveBytes SendBytes ShutDown CloseSocket SetSocketOption AwaitSockets);
    assert!(known <= 1, "a call belongs to one interface");
}

/// Every call, and one that is refused.
fn every_call() -> Vec<String> {
    let calls = Call::ALL.iter().map(|call| format!("{call:?}"));
    calls.chain(["refused".to_owned()]).collect()
}

// Many, for each of the calls with several fields is to be seen.
target!(calls, 8 * RUNS, 200, call, every_call());
