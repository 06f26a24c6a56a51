//! Components that stop, hang or wear out under load, and all other components go on.

use serde_json::{Value, json};

use crate::report::{plan, result, statuses};
use crate::{Context, Test, TestResult, check, inputs};

/// The exit status of a process that was stopped.
const FAULTED: u64 = 139;

/// How often the process `operator` stops each of its components, which its source names too.
const ROUNDS: u64 = 3;

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "restart-2x2",
            "server, service, driver and a process are stopped under load, each starts again, and no call is unaccounted for",
            |context| restart(context, "restart-2x2"),
        ),
        Test::new(
            "restart-4x1",
            "the same on kernels of one core",
            |context| restart(context, "restart-4x1"),
        ),
        Test::new(
            "worn",
            "a service that stops too often stays down, and everything else goes on",
            worn,
        ),
        Test::new(
            "held",
            "calls to a service that hangs end by their deadlines",
            held,
        ),
        Test::new(
            "late-start",
            "what hangs in its start is started again until it stays down, and everything else goes on",
            late_start,
        ),
        Test::new(
            "asleep",
            "a vcore that gave itself back until an alarm is woken when its server has died meanwhile",
            asleep,
        ),
        Test::new(
            "stranded",
            "a process that a server was to end ends when the server stays down",
            stranded,
        ),
        Test::new(
            "awake",
            "a server that never sleeps ends a process that is stopped, and starts it again",
            awake,
        ),
    ]
}

/// The generations in which a component of a report was started again.
fn generations(report: &Value, who: &str) -> Vec<u64> {
    let restarts = report["restarts"].as_array().into_iter().flatten();
    restarts
        .filter(|it| it["who"] == who)
        .filter_map(|it| it["generation"].as_u64())
        .collect()
}

fn restart(context: &Context, name: &str) -> TestResult {
    let folder = context.folder(name)?;
    let input = inputs::write(&folder, &inputs::random(100_000))?;
    let report = context.run_well(&plan(name), &input, &folder)?;
    // Each stop is the end of one life and the beginning of another.
    for who in [
        "server:io",
        "service:files",
        "driver:disk0",
        "process:victim",
    ] {
        let mut generations = generations(&report, who).into_iter();
        let followed = generations.by_ref().take(ROUNDS as usize).eq(2..2 + ROUNDS);
        // The driver starts again with its service, too.
        check!(
            followed && (who == "driver:disk0" || generations.next().is_none()),
            "the lives of {who}: {}",
            report["restarts"]
        );
    }
    check!(
        report["down"] == json!([]),
        "what stays down: {}",
        report["down"]
    );
    let stops = result(&report, "operator");
    check!(*stops == json!({"stops": 4 * ROUNDS}), "operator: {stops}");
    let expected = inputs::expected(&input)?;
    for process in ["client", "neighbour", "victim"] {
        let said = result(&report, process);
        check!(
            said["bytes"] == expected["bytes"] && said["sha256"] == expected["sha256"],
            "{process} read something else: {said}"
        );
        let count = |name: &str| said[name].as_u64().unwrap_or(0);
        check!(
            count("made") == count("done") + count("lost"),
            "the account of {process} does not agree: {said}"
        );
        // The last life of the victim begins when nothing more is stopped.
        check!(
            count("done") > 0 && (count("lost") > 0 || process == "victim"),
            "nothing was in flight: {said}"
        );
    }
    let ended = ["client", "neighbour", "operator", "victim"].map(|name| json!([name, 0]));
    check_all_ended(&report, &ended)
}

/// A process that restarts has one line for each of its lives: all of the given ends are among them.
fn check_all_ended(report: &Value, expected: &[Value]) -> TestResult {
    let found = statuses(report);
    check!(
        expected.iter().all(|it| found.contains(it)),
        "the processes ended as {found:?}"
    );
    Ok(())
}

fn worn(context: &Context) -> TestResult {
    let folder = context.folder("worn")?;
    let input = inputs::write(&folder, b"text")?;
    let report = context.run_well(&plan("worn"), &input, &folder)?;
    check!(
        report["down"] == json!(["service:files"]),
        "what stays down: {}",
        report["down"]
    );
    let said = result(&report, "wearer");
    check!(*said == json!({"lost": 20}), "wearer: {said}");
    check_all_ended(&report, &[json!(["wearer", 0])])
}

fn held(context: &Context) -> TestResult {
    let folder = context.folder("held")?;
    let input = inputs::write(&folder, &inputs::text(10_000))?;
    let report = context.run_well(&plan("held"), &input, &folder)?;
    let said = result(&report, "holder");
    check!(*said == json!({"late": 17}), "holder: {said}");
    check_all_ended(&report, &[json!(["holder", 0])])
}

fn late_start(context: &Context) -> TestResult {
    let folder = context.folder("late-start")?;
    let input = inputs::write(&folder, b"text")?;
    let (ended, report) = context.run(&plan("late-start"), &input, &folder, &[])?;
    // Each is stopped once and hangs once, and so its third life is the one that works.
    for (who, expected) in [
        ("server:io", vec![2, 3]),
        ("service:files", vec![2, 3, 4]),
        ("driver:disk0", vec![2, 3]),
        ("process:late", vec![2]),
        ("process:stuck", vec![2]),
    ] {
        let found = generations(&report, who);
        check!(
            found == expected,
            "the lives of {who}: {found:?}: {}",
            ended.shown()
        );
    }
    let mut down: Vec<_> = report["down"].as_array().into_iter().flatten().collect();
    down.sort_by_key(|it| it.to_string());
    check!(
        down == [&json!("process:stuck"), &json!("service:files")],
        "what stays down: {down:?}"
    );
    // What stays down is a fault of the run, and nothing else is.
    check!(report["verdict"] == "fault", "{}", report["verdict"]);
    let found = statuses(&report);
    check!(
        found
            == [
                json!(["hanger", 0]),
                json!(["late", 0]),
                json!(["stuck", FAULTED])
            ],
        "the processes ended as {found:?}: {}",
        ended.shown()
    );
    for (process, expected) in [
        ("hanger", json!({"lost": 20})),
        ("late", json!({"generation": 2})),
    ] {
        let said = result(&report, process);
        check!(*said == expected, "{process}: {said}");
    }
    Ok(())
}

fn asleep(context: &Context) -> TestResult {
    let folder = context.folder("asleep")?;
    let input = inputs::write(&folder, b"text")?;
    let report = context.run_well(&plan("asleep"), &input, &folder)?;
    check!(
        generations(&report, "server:io") == [2],
        "the lives of the server: {}",
        report["restarts"]
    );
    let said = result(&report, "sleeper");
    check!(*said == json!({"slept": true}), "sleeper: {said}");
    check_all_ended(&report, &[json!(["sleeper", 0])])
}

fn stranded(context: &Context) -> TestResult {
    let folder = context.folder("stranded")?;
    let input = inputs::write(&folder, b"text")?;
    let (ended, report) = context.run(&plan("stranded"), &input, &folder, &[])?;
    let found = statuses(&report);
    check!(
        found == [json!(["stranded", FAULTED]), json!(["strander", 0])],
        "the processes ended as {found:?}: {}",
        ended.shown()
    );
    // A process without server is not started again.
    check!(
        report["down"] == json!(["server:io", "process:stranded"]),
        "what stays down: {}",
        report["down"]
    );
    Ok(())
}

fn awake(context: &Context) -> TestResult {
    let folder = context.folder("awake")?;
    let input = inputs::write(&folder, b"text")?;
    let report = context.run_well(&plan("awake"), &input, &folder)?;
    let restarts = &report["restarts"];
    check!(
        *restarts == json!([{"who": "process:stranded", "generation": 2}]),
        "what was started again: {restarts}"
    );
    check_all_ended(&report, &[json!(["stopper", 0]), json!(["stranded", 0])])
}
