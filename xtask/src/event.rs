//! One line of a serial port, as `docs/serial-protocol.md` defines it.

use serde::Deserialize;
use serde_json::Value;

use crate::names::Key;
use crate::report::Verdict;

/// What begins an event.
const EVENT_PREFIX: &str = "@atoll ";

/// What begins a process's result, after its name.
const RESULT_PREFIX: &str = "result ";

/// What a line has that tells of the end of a system.
const FATAL: [(&str, Verdict); 3] = [
    (r#""event":"refused""#, Verdict::Refused),
    (r#""event":"fault""#, Verdict::Fault),
    (r#""event":"panic""#, Verdict::Panic),
];

/// A range of addresses or ports and who holds it.
pub type Held = (u64, u64, String);

/// A range of untyped memory and whether it is a device's.
pub type Untyped = (u64, u64, bool);

/// An event of the loader or a root task.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Event {
    /// A step of the loader.
    Loader { stage: String },
    /// The loader stopped.
    Refused { reason: String },
    /// A root task has started.
    Instance {
        instance: Key,
        cores: u32,
        smp: bool,
        tick_ms: u32,
        memory: (u64, u64),
    },
    /// What a root task and its children hold; a part of the list unless `last`.
    Audit {
        instance: Key,
        #[serde(default)]
        frames: Vec<Held>,
        #[serde(default)]
        untyped: Vec<Untyped>,
        #[serde(default)]
        ports: Vec<Held>,
        #[serde(default)]
        last: bool,
    },
    /// All components of an instance have started.
    Ready { instance: Key },
    /// A process has started.
    Started {
        process: Key,
        cluster: Key,
        vcores: u32,
    },
    /// A process has ended.
    Process {
        process: Key,
        cluster: Key,
        vcores: u32,
        status: u64,
    },
    /// What one end of a channel counted.
    Channel {
        channel: Key,
        cluster: Key,
        sent: u64,
        received: u64,
        doorbells: u64,
        peer_doorbells: u64,
    },
    /// A fault that nobody handles.
    Fault { who: String, reason: String },
    /// A root task panicked.
    Panic { who: String, reason: String },
    /// The server of a cluster was stopped; those who had calls with it learn so.
    Stopped { cluster: Key },
    /// Every process of an instance has ended.
    Done { instance: Key },
    /// An event that this program does not know.
    #[serde(other)]
    Other,
}

/// One line.
#[derive(Debug, PartialEq)]
pub enum Line<'a> {
    /// An event.
    Event(Event),
    /// A line that begins like an event or result and is none.
    Malformed(String),
    /// A malformed line that tells of the end of the system.
    Fatal(Verdict, String),
    /// What a process has to say for the report.
    Result(&'a str, Value),
    /// Text of a process, server or driver.
    Named(&'a str, &'a str),
    /// Text of the loader, a root task or a kernel.
    Plain(&'a str),
}

impl Line<'_> {
    /// Reads a line.
    pub fn parse(text: &str) -> Line<'_> {
        if let Some(json) = text.strip_prefix(EVENT_PREFIX) {
            return match serde_json::from_str(json) {
                Ok(event) => Line::Event(event),
                Err(error) => {
                    let problem = format!("an event cannot be read ({error}): {text}");
                    // What ends a system must be understood even where its reason broke the line.
                    match FATAL.iter().find(|(mark, _)| json.contains(mark)) {
                        Some((_, verdict)) => Line::Fatal(*verdict, problem),
                        None => Line::Malformed(problem),
                    }
                }
            };
        }
        let Some((name, rest)) = text
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "))
        else {
            return Line::Plain(text);
        };
        match rest.strip_prefix(RESULT_PREFIX) {
            // Text that merely begins with the word is no result.
            Some(json) if json.starts_with('{') => match serde_json::from_str(json) {
                Ok(value) => Line::Result(name, value),
                Err(error) => Line::Malformed(format!("a result cannot be read ({error}): {text}")),
            },
            _ => Line::Named(name, rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read() {
        let line = r#"@atoll {"event":"instance","instance":0,"cores":2,"smp":true,"tick_ms":2,"memory":[4096,8192]}"#;
        let expected = Event::Instance {
            instance: Key::Index(0),
            cores: 2,
            smp: true,
            tick_ms: 2,
            memory: (4096, 8192),
        };
        assert_eq!(Line::parse(line), Line::Event(expected));
        let line = r#"@atoll {"event":"audit","instance":"io","frames":[[0,4096,"root-task"]],"untyped":[[1,2,true]],"ports":[],"last":true}"#;
        let expected = Event::Audit {
            instance: Key::Name("io".to_owned()),
            frames: vec![(0, 4096, "root-task".to_owned())],
            untyped: vec![(1, 2, true)],
            ports: Vec::new(),
            last: true,
        };
        assert_eq!(Line::parse(line), Line::Event(expected));
        let line = r#"@atoll {"event":"something new","x":1}"#;
        assert_eq!(Line::parse(line), Line::Event(Event::Other));
    }

    #[test]
    fn a_process_cannot_forge_an_event() {
        let line = r#"[digest] @atoll {"event":"done","instance":0}"#;
        assert!(matches!(Line::parse(line), Line::Named("digest", _)));
    }

    #[test]
    fn results_and_texts_are_told_apart() {
        assert_eq!(
            Line::parse(r#"[digest] result {"bytes":1}"#),
            Line::Result("digest", json!({"bytes": 1}))
        );
        assert_eq!(
            Line::parse("[digest] result is near"),
            Line::Named("digest", "result is near")
        );
        assert_eq!(Line::parse("Booting"), Line::Plain("Booting"));
        assert_eq!(Line::parse("[torn"), Line::Plain("[torn"));
    }

    #[test]
    fn what_is_torn_is_malformed() {
        assert!(matches!(
            Line::parse(r#"@atoll {"event":"fault","who":"x","reason":"a "quote""}"#),
            Line::Fatal(Verdict::Fault, _)
        ));
        assert!(matches!(
            Line::parse(r#"@atoll {"event":"done","inst"#),
            Line::Malformed(_)
        ));
        assert!(matches!(
            Line::parse(r#"@atoll {"event":"done"}"#),
            Line::Malformed(_)
        ));
        assert!(matches!(
            Line::parse(r#"[digest] result {"bytes":"#),
            Line::Malformed(_)
        ));
    }
}
