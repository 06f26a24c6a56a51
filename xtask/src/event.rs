//! One line of a serial port, as `docs/serial-protocol.md` defines it.

use atoll_abi::event::{self, EVENT_PREFIX};
use serde_json::Value;

use crate::report::Verdict;

pub use atoll_abi::event::Untyped;

/// What begins a process's result, after its name.
const RESULT_PREFIX: &str = "result ";

/// What a line has that tells of the end of a system.
const FATAL: [(&str, Verdict); 3] = [
    (r#""event":"refused""#, Verdict::Refused),
    (r#""event":"fault""#, Verdict::Fault),
    (r#""event":"panic""#, Verdict::Panic),
];

/// A range of addresses or ports and its holder.
pub type Held = event::Held<String>;

/// An event of the loader or a root task.
pub type Event = event::Event<String, Vec<Held>, Vec<Untyped>>;

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
            instance: 0,
            cores: 2,
            smp: true,
            tick_ms: 2,
            memory: (4096, 8192),
        };
        assert_eq!(Line::parse(line), Line::Event(expected));
        let line = r#"@atoll {"event":"audit","instance":1,"frames":[[0,4096,"root-task"]],"untyped":[[1,2,true]],"ports":[],"last":true}"#;
        let expected = Event::Audit {
            instance: 1,
            frames: vec![(0, 4096, "root-task".to_owned())],
            untyped: vec![(1, 2, true)],
            ports: Vec::new(),
            last: true,
        };
        assert_eq!(Line::parse(line), Line::Event(expected));
    }

    /// Reads what the loader or a root task writes of an event.
    fn read_back(written: &event::Written<'_>) -> Event {
        let mut line = String::new();
        event::write(written, &mut line).unwrap();
        match Line::parse(line.trim_end_matches('\n')) {
            Line::Event(event) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let reason = "a \"quote\", a \\ and a\nline";
        let read = read_back(&event::Event::Refused {
            reason: format_args!("{reason}"),
        });
        let reason = reason.to_owned();
        assert_eq!(read, Event::Refused { reason });

        let read = read_back(&event::Event::Audit {
            instance: 2,
            frames: &[(0, 4096, "root-task"), (8192, 12288, "process:digest")],
            untyped: &[(1, 2, true)],
            ports: &[],
            last: false,
        });
        let expected = Event::Audit {
            instance: 2,
            frames: vec![
                (0, 4096, "root-task".to_owned()),
                (8192, 12288, "process:digest".to_owned()),
            ],
            untyped: vec![(1, 2, true)],
            ports: Vec::new(),
            last: false,
        };
        assert_eq!(read, expected);
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
            Line::parse(r#"@atoll {"event":"something new","x":1}"#),
            Line::Malformed(_)
        ));
        assert!(matches!(
            Line::parse(r#"[digest] result {"bytes":"#),
            Line::Malformed(_)
        ));
    }
}
