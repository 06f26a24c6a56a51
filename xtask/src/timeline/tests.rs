use std::os::unix::fs::FileExt;

use atoll_abi::boot::{CALENDAR, Calendar, READY_PAGE};
use atoll_abi::plan::EncodedPlan;
use atoll_abi::syscall::{Call, Status};
use atoll_abi::timeline::{Channel, Header, Kind, Record, capacity};
use serde_json::Value;
use zerocopy::IntoBytes;

use super::*;
use crate::names::tests::example_tables;

/// Bytes of a window: room for five records, of which four are kept.
const SIZE: u64 = (size_of::<Header>() + 5 * size_of::<Record>()) as u64;

/// Ticks of a microsecond.
const RATE: u64 = 10;

const SERVER: Writer = Writer::Server(1);
const SERVICE: Writer = Writer::Service(0);
const VCORE: Writer = Writer::Vcore {
    process: 0,
    vcore: 1,
};

/// The number of that vcore's connection to the service: the service has the first one.
const CONNECTION: Channel = Channel::Connection(2);

fn plan() -> EncodedPlan {
    let mut tables = example_tables();
    tables.machine.timeline_base = 0x2000;
    tables.machine.timeline_size = SIZE;
    tables.encode()
}

/// A machine's memory, and what its components write.
struct Machine {
    _folder: tempfile::TempDir,
    memory: Memory,
    plan: EncodedPlan,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::in_folder(folder.path());
        let file = std::fs::File::create(memory.path()).unwrap();
        file.set_len(1 << 20).unwrap();
        let calendar = Calendar {
            ticks_per_microsecond: RATE,
            ..Calendar::default()
        };
        let machine = Machine {
            _folder: folder,
            memory,
            plan: plan(),
        };
        machine.put(READY_PAGE + CALENDAR as u64, calendar.as_bytes());
        machine
    }

    fn put(&self, address: u64, bytes: &[u8]) {
        let file = std::fs::File::options()
            .write(true)
            .open(self.memory.path());
        file.unwrap().write_all_at(bytes, address).unwrap();
    }

    /// Has a writer note these in a life that wrote nothing before.
    fn note(&self, writer: Writer, noted: &[(u64, Kind, Channel, [u64; 2])]) {
        let base = self.plan.timeline_window(writer).unwrap();
        for (number, (ticks, kind, channel, [first, second])) in (0..).zip(noted) {
            let record = Record {
                ticks: *ticks,
                what: Record::what(number, *kind, channel.to_raw()),
                first: *first,
                second: *second,
            };
            let place = number % capacity(SIZE);
            let start = size_of::<Header>() as u64 + place * size_of::<Record>() as u64;
            self.put(base + start, record.as_bytes());
        }
        let header = Header {
            written: noted.len() as u64,
            ..Header::default()
        };
        self.put(base, header.as_bytes());
    }

    fn timeline(&self) -> Timeline {
        Timeline::read(&self.plan, &self.memory).unwrap()
    }

    fn events(&self) -> Vec<Value> {
        let text = self.timeline().text(&self.plan).unwrap();
        let mut trace: Value = serde_json::from_str(&text).unwrap();
        match trace["traceEvents"].take() {
            Value::Array(events) => events,
            other => panic!("{other}"),
        }
    }
}

fn own() -> Channel {
    Channel::Connection(0)
}

fn request() -> [u64; 2] {
    [77, Call::Read as u64]
}

fn answer() -> [u64; 2] {
    [77, Status::ReadOnly as u64]
}

#[test]
fn a_call_is_put_together_of_what_both_sides_noted() {
    let machine = Machine::new();
    machine.note(
        VCORE,
        &[
            (100, Kind::Begins, own(), [0; 2]),
            (120, Kind::Sent, CONNECTION, request()),
            (190, Kind::Received, CONNECTION, answer()),
            (200, Kind::Sleeps, own(), [0; 2]),
        ],
    );
    machine.note(
        SERVICE,
        &[
            (140, Kind::Received, CONNECTION, request()),
            (160, Kind::Sent, CONNECTION, answer()),
        ],
    );
    let timeline = machine.timeline();
    let calls = calls::all(&machine.plan, &timeline.tracks);
    let expected = calls::Call {
        client: VCORE,
        provider: SERVICE,
        number: Some(Call::Read as u16),
        made: Some(120),
        taken: Some(140),
        answered: Some(160),
        ended: Some(190),
        status: Some(Status::ReadOnly as u32),
    };
    assert_eq!(calls, [expected]);
    let events = machine.events();
    let flow: Vec<_> = events
        .iter()
        .filter(|it| it["cat"] == "flow")
        .map(|it| (it["ph"].as_str().unwrap(), it["ts"].as_f64().unwrap()))
        .collect();
    // Microseconds since the first thing that was noted.
    assert_eq!(flow, [("s", 2.0), ("t", 4.0), ("t", 6.0), ("f", 9.0)]);
    let span = events.iter().find(|it| it["ph"] == "b").unwrap();
    assert_eq!(
        (&span["name"], &span["args"]["status"]),
        (&"Read".into(), &"ReadOnly".into())
    );
}

#[test]
fn another_life_may_use_a_tag_again() {
    let machine = Machine::new();
    machine.note(
        VCORE,
        &[
            (100, Kind::Sent, CONNECTION, request()),
            (200, Kind::Begins, own(), [0; 2]),
            (210, Kind::Sent, CONNECTION, request()),
            (230, Kind::Received, CONNECTION, answer()),
        ],
    );
    machine.note(
        SERVICE,
        &[
            (110, Kind::Received, CONNECTION, request()),
            (220, Kind::Received, CONNECTION, request()),
            (225, Kind::Sent, CONNECTION, answer()),
        ],
    );
    let calls = calls::all(&machine.plan, &machine.timeline().tracks);
    let times: Vec<_> = calls
        .iter()
        .map(|it| (it.made, it.taken, it.ended))
        .collect();
    assert_eq!(
        times,
        [
            (Some(100), Some(110), None),
            (Some(210), Some(220), Some(230))
        ]
    );
}

#[test]
fn the_oldest_records_are_dropped_and_counted_and_hostile_ones_left_out() {
    let machine = Machine::new();
    let many: Vec<_> = (0..12)
        .map(|number| (1000 + number, Kind::Wakes, own(), [number, 0]))
        .collect();
    machine.note(SERVER, &many);
    // One that names a channel of others, one that is not there, one that is of an earlier lap.
    let base = machine.plan.timeline_window(VCORE).unwrap();
    machine.note(
        VCORE,
        &[
            (10, Kind::Sent, own(), [1, 1]),
            (20, Kind::Sent, Channel::Connection(4000), [1, 1]),
        ],
    );
    machine.put(
        base,
        Header {
            written: u64::MAX,
            ..Header::default()
        }
        .as_bytes(),
    );
    let timeline = machine.timeline();
    let of = |writer| {
        timeline
            .tracks
            .iter()
            .find(|it| it.writer == writer)
            .unwrap()
    };
    let server = &of(SERVER).noted;
    let kept: Vec<u64> = server.records.iter().map(|it| it.ticks).collect();
    assert_eq!((kept, server.dropped), (vec![1008, 1009, 1010, 1011], 8));
    let vcore = &of(VCORE).noted;
    assert_eq!((vcore.records.len(), vcore.senseless), (0, 4));
    assert!(calls::all(&machine.plan, &timeline.tracks).is_empty());
    // Windows that nobody wrote say nothing.
    machine.events();
}

#[test]
fn a_core_is_of_the_one_who_notes_until_it_sleeps() {
    let machine = Machine::new();
    // Server and service of cluster `io` are on its first core.
    let server = Writer::Server(0);
    machine.note(
        server,
        &[
            (20, Kind::Wakes, own(), [0; 2]),
            (30, Kind::Sleeps, own(), [0; 2]),
        ],
    );
    machine.note(
        SERVICE,
        &[
            (10, Kind::Wakes, own(), [0; 2]),
            (50, Kind::Sleeps, own(), [0; 2]),
        ],
    );
    let timeline = machine.timeline();
    let spans = cores::of_cores(&machine.plan, &timeline.tracks);
    let found: Vec<_> = spans[&0]
        .iter()
        .map(|it| (it.start, it.end, it.writer))
        .collect();
    assert_eq!(
        found,
        [(10, 20, SERVICE), (20, 30, server), (30, 50, SERVICE)]
    );
}

#[test]
fn a_machine_that_has_no_clock_has_no_timeline() {
    let machine = Machine::new();
    machine.put(READY_PAGE + CALENDAR as u64, &[0; size_of::<Calendar>()]);
    let refused = Timeline::read(&machine.plan, &machine.memory)
        .err()
        .unwrap();
    assert!(refused.to_string().contains("has no timeline"));
}
