//! Processes that test the system from inside, and processes that fail beside one that must not notice.

use atoll_scenarios::script::EXIT_STATUS;
use serde_json::{Value, json};

use crate::context::expect_pass;
use crate::leftovers::check_none;
use crate::report::{channels, plan, result, statuses};
use crate::{Context, Failure, Test, TestResult, check, inputs};

/// Rounds of a process that gives frames, which its source names too.
const FRAME_ROUNDS: u64 = 200;

/// Exit status of a process that took a fault.
const FAULTED: u64 = 139;

/// Calls of the process `storm`, which its source names too; besides, it opens and closes its file.
const STORM: u64 = 1_000_000;

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        Test::new(
            "probe",
            "vcores, calls and capabilities, seen from inside",
            probe,
        ),
        Test::new(
            "attack",
            "processes that fault, panic or end take no other one with them",
            attack,
        ),
        Test::new(
            "frames",
            "frames go from process to process; whoever looks at one that it gave, or kept too long, faults and is named",
            frames,
        ),
        Test::new("hang", "a process that says nothing is noticed", hang),
        Test::new(
            "storm",
            "a million calls cross two kernels and all of them are accounted for",
            storm,
        ),
        Test::new(
            "kernel-entries",
            "a process whose server is awake enters the kernel for no call",
            kernel_entries,
        ),
        Test::new(
            "script",
            "the scenario of all worlds has its expected trace on two kernels",
            script,
        ),
        Test::new(
            "outage",
            "a server is killed with calls in flight, and each of them ends once",
            outage,
        ),
        Test::new(
            "time",
            "sleeps, time-outs and calls that are taken back, on both sides of a channel between kernels",
            |context| time(context, "time"),
        ),
        Test::new(
            "time-shared",
            "the same in two clusters under one kernel",
            |context| time(context, "time-shared"),
        ),
        Test::new(
            "masked",
            "a cluster that masks its doorbell is never rung, and has the time all the same",
            masked,
        ),
    ]
}

fn probe(context: &Context) -> TestResult {
    let folder = context.folder("probe")?;
    let input = inputs::write(&folder, &inputs::text(10_000))?;
    let report = context.run_well(&plan("probe"), &input, &folder)?;
    let vcores = result(&report, "probe-vcores");
    check!(
        *vcores == json!({"vcores": 3, "used": 7, "again": 7}),
        "vcores: {vcores}"
    );
    let calls = result(&report, "probe-calls");
    check!(*calls == json!({"calls": 20}), "calls: {calls}");
    let stacks = result(&report, "probe-stacks");
    check!(
        *stacks == json!({"uthreads": 5, "rounds": 100}),
        "stacks: {stacks}"
    );
    // All slots but the server's notification, the vcore's, its fault endpoint, and its service's notification.
    let slots = &result(&report, "probe-escape")["slots"];
    check!(*slots == 2048 - 4, "slots: {slots}");
    Ok(())
}

fn attack(context: &Context) -> TestResult {
    let folder = context.folder("attack")?;
    let input = inputs::write(&folder, &inputs::text(500_000))?;
    let (ended, report) = context.run(&plan("attack"), &input, &folder, &[])?;
    check!(
        !ended.status.success() && report["verdict"] == "fault",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    let expected = [
        json!(["digest", 0]),
        json!(["probe-exit", 7]),
        json!(["probe-jump", 139]),
        json!(["probe-overrun", 139]),
        json!(["probe-panic", 101]),
        json!(["probe-pool", 139]),
        json!(["probe-steal", 139]),
        json!(["probe-write", 139]),
    ];
    let found = statuses(&report);
    check!(found == expected, "the processes ended as {found:?}");
    let faulted = [
        "probe-jump",
        "probe-overrun",
        "probe-pool",
        "probe-steal",
        "probe-write",
    ];
    for name in faulted {
        let named = format!("process:{name} faulted");
        check!(
            ended.stderr.contains(&named),
            "the fault of {name} is not shown: {}",
            ended.shown()
        );
    }
    inputs::check_digest(&report, &input, true)?;
    check_none(&folder)
}

fn frames(context: &Context) -> TestResult {
    let folder = context.folder("frames")?;
    let input = inputs::write(&folder, b"text")?;
    let (ended, report) = context.run(&plan("frames"), &input, &folder, &[])?;
    check!(
        !ended.status.success() && report["verdict"] == "fault",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    let parts = [
        ("giver", 0),
        ("late", FAULTED),
        ("probe-frame", FAULTED),
        ("taker", 0),
    ];
    let pairs = ["a", "b"];
    let expected = parts
        .iter()
        .flat_map(|(part, status)| pairs.map(|pair| json!([format!("{part}-{pair}"), status])));
    let expected: Vec<Value> = expected.collect();
    let found = statuses(&report);
    check!(found == expected, "the processes ended as {found:?}");
    for pair in pairs {
        let given = &result(&report, &format!("giver-{pair}"))["rounds"];
        let taken = result(&report, &format!("taker-{pair}"));
        check!(
            *given == FRAME_ROUNDS && taken["rounds"] == FRAME_ROUNDS && taken["strange"] == 1,
            "{given} were given, and taken {taken}"
        );
        for part in ["late", "probe-frame"] {
            let who = format!("process:{part}-{pair} faulted: ");
            let line = ended.stderr.lines().find(|line| line.contains(&who));
            let named = line.is_some_and(|line| line.contains("in frame "));
            check!(named, "the fault of {part}-{pair} names no frame: {line:?}");
        }
    }
    check_none(&folder)
}

fn hang(context: &Context) -> TestResult {
    let folder = context.folder("hang")?;
    let input = inputs::write(&folder, b"text")?;
    let (ended, report) = context.run(&plan("hang"), &input, &folder, &["--silence-limit", "4"])?;
    check!(
        !ended.status.success() && report["verdict"] == "silent",
        "the verdict is {}: {}",
        report["verdict"],
        ended.shown()
    );
    check!(
        ended.stderr.contains("last lines"),
        "the last lines are not shown: {}",
        ended.shown()
    );
    check_none(&folder)
}

fn storm(context: &Context) -> TestResult {
    let folder = context.folder("storm")?;
    let input = inputs::write(&folder, b"text")?;
    // As long as a busy host may take; a hang ends sooner, because nothing more is said.
    let (ended, report) = context.run(&plan("storm"), &input, &folder, &["--time-limit", "900"])?;
    expect_pass(&ended, &report)?;
    let said = result(&report, "storm");
    check!(
        said["calls"] == STORM && said["completed"] == STORM && said["wrong"] == 0,
        "storm says {said}"
    );
    let channels = channels(&report, "storm");
    let carried = |what: &str| {
        channels
            .iter()
            .filter_map(|it| it[what].as_u64())
            .sum::<u64>()
    };
    check!(
        channels.len() == 2 && carried("sent") == STORM + 2 && carried("received") == STORM + 2,
        "the channels carried {channels:?}"
    );
    Ok(())
}

/// On a machine that counts instructions, where who is awake depends on nothing outside.
fn kernel_entries(context: &Context) -> TestResult {
    let folder = context.folder("kernel-entries")?;
    let input = inputs::write(&folder, &inputs::text(10_000))?;
    let plan = "tests/bench/plans/apart.toml";
    let (ended, report) = context.run(plan, &input, &folder, &["--count-instructions"])?;
    expect_pass(&ended, &report)?;
    let results = report["results"].as_array().into_iter().flatten();
    let said: Vec<&Value> = results.map(|result| &result["result"]).collect();
    let calls: Vec<_> = said
        .iter()
        .filter(|it| it["kind"] == "asynchronous")
        .collect();
    check!(calls.len() == 6, "what was measured: {said:?}");
    for call in calls {
        check!(
            call["calls"].as_u64() > Some(1000)
                && call["entries"] == 0
                && call["server_entries"] == 0,
            "kernel entries: {call}"
        );
    }
    // A process that calls through the kernel enters it.
    let synchronous = said.iter().find(|it| it["kind"] == "synchronous");
    check!(
        synchronous.is_some_and(|it| it["entries"].as_u64() >= it["calls"].as_u64()),
        "the count of kernel entries: {synchronous:?}"
    );
    Ok(())
}

fn script(context: &Context) -> TestResult {
    let folder = context.folder("script")?;
    // As long as the scenario's file `input`.
    let input = inputs::write(&folder, &inputs::random(2 * 4096 + 513))?;
    let (ended, report) = context.run(&plan("script"), &input, &folder, &[])?;
    let found = statuses(&report);
    check!(
        found == [json!(["here", EXIT_STATUS]), json!(["there", EXIT_STATUS])],
        "the processes ended as {found:?}: {}",
        ended.shown()
    );
    for process in ["here", "there"] {
        let said = result(&report, process);
        check!(said["as_expected"] == true, "{process}: {said}");
    }
    Ok(())
}

fn outage(context: &Context) -> TestResult {
    let folder = context.folder("outage")?;
    let input = inputs::write(&folder, &inputs::text(10_000))?;
    let report = context.run_well(&plan("outage"), &input, &folder)?;
    check!(
        report["stopped"] == json!(["io"]),
        "stopped: {}",
        report["stopped"]
    );
    let said = result(&report, "client");
    let count = |name: &str| said[name].as_u64().unwrap_or(0);
    check!(
        said["wrong"] == 0 && count("made") == count("done") + count("lost"),
        "the client's account does not agree: {said}"
    );
    check!(
        count("done") > 0 && count("lost") > 0,
        "nothing was in flight: {said}"
    );
    check!(
        count("later") > 0 && said["later"] == said["later_lost"],
        "later calls: {said}"
    );
    // The operator has no server that could print for it: its status says that its own calls ended once each.
    let expected = [json!(["client", 0]), json!(["operator", 0])];
    let found = statuses(&report);
    check!(found == expected, "the processes ended as {found:?}");
    Ok(())
}

/// Checks what a process says that has tried sleeps and time-outs, and tells the interrupts that its server has had.
fn check_time(report: &Value, process: &str) -> Result<Option<Value>, Failure> {
    let mut said = result(report, process).clone();
    let interrupts = said
        .as_object_mut()
        .and_then(|said| said.remove("interrupts"));
    let expected = json!({
        "slept": 12, "alone": 10, "cancelled": 4, "in_time": 200, "in_time_or_late": 200
    });
    check!(said == expected, "{process} says {said}");
    Ok(interrupts)
}

fn time(context: &Context, name: &str) -> TestResult {
    let folder = context.folder(name)?;
    let input = inputs::write(&folder, b"text")?;
    let report = context.run_well(&plan(name), &input, &folder)?;
    for process in ["probe-time-near", "probe-time-far"] {
        let interrupts = check_time(&report, process)?;
        check!(
            interrupts.as_ref().and_then(Value::as_u64) > Some(0),
            "its server had no interrupt: {interrupts:?}"
        );
    }
    Ok(())
}

fn masked(context: &Context) -> TestResult {
    let folder = context.folder("masked")?;
    let input = inputs::write(&folder, &inputs::random(1 << 20))?;
    let report = context.run_well(&plan("masked"), &input, &folder)?;
    inputs::check_digest(&report, &input, false)?;
    let channels = channels(&report, "digest");
    let received = channels.iter().filter_map(|it| it["received"].as_u64());
    let received: u64 = received.sum();
    check!(received > 256, "it received {channels:?}");
    let interrupts = check_time(&report, "probe-time")?;
    check!(
        interrupts == Some(json!(0)),
        "the masked cluster was interrupted: {interrupts:?}"
    );
    Ok(())
}
