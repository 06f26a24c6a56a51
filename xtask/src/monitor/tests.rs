use atoll_abi::plan::EncodedPlan;

use super::*;
use crate::names::tests::{example, example_tables};

/// What a good run of the example plan prints: instance, and line.
pub const GOOD_RUN: &[(usize, &str)] = &[
    (
        0,
        r#"@atoll {"event":"plan","who":"loader","plan":"2x2","fingerprint":"000000000000002a"}"#,
    ),
    (0, r#"@atoll {"event":"loader","stage":"instance 1"}"#),
    (
        1,
        r#"@atoll {"event":"plan","who":"root-task 1","plan":"2x2","fingerprint":"000000000000002a"}"#,
    ),
    (
        1,
        r#"@atoll {"event":"instance","instance":1,"cores":2,"smp":true,"tick_ms":2,"memory":[150994944,285212672]}"#,
    ),
    (
        0,
        r#"@atoll {"event":"plan","who":"root-task 0","plan":"2x2","fingerprint":"000000000000002a"}"#,
    ),
    (
        0,
        r#"@atoll {"event":"instance","instance":0,"cores":2,"smp":true,"tick_ms":2,"memory":[16777216,150994944]}"#,
    ),
    (0, "[io] server is up"),
    (
        0,
        r#"@atoll {"event":"audit","instance":0,"frames":[[16777216,16781312,"root-task"],[402653184,402702336,"service:files"]],"untyped":[[33554432,67108864,false]],"ports":[],"last":false}"#,
    ),
    (
        0,
        r#"@atoll {"event":"audit","instance":0,"frames":[[4273815552,4273819648,"driver:disk"],[2952921088,2952925184,"driver:disk"]],"untyped":[],"ports":[[1016,1023,"root-task"]],"last":true}"#,
    ),
    (
        1,
        r#"@atoll {"event":"audit","instance":1,"frames":[[402702336,402706432,"server:compute"],[402669568,402702336,"process:digest"],[402706432,402968576,"process:digest"]],"untyped":[],"ports":[],"last":true}"#,
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
        r#"@atoll {"event":"channel","process":"digest","service":"files","vcore":0,"sent":1,"received":1,"doorbells":1,"peer_doorbells":0,"poll_budget":7}"#,
    ),
    (
        1,
        r#"@atoll {"event":"channel","process":"digest","service":"files","vcore":1,"sent":4,"received":4,"doorbells":2,"peer_doorbells":3,"poll_budget":7}"#,
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
            "the channel of vcore 0 of process digest to service files was not reported",
            "the channel of vcore 1 of process digest to service files was not reported"
        ]
    );
    let without_a_channel: Vec<_> = GOOD_RUN
        .iter()
        .copied()
        .filter(|(_, line)| !line.contains(r#""vcore":1"#))
        .collect();
    assert_eq!(
        after(&plan, &without_a_channel).owed(),
        ["the channel of vcore 1 of process digest to service files was not reported"]
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
    assert!(monitor.failure.is_none());
    assert_eq!(monitor.faults[0].text, "process:digest faulted: page");
    // A process that prints the words of a kernel is no kernel.
    assert_eq!(
        after(&plan, &[(1, "[digest] seL4 called fail")]).failure,
        None
    );
}

const FAULT: &str = r#"@atoll {"event":"fault","who":"service:files","reason":"page"}"#;
const RESTARTED: &str = r#"@atoll {"event":"restarted","who":"service:files","generation":2}"#;

/// The example plan, in which the service and the process may be started again.
pub fn restarting() -> EncodedPlan {
    let mut tables = example_tables();
    let restart = Restart {
        times: 3,
        within_ms: 1000,
        ..Restart::default()
    };
    tables.services[0].restart = restart;
    tables.processes[0].restart = restart;
    tables.encode()
}

#[test]
fn a_fault_does_not_end_the_run_where_the_plan_has_a_restart() {
    let (with, without) = (restarting(), example());
    assert!(after(&without, &[(0, FAULT)]).failure.is_some());
    let monitor = after(&with, &[(0, FAULT)]);
    assert_eq!(monitor.failure, None);
    assert_eq!(monitor.faults[0].text, "service:files faulted: page");
}

#[test]
fn a_restart_answers_the_faults_of_its_component_before_it() {
    let plan = restarting();
    let other = r#"@atoll {"event":"fault","who":"process:digest","reason":"page"}"#;
    let monitor = after(&plan, &[(0, FAULT), (1, other), (0, RESTARTED)]);
    let unanswered: Vec<_> = monitor.faults.iter().map(|it| it.who.as_str()).collect();
    assert_eq!(unanswered, ["process:digest"]);
    let restarted = Restarted {
        who: "service:files".to_owned(),
        generation: 2,
    };
    assert_eq!(monitor.restarts, [restarted]);
    let monitor = after(&plan, &[(0, RESTARTED), (0, FAULT)]);
    assert_eq!(monitor.faults.len(), 1);
}

#[test]
fn a_process_that_is_started_again_has_not_ended() {
    let plan = restarting();
    let restarted = r#"@atoll {"event":"restarted","who":"process:digest","generation":2}"#;
    let mut lines = GOOD_RUN.to_vec();
    assert!(after(&plan, &lines).complete());
    lines.push((1, restarted));
    assert!(!after(&plan, &lines).complete());
}

#[test]
fn a_component_that_stays_down_is_noted() {
    let down = r#"@atoll {"event":"down","who":"driver:disk","restarts":3}"#;
    let plan = restarting();
    let monitor = after(&plan, &[(0, down)]);
    assert_eq!(monitor.down, ["driver:disk"]);
    assert!(monitor.failure.is_none() && monitor.problems.is_empty());
}

#[test]
fn events_that_the_plan_does_not_know_are_problems() {
    let plan = example();
    for line in [
        r#"@atoll {"event":"ready","instance":2}"#,
        r#"@atoll {"event":"process","process":"other","cluster":"io","vcores":1,"status":0}"#,
        r#"@atoll {"event":"channel","process":"digest","service":"other","vcore":0,"sent":0,"received":0,"doorbells":0,"peer_doorbells":0,"poll_budget":7}"#,
        r#"@atoll {"event":"channel","process":"digest","service":"files","vcore":2,"sent":0,"received":0,"doorbells":0,"peer_doorbells":0,"poll_budget":7}"#,
        r#"@atoll {"event":"restarted","who":"service:other","generation":2}"#,
        r#"@atoll {"event":"restarted","who":"files","generation":2}"#,
        r#"@atoll {"event":"down","who":"driver:other","restarts":3}"#,
        r#"[other] result {"bytes":1}"#,
    ] {
        assert_eq!(after(&plan, &[(0, line)]).problems.len(), 1, "{line}");
    }
}

#[test]
fn services_and_drivers_have_results_too() {
    let plan = example();
    let disk = plan.devices()[0].name;
    let names = ["digest", "files", disk.as_str()];
    let lines = names.map(|name| format!(r#"[{name}] result {{"n":1}}"#));
    let lines = lines.each_ref().map(|line| (0, line.as_str()));
    let monitor = after(&plan, &lines);
    assert_eq!((monitor.results.len(), monitor.problems.len()), (3, 0));
}

#[test]
fn a_machine_that_runs_another_plan_fails_at_once() {
    let plan = example();
    let told = |who: &str, name: &str, fingerprint: &str| {
        format!(
            r#"@atoll {{"event":"plan","who":"{who}","plan":"{name}","fingerprint":"{fingerprint}"}}"#
        )
    };
    let own = "000000000000002a";
    for other in [
        told("loader", "2x2", "000000000000002b"),
        told("root-task 1", "4x1", own),
    ] {
        let failure = after(&plan, &[(0, &other)]).failure.unwrap();
        assert_eq!(failure.verdict, Verdict::WrongPlan);
        assert!(
            failure.reason.ends_with("build it again"),
            "{}",
            failure.reason
        );
    }
    let monitor = after(&plan, &[(0, &told("loader", "2x2", own))]);
    assert!(monitor.failure.is_none());
    assert_eq!(monitor.booted.fingerprint(&plan), None);
    assert!(monitor.owed()[0].starts_with("root-task 0 did not say which plan"));
    let all = after(&plan, GOOD_RUN);
    assert_eq!(all.booted.fingerprint(&plan).as_deref(), Some(own));
}
