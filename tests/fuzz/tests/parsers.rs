//! What is read from raw bytes, and the plan's TOML: an error or a value, never a panic, and a value that was accepted can
//! be used.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use atoll_abi::archive::{self, ARCHIVE_MAGIC};
use atoll_abi::block::BLOCK_SIZE;
use atoll_abi::handle::Handle;
use atoll_abi::interface::{BlocksCall, FilesCall, ProcessCall, Request};
use atoll_abi::message::Payload;
use atoll_abi::name::{NAME_SIZE, Name};
use atoll_abi::plan::{EncodedPlan, Plan, ServiceKind, VECTOR_BASE};
use atoll_abi::syscall::{Call, Route, Status, Syscall};
use atoll_abi::volume::{VOLUME_FILES, VOLUME_MAGIC, VOLUME_VERSION, VolumeFile, VolumeHeader};
use atoll_component_tests::plan::name_of;
use atoll_core::Personality;
use atoll_fuzz::{Script, Seen, target};
use zerocopy::IntoBytes;

const RUNS: usize = 4000;

/// Changes some bytes of something right: a word mostly, to a value that may mean something; or cuts it short.
fn spoil(mut bytes: Vec<u8>, script: &mut Script) -> Vec<u8> {
    for _ in 0..script.below(4) {
        let length = bytes.len() as u64;
        let likely = [
            0,
            1,
            64,
            65,
            length,
            length / 2,
            u64::MAX,
            u64::from(u32::MAX),
        ];
        let width = [1, 4, 8][script.below(3)];
        let value = script.word(&likely).to_le_bytes();
        let place = script.raw() as usize % bytes.len().max(1) / width * width;
        if let Some(place) = bytes.get_mut(place..place + width) {
            place.copy_from_slice(&value[..width]);
        }
    }
    if script.once_in(8) {
        bytes.truncate(script.raw() as usize % (bytes.len() + 1));
    }
    bytes
}

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

/// The plans that are shipped and that hold, as text.
fn good_plans() -> &'static [(String, String)] {
    static GOOD: OnceLock<Vec<(String, String)>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let good = |plan: &&(String, String)| atoll_plan::Plan::from_text(&plan.0, &plan.1).is_ok();
        plans().iter().filter(good).cloned().collect()
    })
}

/// The plans that are shipped, good and bad, as text.
fn plans() -> &'static [(String, String)] {
    static PLANS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    PLANS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clusters/plans");
        let mut paths: Vec<PathBuf> = [folder.join("bad"), folder]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).expect("the folder of plans is there"))
            .map(|entry| entry.expect("an entry can be read").path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        let plans = paths.iter().filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some((name, fs::read_to_string(path).ok()?))
        });
        plans.collect()
    })
}

fn encoded_plan(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    static GOOD: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let good = GOOD.get_or_init(|| {
        let checked = good_plans()
            .iter()
            .filter_map(|(name, text)| atoll_plan::Plan::from_text(name, text).ok());
        checked
            .map(|plan| plan.encode().as_bytes().to_vec())
            .collect()
    });
    let raw = match script.below(4) {
        0 => bytes.to_vec(),
        _ => spoil(good[script.below(good.len())].clone(), &mut script),
    };
    let Some(plan) = EncodedPlan::read(&raw) else {
        seen.note("refused");
        return;
    };
    seen.note("accepted");
    let _ = (plan.pools().len(), plan.devices().len(), VECTOR_BASE);
    for instance in plan.instances() {
        assert!(instance.cores().len() <= instance.cores.len());
    }
    let clusters = plan.clusters();
    for (cluster, index) in clusters.iter().zip(0..) {
        assert!(cluster.cores().len() <= cluster.cores.len());
        assert!(!cluster.name.as_str().is_empty() || cluster.name == Name::EMPTY);
        for channel in plan.channels() {
            let _ = channel.end_of(index);
        }
    }
    // Whatever the plan says, a personality can be made of it.
    let cluster = script.word(&[0, 1, clusters.len() as u64, u64::from(u32::MAX)]) as u32;
    let personality = Box::new(Personality::new(&plan, cluster));
    assert!(personality.next_alarm().is_none());
}

target!(
    encoded_plans,
    1500,
    400,
    encoded_plan,
    ["accepted", "refused"]
);

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

/// Text that is nearly a plan.
fn text(script: &mut Script, bytes: &[u8]) -> String {
    let plans = plans();
    let base = if script.once_in(4) {
        plans
    } else {
        good_plans()
    };
    let (_, text) = &base[script.below(base.len())];
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..script.below(4) {
        let at = script.raw() as usize % lines.len().max(1);
        let Some(line) = lines.get(at).cloned() else {
            continue;
        };
        match script.below(7) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, line),
            2 => {
                let (_, other) = &plans[script.below(plans.len())];
                let other: Vec<&str> = other.lines().collect();
                let picked = script.raw() as usize % other.len().max(1);
                let line = other.get(picked).copied().unwrap_or_default();
                lines.insert(at, line.to_owned());
            }
            3 => lines[at] = with_value(&line, script),
            4 => lines.swap(at, script.raw() as usize % text.lines().count().min(at + 1)),
            5 => {
                let cut = script.raw() as usize % (line.len() + 1);
                let kept = line.get(..cut).unwrap_or_default().to_owned();
                lines[at] = kept + &String::from_utf8_lossy(&bytes[..bytes.len().min(8)]);
            }
            _ => lines[at] = line.replace(['"', '[', '='], ["", "[", "]"][script.below(3)]),
        }
    }
    lines.join(if script.once_in(8) { "\r\n" } else { "\n" })
}

/// A line with another value behind its `=`.
fn with_value(line: &str, script: &mut Script) -> String {
    let Some((key, _)) = line.split_once('=') else {
        return line.to_owned();
    };
    let number = script.word(&[0, 1, 4, 16, 2048, i64::MAX as u64]);
    let value = match script.below(10) {
        0 => number.to_string(),
        1 => format!("-{number}"),
        2 => format!("\"{number} MiB\""),
        3 => format!("[{number}, {}]", script.byte()),
        4 => "[]".to_owned(),
        5 => "\"\"".to_owned(),
        6 => "{ KernelPrinting = 7, x = [1] }".to_owned(),
        7 => "1979-05-27T07:32:00Z".to_owned(),
        8 => format!("\"{}:{}.{}\"", number, script.byte(), script.byte()),
        _ => "\"ä\u{202e}\\u0000 €\"".to_owned(),
    };
    format!("{key}= {value}")
}

fn written_plan(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let text = match script.below(8) {
        0 => String::from_utf8_lossy(bytes).into_owned(),
        _ => text(&mut script, bytes),
    };
    match atoll_plan::Plan::from_text("fuzz.toml", &text) {
        Ok(plan) => {
            seen.note("accepted");
            assert!(!plan.draw().is_empty() && !plan.cmake().is_empty());
            let bytes = plan.encode();
            let encoded = Plan::parse(bytes.as_bytes()).expect("a checked plan is one");
            for cluster in 0..encoded.clusters().len() as u32 {
                let _ = Box::new(Personality::new(encoded, cluster));
            }
        }
        Err(errors) => {
            seen.note("refused");
            assert!(errors.to_string().contains("fuzz.toml"));
        }
    }
}

target!(
    written_plans,
    3000,
    200,
    written_plan,
    ["accepted", "refused"]
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
    syscall.call = script.mostly(call as u64, &[0, 12, 31, 33]) as u16;
    if script.once_in(2) {
        syscall.arguments = name_of("input").to_words();
    }
    if script.once_in(2) {
        syscall.arguments[1..].fill(7);
    }
    let known = decoded!(&syscall, seen, ProcessCall: Print Exit BecomeMcp RequestVcores YieldVcore SetAlarm Connect)
        + decoded!(&syscall, seen, FilesCall: Open Stat Read Close)
        + decoded!(&syscall, seen, BlocksCall: ReadSectors);
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
        "SetAlarm"
    ]
);
