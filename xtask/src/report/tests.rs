use super::*;
use crate::monitor::tests::{GOOD_RUN, after, restarting};
use crate::names::tests::{example, example_tables};

fn circumstances() -> Circumstances {
    Circumstances {
        versions: Versions {
            sel4: Some("5.0.0".to_owned()),
            ..Versions::default()
        },
        host: Host {
            cores: 2,
            pace: Pace::Together,
        },
        plan_path: "2x2.toml".to_owned(),
        input: "input.txt".to_owned(),
        forwarded: Vec::new(),
        seconds: 1.5,
        idle: None,
    }
}

/// The report of some lines.
pub fn report_of(lines: &[(usize, &str)]) -> Report {
    let plan = example();
    Report::new(&plan, &after(&plan, lines), circumstances())
}

/// The good run with one line replaced by others.
fn altered(part: &str, replacements: &[&'static str]) -> Vec<(usize, &'static str)> {
    let mut lines = Vec::new();
    for &(instance, line) in GOOD_RUN {
        if line.contains(part) {
            lines.extend(replacements.iter().map(|line| (instance, *line)));
        } else {
            lines.push((instance, line));
        }
    }
    assert_ne!(lines, GOOD_RUN);
    lines
}

#[test]
fn a_good_run_makes_a_whole_report() {
    let report = report_of(GOOD_RUN);
    assert_eq!(report.problems, [""; 0]);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["versions"]["sel4"], "5.0.0");
    assert_eq!(json["plan"]["mode"], "per-cluster");
    assert_eq!(json["instances"][0]["name"], "io");
    assert_eq!(json["instances"][1]["clusters"][0], "compute");
    assert_eq!(json["instances"][1]["cores"][0], 2);
    assert_eq!(json["instances"][1]["memory"][0], 0x900_0000);
    assert_eq!(json["instances"][1]["kernel"], "smp");
    assert_eq!(json["instances"][1]["tick_ms"], 2);
    assert_eq!(json["audit"]["verdict"], "ok");
    assert_eq!(json["audit"]["frames"], 1 + 12 + 1 + 1 + 1 + 8 + 64);
    assert_eq!(json["processes"][0]["name"], "digest");
    assert_eq!(json["processes"][0]["vcores"], 2);
    let channels = &json["processes"][0]["channels"];
    assert_eq!(channels[0]["service"], "files");
    assert_eq!(channels[0]["vcore"], 0);
    assert_eq!(channels[0]["sent"], 1);
    assert_eq!(channels[1]["vcore"], 1);
    assert_eq!(channels[1]["received"], 4);
    assert_eq!(channels[1]["doorbells"], 2);
    assert_eq!(channels[1]["peer_doorbells"], 3);
    assert_eq!(json["digest"]["sha256"], "00ff");
    assert_eq!(json["digest"]["words"], 3);
}

#[test]
fn a_status_other_than_zero_fails() {
    let lines = altered(
        r#""event":"process""#,
        &[
            r#"@atoll {"event":"process","process":"digest","cluster":"compute","vcores":2,"status":3}"#,
        ],
    );
    let report = report_of(&lines);
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.problems, ["process digest ended with status 3"]);
}

#[test]
fn no_digest_fails() {
    let report = report_of(&altered("result", &[]));
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.problems, ["no process reported a digest"]);
}

#[test]
fn processes_that_disagree_fail() {
    let mut tables = example_tables();
    tables.processes.push(atoll_abi::plan::Process {
        name: atoll_abi::name::Name::new("digest-aux").unwrap(),
        services: 0,
        ..tables.processes[0]
    });
    let plan = tables.encode();
    let mut lines = GOOD_RUN.to_vec();
    lines.push((
        1,
        r#"@atoll {"event":"process","process":"digest-aux","cluster":"compute","vcores":1,"status":0}"#,
    ));
    let agreeing = r#"[digest-aux] result {"bytes":4097,"lines":2,"words":3,"sha256":"00ff"}"#;
    let disagreeing = r#"[digest-aux] result {"bytes":4097,"lines":2,"words":4,"sha256":"00ff"}"#;
    for (line, verdict) in [(agreeing, Verdict::Pass), (disagreeing, Verdict::Fail)] {
        lines.push((1, line));
        let report = Report::new(&plan, &after(&plan, &lines), circumstances());
        assert_eq!(report.verdict, verdict, "{:?}", report.problems);
        lines.pop();
    }
}

#[test]
fn a_violation_of_the_audit_fails() {
    let report = report_of(&altered(
        "[[402702336,402706432,\"server:compute\"]",
        &[
            r#"@atoll {"event":"audit","instance":1,"frames":[[402653184,402669568,"process:digest"]],"untyped":[],"ports":[],"last":true}"#,
        ],
    ));
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(report.audit.verdict, "violations");
    assert!(report.problems[0].starts_with("audit: compute: process:digest holds 0x18000000"));
}

#[test]
fn an_instance_that_is_not_as_planned_fails() {
    let report = report_of(&altered(
        r#""event":"instance","instance":1"#,
        &[
            r#"@atoll {"event":"instance","instance":1,"cores":1,"smp":false,"tick_ms":10,"memory":[0,285212672]}"#,
        ],
    ));
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(
        report.problems,
        [
            "instance compute says cores 1, the plan 2",
            "instance compute says smp false, the plan true",
            "instance compute says tick_ms 10, the plan 2",
            "instance compute says memory 0x0-0x11000000, the plan 0x9000000-0x11000000",
        ]
    );
}

#[test]
fn a_failure_is_the_first_problem() {
    let mut lines = GOOD_RUN[..6].to_vec();
    lines.push((
        0,
        r#"@atoll {"event":"panic","who":"root-task","reason":"no memory"}"#,
    ));
    let report = report_of(&lines);
    assert_eq!(report.verdict, Verdict::Panic);
    assert_eq!(report.audit.verdict, "incomplete");
    assert_eq!(report.problems[0], "root-task panicked: no memory");
    assert_eq!(serde_json::to_value(&report).unwrap()["verdict"], "panic");
}

#[test]
fn what_is_owed_at_the_end_fails() {
    let report = report_of(&GOOD_RUN[..GOOD_RUN.len() - 1]);
    assert_eq!(report.verdict, Verdict::Fail);
    assert_eq!(
        report.problems,
        ["instance compute did not say that it is done"]
    );
}

#[test]
fn a_fault_fails_unless_its_component_was_started_again() {
    let plan = restarting();
    let fault = r#"@atoll {"event":"fault","who":"service:files","reason":"page"}"#;
    let restarted = r#"@atoll {"event":"restarted","who":"service:files","generation":2}"#;
    let down = r#"@atoll {"event":"down","who":"service:files","restarts":3}"#;
    let report = |said: &[&'static str]| {
        let mut lines = GOOD_RUN.to_vec();
        lines.extend(said.iter().map(|line| (0, *line)));
        Report::new(&plan, &after(&plan, &lines), circumstances())
    };
    let recovered = report(&[fault, restarted]);
    assert_eq!(recovered.problems, [""; 0]);
    assert_eq!(recovered.verdict, Verdict::Pass);
    let json = serde_json::to_value(&recovered).unwrap();
    assert_eq!(
        json["restarts"],
        serde_json::json!([{"who": "service:files", "generation": 2}])
    );
    let lost = report(&[fault, restarted, fault, down]);
    assert_eq!(lost.verdict, Verdict::Fault);
    assert_eq!(lost.problems, ["service:files faulted: page"]);
    assert_eq!(lost.down, ["service:files"]);
    assert_eq!(report(&[down]).verdict, Verdict::Pass);
}
