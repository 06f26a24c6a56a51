//! A connection of the web server with a client that sends anything and a volume that answers anything: it ends, holds little, and asks for
//! nothing that it may not.

use atoll_fuzz::script::spoil;
use atoll_fuzz::{Script, Seen, target};
use atoll_web::conditional::Version;
use atoll_web::connection::{Action, Connection, Event, Failure, Found, FoundKind, Settings};
use atoll_web::listing::{Entries, EntryKind};
use atoll_web::metrics::Node;
use atoll_web::request::HEAD_LIMIT;

const RUNS: usize = 4000;

/// Most bytes that come at once.
const PIECE: usize = 4096;

/// Most bytes of an upload.
const MOST_UPLOAD: u64 = 100;

const METHODS: [&[u8]; 8] = [
    b"GET ",
    b"GET ",
    b"HEAD ",
    b"PUT ",
    b"PUT ",
    b"DELETE ",
    b"POST ",
    b"OPTIONS ",
];

const TARGETS: [&[u8]; 14] = [
    b"/files/a",
    b"/files/a",
    b"/files/folder/",
    b"/files/folder/b",
    b"/files/",
    b"/files/../a",
    b"/files/%2e%2e/a",
    b"/files/%2e%2E%2fa",
    b"/files//a",
    b"/files/.uploads/a",
    b"/files/%00",
    b"/metrics.json",
    b"/",
    b"http://a/files/a",
];

const VERSIONS: [&[u8]; 6] = [
    b" HTTP/1.1\r\nHost: a\r\n",
    b" HTTP/1.1\r\nHost: a\r\n",
    b" HTTP/1.1\r\nHost: a\r\n",
    b" HTTP/1.0\r\n",
    b" HTTP/1.1\r\n",
    b" HTTP/2.0\r\n",
];

const FIELDS: [&[u8]; 16] = [
    b"Content-Length: 3\r\n",
    b"Content-Length: 3\r\n",
    b"Content-Length: 101\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Range: bytes=0-1\r\n",
    b"Range: bytes=-18446744073709551615\r\n",
    b"Range: bytes=9-\r\n",
    b"If-None-Match: *\r\n",
    b"If-Match: \"x\"\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Accept: application/json\r\n",
    b"Broken\r\n",
];

const BODIES: [&[u8]; 8] = [
    b"",
    b"abc",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabc\r\n",
    b"64\r\n",
    b"fffffffffffffffff\r\n",
    b"1;x=y\r\na\r\n0\r\nA: b\r\n\r\n",
    b"\r\n",
];

/// Names of a folder's entries.
const NAMES: [&[u8]; 6] = [b"a", b"<b>", b"..", b"\xff", b"", b".uploads"];

const FAILURES: [Failure; 8] = [
    Failure::NotFound,
    Failure::NotAFolder,
    Failure::IsAFolder,
    Failure::NotEmpty,
    Failure::ReadOnly,
    Failure::Full,
    Failure::Busy,
    Failure::Other,
];

/// What the server's volume is to the one who carries actions out.
#[derive(Default)]
struct World {
    /// Length of the file that is open.
    open: Option<u64>,
    /// Bytes that were written into the file that has no name yet.
    upload: Option<u64>,
}

/// A path leads down from the root, and nowhere out of it.
fn check_path(path: &str) {
    assert!(path.starts_with('/'), "{path:?}");
    let climbs = |part: &str| part == "." || part == "..";
    assert!(
        !path.split('/').any(climbs) && !path.contains('\0'),
        "{path:?}"
    );
}

/// A request, or what is nearly one.
fn request(script: &mut Script<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in [&METHODS[..], &TARGETS, &VERSIONS] {
        bytes.extend(script.pick(part).unwrap_or_default());
    }
    for _ in 0..script.below(4) {
        bytes.extend(script.pick(&FIELDS).unwrap_or_default());
    }
    bytes.extend(b"\r\n");
    bytes.extend(script.pick(&BODIES).unwrap_or_default());
    match script.below(16) {
        0 => bytes = spoil(bytes, script),
        1 => bytes.extend(vec![script.byte(); 40 * script.below(256)]),
        2 => bytes.insert(script.below(bytes.len()), script.byte()),
        _ => {}
    }
    bytes
}

/// What comes at once: some requests, the last one cut anywhere.
fn piece(script: &mut Script<'_>, rest: &mut Vec<u8>) -> Vec<u8> {
    while rest.is_empty() || script.once_in(4) && rest.len() < PIECE {
        rest.extend(request(script));
    }
    let length = match script.below(4) {
        0 => 1 + script.raw() as usize % rest.len(),
        _ => rest.len(),
    };
    rest.drain(..length.min(PIECE)).collect()
}

fn found(script: &mut Script<'_>, world: &mut World) -> Found {
    let kinds = [
        FoundKind::File,
        FoundKind::File,
        FoundKind::Folder,
        FoundKind::Other,
    ];
    let kind = script.pick(&kinds).unwrap_or(FoundKind::Other);
    let length = script.word(&[0, 1, 3, 10, 1 << 20]);
    world.open = (kind == FoundKind::File).then_some(length);
    Found {
        kind,
        version: Version {
            length,
            modified: script.once_in(2).then(|| script.word(&[0, 784_111_777])),
            edition: script.word(&[1]),
        },
    }
}

fn entries(script: &mut Script<'_>) -> Entries {
    let mut entries = Entries::default();
    for _ in 0..script.below(20) {
        let kind = script.pick(&[EntryKind::File, EntryKind::Folder, EntryKind::Other]);
        let name = script.pick(&NAMES).unwrap_or_default();
        entries.push(kind.unwrap_or(EntryKind::Other), name);
    }
    entries
}

fn connection(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let mut connection = Connection::new(Settings {
        most_upload: MOST_UPLOAD,
    });
    if script.once_in(2) {
        connection.set_time(script.word(&[784_111_777]));
    }
    let (mut world, mut rest) = (World::default(), Vec::new());
    let mut action = connection.start();
    // Each action but those that receive follows from what has been received, so that there is an end.
    for _ in 0..100 * (bytes.len() + 10) {
        assert!(connection.buffered() <= HEAD_LIMIT + PIECE);
        let fails = script.once_in(12).then(|| script.pick(&FAILURES)).flatten();
        action = match (action, fails) {
            (Action::End, _) => {
                seen.note("end");
                return;
            }
            (Action::Receive(_), _) => {
                world.open = None;
                match script.is_done() {
                    true => connection.handle(Event::Ended),
                    false if script.once_in(30) => connection.handle(Event::Late),
                    false => connection.handle(Event::Received(&piece(&mut script, &mut rest))),
                }
            }
            (Action::Open(path) | Action::Look(path), None) => {
                check_path(&path);
                seen.note("opened");
                connection.handle(Event::Found(found(&mut script, &mut world)))
            }
            (Action::SendFile { offset, length }, fails) => {
                let whole = world.open.expect("a file is open");
                let end = offset.checked_add(length).expect("it is within the file");
                assert!(length > 0 && end <= whole, "{offset}+{length} of {whole}");
                seen.note("sent a file");
                connection.handle(fails.map_or(Event::Done, Event::Failed))
            }
            (Action::Send(bytes), fails) => {
                assert!(!bytes.is_empty());
                if bytes.starts_with(b"HTTP/1.1 4") {
                    seen.note("refused");
                }
                connection.handle(fails.map_or(Event::Done, Event::Failed))
            }
            (Action::Create, None) => {
                assert_eq!(world.upload.replace(0), None, "one upload at a time");
                connection.handle(Event::Done)
            }
            (Action::Write(bytes), fails) => {
                let written = world.upload.as_mut().expect("there is an upload");
                *written += bytes.len() as u64;
                assert!(*written <= MOST_UPLOAD && !bytes.is_empty());
                connection.handle(fails.map_or(Event::Done, Event::Failed))
            }
            (Action::Commit(path), fails) => {
                check_path(&path);
                assert!(world.upload.take().is_some(), "there is an upload");
                seen.note("stored");
                connection.handle(fails.map_or(Event::Done, Event::Failed))
            }
            (Action::Discard, _) => {
                assert!(world.upload.take().is_some(), "there is an upload");
                seen.note("discarded");
                connection.handle(Event::Done)
            }
            (Action::Remove(path), fails) => {
                check_path(&path);
                assert_ne!(path, "/", "the root stays");
                seen.note("removed");
                connection.handle(fails.map_or(Event::Done, Event::Failed))
            }
            (Action::List, None) => {
                seen.note("listed");
                connection.handle(Event::Listed(&entries(&mut script)))
            }
            (Action::Measure, _) => connection.handle(Event::Measured(&Node::default())),
            (Action::Open(_) | Action::Look(_) | Action::Create | Action::List, Some(failure)) => {
                connection.handle(Event::Failed(failure))
            }
        };
    }
    panic!("the connection does not end");
}

target!(
    connections,
    RUNS,
    400,
    connection,
    [
        "end",
        "opened",
        "sent a file",
        "refused",
        "stored",
        "discarded",
        "removed",
        "listed"
    ]
);
