//! The text of each event, to the byte, as `docs/serial-protocol.md` defines it.

use atoll_abi::event::{AUDIT_RANGES, EVENT_SIZE, Event, Written, write};
use atoll_abi::name::NAME_SIZE;

fn line(event: &Written<'_>) -> String {
    let mut text = String::new();
    write(event, &mut text).unwrap();
    text
}

/// Asserts that an event is written as an object with exactly this inside.
#[track_caller]
fn frozen(event: Written<'_>, inside: &str) {
    assert_eq!(line(&event), format!("@atoll {{{inside}}}\n"));
}

#[test]
fn the_text_of_the_loaders_events_is_frozen() {
    let stage = format_args!("entered");
    frozen(
        Event::Loader { stage },
        r#""event":"loader","stage":"entered""#,
    );
    frozen(
        Event::Plan {
            who: format_args!("root-task 1"),
            plan: format_args!("2x2"),
            fingerprint: format_args!("{:016x}", 0x12ab),
        },
        r#""event":"plan","who":"root-task 1","plan":"2x2","fingerprint":"00000000000012ab""#,
    );
    frozen(
        Event::Refused {
            reason: format_args!("no {}", "HPET"),
        },
        r#""event":"refused","reason":"no HPET""#,
    );
}

#[test]
fn the_text_of_an_instances_events_is_frozen() {
    frozen(
        Event::Instance {
            instance: 1,
            cores: 2,
            smp: true,
            tick_ms: 10,
            memory: (4096, 8192),
        },
        r#""event":"instance","instance":1,"cores":2,"smp":true,"tick_ms":10,"memory":[4096,8192]"#,
    );
    frozen(
        Event::Ready { instance: 0 },
        r#""event":"ready","instance":0"#,
    );
    frozen(
        Event::Done { instance: 3 },
        r#""event":"done","instance":3"#,
    );
    frozen(
        Event::Audit {
            instance: 1,
            frames: &[(0, 4096, "root-task"), (8192, 12288, "process:digest")],
            untyped: &[(1, 2, true), (3, 4, false)],
            ports: &[(1016, 1023, "root-task")],
            last: true,
        },
        r#""event":"audit","instance":1,"frames":[[0,4096,"root-task"],[8192,12288,"process:digest"]],"untyped":[[1,2,true],[3,4,false]],"ports":[[1016,1023,"root-task"]],"last":true"#,
    );
    frozen(
        Event::Audit {
            instance: 0,
            frames: &[],
            untyped: &[],
            ports: &[],
            last: false,
        },
        r#""event":"audit","instance":0,"frames":[],"untyped":[],"ports":[],"last":false"#,
    );
}

#[test]
fn the_text_of_the_events_of_processes_and_clusters_is_frozen() {
    let (process, cluster) = (format_args!("digest"), format_args!("compute"));
    frozen(
        Event::Started {
            process,
            cluster,
            vcores: 2,
        },
        r#""event":"started","process":"digest","cluster":"compute","vcores":2"#,
    );
    frozen(
        Event::Process {
            process,
            cluster,
            vcores: 2,
            status: 3,
        },
        r#""event":"process","process":"digest","cluster":"compute","vcores":2,"status":3"#,
    );
    frozen(
        Event::Channel {
            process,
            service: format_args!("files"),
            vcore: 1,
            sent: 4,
            received: 5,
            doorbells: 2,
            peer_doorbells: u64::MAX,
            poll_budget: 9,
        },
        r#""event":"channel","process":"digest","service":"files","vcore":1,"sent":4,"received":5,"doorbells":2,"peer_doorbells":18446744073709551615,"poll_budget":9"#,
    );
    frozen(
        Event::Budget {
            who: format_args!("server:io"),
            looks: 120,
        },
        r#""event":"budget","who":"server:io","looks":120"#,
    );
    frozen(
        Event::Stopped { cluster },
        r#""event":"stopped","cluster":"compute""#,
    );
    let (who, reason) = (format_args!("server:io"), format_args!("page"));
    frozen(
        Event::Fault { who, reason },
        r#""event":"fault","who":"server:io","reason":"page""#,
    );
    frozen(
        Event::Restarted {
            who: format_args!("service:files"),
            generation: 2,
        },
        r#""event":"restarted","who":"service:files","generation":2"#,
    );
    frozen(
        Event::Down {
            who: format_args!("driver:disk0"),
            restarts: 3,
        },
        r#""event":"down","who":"driver:disk0","restarts":3"#,
    );
    frozen(
        Event::Panic { who, reason },
        r#""event":"panic","who":"server:io","reason":"page""#,
    );
}

#[test]
fn no_text_can_break_the_line() {
    frozen(
        Event::Refused {
            reason: format_args!("a \"quote\", a \\ and a\nline"),
        },
        r#""event":"refused","reason":"a \"quote\", a \\ and a\nline""#,
    );
}

#[test]
fn the_longest_audit_fits() {
    let name = "n".repeat("process:".len() + NAME_SIZE);
    let held = [(u64::MAX, u64::MAX, name.as_str()); AUDIT_RANGES];
    let text = line(&Event::Audit {
        instance: usize::MAX,
        frames: &held,
        untyped: &[(u64::MAX, u64::MAX, false); AUDIT_RANGES],
        ports: &held,
        last: false,
    });
    assert!(text.starts_with(r#"@atoll {"event":"audit","#), "{text}");
}

#[test]
fn an_event_that_does_not_fit_is_told_as_a_panic() {
    let long = "x".repeat(EVENT_SIZE);
    frozen(
        Event::Refused {
            reason: format_args!("{long}"),
        },
        r#""event":"panic","who":"serial port","reason":"an event is longer than 4096 bytes""#,
    );
}
