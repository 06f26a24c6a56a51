use super::*;
use crate::names::tests::example;

/// What a good run of the example plan prints: instance, and line.
pub const GOOD_RUN: &[(usize, &str)] = &[
    (0, r#"@atoll {"event":"loader","stage":"instance 1"}"#),
    (
        1,
        r#"@atoll {"event":"instance","instance":1,"cores":2,"smp":true,"tick_ms":2,"memory":[150994944,285212672]}"#,
    ),
    (
        0,
        r#"@atoll {"event":"instance","instance":0,"cores":2,"smp":true,"tick_ms":2,"memory":[16777216,150994944]}"#,
    ),
    (0, "[io] server is up"),
    (
        0,
        r#"@atoll {"event":"audit","instance":0,"frames":[[16777216,16781312,"root-task"],[402653184,402669568,"server:io"]],"untyped":[[33554432,67108864,false]],"ports":[],"last":false}"#,
    ),
    (
        0,
        r#"@atoll {"event":"audit","instance":0,"frames":[[4273815552,4273819648,"driver:disk"],[2952921088,2952925184,"driver:disk"]],"untyped":[],"ports":[[1016,1023,"root-task"]],"last":true}"#,
    ),
    (
        1,
        r#"@atoll {"event":"audit","instance":1,"frames":[[402653184,402669568,"server:compute"],[402669568,402931712,"process:digest"]],"untyped":[],"ports":[],"last":true}"#,
    ),
    (0, r#"@atoll {"event":"ready","instance":0}"#),
    (1, r#"@atoll {"event":"ready","instance":1}"#),
    (0, r#"@atoll {"event":"done","instance":0}"#),
    (
        1,
        r#"@atoll {"event":"started","process":"digest","cluster":"compute","vcores":2}"#,
    ),
    (1, "[digest] progress 1 of 2 blocks"),
    (
        1,
        r#"[digest] result {"bytes":4097,"lines":2,"words":3,"sha256":"00ff"}"#,
    ),
    (
        1,
        r#"@atoll {"event":"process","process":"digest","cluster":"compute","vcores":2,"status":0}"#,
    ),
    (
        1,
        r#"@atoll {"event":"channel","channel":0,"cluster":"compute","sent":4,"received":4,"doorbells":2,"peer_doorbells":3}"#,
    ),
    (1, r#"@atoll {"event":"done","instance":1}"#),
];

/// A monitor that has seen a run.
pub fn after<'a>(plan: &'a Plan, lines: &[(usize, &str)]) -> Monitor<'a> {
    let mut monitor = Monitor::new(plan);
    for (instance, line) in lines {
        match line.strip_prefix("(kernel) ") {
            Some(said) => monitor.kernel_line(*instance, said),
            None => drop(monitor.line(line)),
        }
    }
    monitor
}

#[test]
fn a_good_run_is_complete_with_its_last_process_and_owes_nothing_at_its_end() {
    let plan = example();
    let ended = GOOD_RUN
        .iter()
        .position(|(_, line)| line.contains(r#""event":"process""#))
        .unwrap();
    assert!(!after(&plan, &GOOD_RUN[..ended]).complete());
    let monitor = after(&plan, &GOOD_RUN[..=ended]);
    assert!(monitor.complete());
    assert_eq!(
        monitor.owed(),
        [
            "instance compute did not say that it is done",
            "cluster compute did not report channel 0"
        ]
    );
    let monitor = after(&plan, GOOD_RUN);
    assert!(monitor.owed().is_empty());
    assert_eq!(monitor.failure, None);
    assert!(monitor.problems.is_empty(), "{:?}", monitor.problems);
    assert_eq!(monitor.instances[0].holdings.frames.len(), 4);
}

#[test]
fn what_a_person_sees() {
    let plan = example();
    let mut monitor = Monitor::new(&plan);
    assert_eq!(monitor.line("[io] up"), Shown::Nothing);
    assert_eq!(
        monitor.line("[digest] hello"),
        Shown::Line("[digest] hello".to_owned())
    );
    assert!(matches!(
        monitor.line("[digest] progress 1"),
        Shown::Note(_)
    ));
    assert!(matches!(monitor.line("@atoll {"), Shown::Line(_)));
    assert_eq!(monitor.problems.len(), 1);
}

#[test]
fn failures_end_the_run_and_the_first_one_counts() {
    let cases = [
        (
            r#"@atoll {"event":"refused","reason":"no HPET"}"#,
            Verdict::Refused,
            "no HPET",
        ),
        (
            r#"@atoll {"event":"fault","who":"server:io","reason":"page"}"#,
            Verdict::Fault,
            "server:io",
        ),
        (
            r#"@atoll {"event":"panic","who":"root-task","reason":"x"}"#,
            Verdict::Panic,
            "root-task",
        ),
        (
            "(kernel) seL4 called fail at file.c:10 in function f, saying \"x\"",
            Verdict::Kernel,
            "kernel of io",
        ),
    ];
    let plan = example();
    for (line, verdict, part) in cases {
        let monitor = after(&plan, &[(0, line), (0, "(kernel) seL4 called fail again")]);
        let failure = monitor.failure.unwrap();
        assert_eq!(failure.verdict, verdict);
        assert!(failure.reason.contains(part), "{}", failure.reason);
    }
    let fault = r#"@atoll {"event":"fault","who":"process:digest","reason":"page"}"#;
    let monitor = after(&plan, &[(0, fault)]);
    assert!(monitor.failure.is_none() && monitor.process_faults);
    assert!(monitor.problems[0].contains("process:digest"));
    // A process that prints the words of a kernel is no kernel.
    assert_eq!(
        after(&plan, &[(1, "[digest] seL4 called fail")]).failure,
        None
    );
}

#[test]
fn events_that_the_plan_does_not_know_are_problems() {
    let plan = example();
    for line in [
        r#"@atoll {"event":"ready","instance":2}"#,
        r#"@atoll {"event":"process","process":"other","cluster":"io","vcores":1,"status":0}"#,
        r#"@atoll {"event":"channel","channel":1,"cluster":"io","sent":0,"received":0,"doorbells":0,"peer_doorbells":0}"#,
        r#"[other] result {"bytes":1}"#,
    ] {
        assert_eq!(after(&plan, &[(0, line)]).problems.len(), 1, "{line}");
    }
}
