//! Someone who knows seL4 works as they are used to.

use std::process::Command;

use serde_json::json;

use crate::context::{expect_pass, read_report};
use crate::{Context, Test, TestResult, check, inputs};

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![Test::new(
        "by-hand",
        "cmake, ninja and simulate by hand give the same answer",
        by_hand,
    )]
}

fn by_hand(context: &Context) -> TestResult {
    let folder = context.folder("by-hand")?;
    // Beside the folder of the test, so that it is built again only where something changed.
    let build = context.scratch.join("by-hand-build");
    let input = inputs::write(&folder, &inputs::text(300_000))?;

    let mut cmake = context.program(&context.cmake);
    cmake
        .args(["-G", "Ninja", "-S", "sel4-config", "-B"])
        .arg(&build)
        .arg("-DATOLL_PLAN=clusters/plans/2x2.toml");
    succeed(context, cmake, &folder)?;
    let mut ninja = context.program(&context.ninja);
    ninja.arg("-C").arg(&build);
    succeed(context, ninja, &folder)?;

    let report = folder.join("report.json");
    let mut simulate = context.program(&build.join("simulate"));
    simulate
        .arg("--input")
        .arg(&input)
        .arg("--report")
        .arg(&report);
    let ended = context.call(simulate, &folder)?;
    let report = read_report(&report, &ended)?;
    expect_pass(&ended, &report)?;
    inputs::check_digest(&report, &input, true)?;

    let folder = context.folder("by-hand-compared")?;
    let same = context.run_well("2x2", &input, &folder)?;
    for key in ["digest", "instances", "processes", "plan"] {
        // The plan's file is each build's own copy.
        let (mut hand, mut ours) = (report[key].clone(), same[key].clone());
        if key == "plan" {
            hand["path"].take();
            ours["path"].take();
        }
        // What each vcore read, and how often it slept meanwhile, is another thing in each run.
        for processes in [&mut hand, &mut ours] {
            let channels = processes.as_array_mut().into_iter().flatten();
            let channels = channels.filter_map(|process| process["channels"].as_array_mut());
            for channel in channels.flatten() {
                *channel = json!([channel["service"], channel["vcore"]]);
            }
        }
        check!(hand == ours, "{key} by hand is {hand}, and by xtask {ours}");
    }
    Ok(())
}

fn succeed(context: &Context, command: Command, folder: &std::path::Path) -> TestResult {
    let ended = context.call(command, folder)?;
    check!(ended.status.success(), "{}", ended.shown());
    Ok(())
}
