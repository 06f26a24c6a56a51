//! Runs of a stand-in for QEMU: a shell script that writes what a machine would print.

use std::fs;
use std::path::Path;

use atoll_abi::plan::Plan;
use serde_json::{Value, json};
use zerocopy::IntoBytes;

use super::*;
use crate::disk::tests::{Made, tools as disk_tools};
use crate::monitor::tests::GOOD_RUN;
use crate::names::tests::{example, network_tables};
use crate::setup::tests::script;
use crate::tools::Tool;

/// What a run left.
struct Outcome {
    report: Value,
    success: bool,
    folder: tempfile::TempDir,
}

/// Script lines that find each serial file in the arguments: `$serial0`, `$serial1`.
const FIND_SERIAL: &str = r#"
for word in "$@"; do
    case $word in
        file,id=serial0,path=*) serial0=${word#*path=} ;;
        file,id=serial1,path=*) serial1=${word#*path=} ;;
    esac
done
"#;

/// Script lines that print the lines of a run.
fn print(lines: &[(usize, &str)]) -> String {
    let line = |(instance, line): &(usize, &str)| {
        format!("printf '%s\\r\\n' '{line}' >> \"$serial{instance}\"")
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn run(body: &str, options: &[&str]) -> Outcome {
    run_plan(&example(), body, options)
}

fn run_plan(plan: &Plan, body: &str, options: &[&str]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let images = path.join("build/images");
    fs::create_dir_all(&images).unwrap();
    fs::write(path.join("build/plan.bin"), plan.as_bytes()).unwrap();
    fs::write(path.join("build/build-info.json"), r#"{"sel4":"5.0.0"}"#).unwrap();
    fs::write(images.join("modules.list"), "plan.bin\nkernel.elf\n").unwrap();
    for name in ["loader.elf", "plan.bin", "kernel.elf"] {
        fs::write(images.join(name), name).unwrap();
    }
    fs::write(path.join("input"), "one two three").unwrap();
    script(
        path,
        "qemu",
        &format!("echo $$ > {}/pid\n{FIND_SERIAL}\n{body}", path.display()),
    );
    let mut tools = disk_tools();
    tools.found.push(Tool {
        name: "qemu-system-x86_64".to_owned(),
        path: path.join("qemu"),
        version: "7.2.0".to_owned(),
    });
    let report = path.join("report.json");
    let options = boot_options(&report, options);
    let input = options.disk_from.is_none().then(|| path.join("input"));
    let options = BootOptions { input, ..options };
    let files = Files::open(&options).unwrap();
    let code = simulate(
        &path.join("build"),
        files,
        &options,
        Ending::ByItself,
        &tools,
    )
    .unwrap();
    let outcome = Outcome {
        report: serde_json::from_slice(&fs::read(report).unwrap()).unwrap(),
        success: code == ExitCode::SUCCESS,
        folder,
    };
    outcome.assert_gone();
    outcome
}

fn boot_options(report: &Path, words: &[&str]) -> BootOptions {
    use clap::{Args, Command, FromArgMatches};
    let report = report.to_str().unwrap();
    let words = ["run", "--report", report]
        .into_iter()
        .chain(words.iter().copied());
    let command = BootOptions::augment_args(Command::new("run"));
    BootOptions::from_arg_matches(&command.get_matches_from(words)).unwrap()
}

impl Outcome {
    fn verdict(&self) -> &str {
        self.report["verdict"].as_str().unwrap()
    }

    fn first_problem(&self) -> &str {
        self.report["problems"][0].as_str().unwrap()
    }

    /// The stand-in is gone, whatever happened.
    fn assert_gone(&self) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    }
}

#[test]
fn a_good_run_passes_and_leaves_its_logs() {
    let body = print(GOOD_RUN) + "\nexec sleep 60";
    let outcome = run(&body, &["--idle", "1"]);
    assert_eq!(outcome.verdict(), "pass", "{}", outcome.report);
    assert!(outcome.success);
    assert_eq!(outcome.report["versions"]["sel4"], "5.0.0");
    assert_eq!(outcome.report["digest"]["bytes"], 4097);
    assert!(outcome.report["idle"]["cpu_seconds"].as_f64().unwrap() < 0.5);
    let log = fs::read_to_string(outcome.folder.path().join("serial-io.log")).unwrap();
    assert!(log.lines().all(|line| line.starts_with("io: ")), "{log}");
    assert!(log.contains("io: [io] server is up\n"), "{log}");
}

/// Script lines of a good run that keep the disk.
fn keep_disk() -> String {
    format!(
        "for word in \"$@\"; do case $word in *format=raw*) cp \"${{word#*file=}}\" \"$(dirname $0)/disk\" ;; esac; done\n{}\nexec sleep 60",
        print(GOOD_RUN)
    )
}

impl Outcome {
    /// What a file of the disk's volume holds.
    fn on_disk(&self, path: &str) -> String {
        let disk = Made::at(self.folder.path().join("disk"), 512);
        disk.file_system("files").read_to_string(path).unwrap()
    }
}

#[test]
fn the_disk_holds_the_input() {
    let outcome = run(&keep_disk(), &[]);
    assert_eq!(outcome.on_disk("/input"), "one two three");
}

#[test]
fn the_disk_holds_a_folder_and_the_input() {
    let content = tempfile::tempdir().unwrap();
    let folder = content.path();
    fs::create_dir(folder.join("inner")).unwrap();
    fs::write(folder.join("inner/file"), "inner").unwrap();
    let options = ["--disk-from", folder.to_str().unwrap()];
    let outcome = run(&keep_disk(), &options);
    assert_eq!(outcome.on_disk("/inner/file"), "inner");
    assert!(outcome.on_disk("/input").len() > 20_000);

    fs::write(folder.join("input"), "the folder's own").unwrap();
    let outcome = run(&keep_disk(), &options);
    assert_eq!(outcome.on_disk("/input"), "the folder's own");
    let input = fs::canonicalize(folder).unwrap().join("input");
    assert_eq!(outcome.report["input"], input.to_str().unwrap());
}

#[test]
fn the_report_names_the_ports_that_led_into_the_machine() {
    assert_eq!(run("exit 1", &[]).report["forwarded"], json!([]));
    let plan = network_tables().encode();
    let body =
        "for word in \"$@\"; do case $word in user,*) echo \"$word\" >&2 ;; esac; done; exit 1";
    let outcome = run_plan(&plan, body, &["--forward", "0:80", "--forward-udp", "0:53"]);
    let forwarded = &outcome.report["forwarded"];
    let [tcp, udp] = [0, 1].map(|index| forwarded[index]["host"].as_u64().unwrap());
    let expected = json!([
        {"protocol": "tcp", "host": tcp, "guest": 80},
        {"protocol": "udp", "host": udp, "guest": 53},
    ]);
    assert_eq!(*forwarded, expected);
    let told =
        format!("user,id=net1,hostfwd=tcp:127.0.0.1:{tcp}-:80,hostfwd=udp:127.0.0.1:{udp}-:53");
    let problem = outcome.first_problem();
    assert!(problem.contains(&told), "{problem}");
}

#[test]
fn a_report_in_the_folder_of_the_disk_is_refused() {
    let content = tempfile::tempdir().unwrap();
    let folder = content.path();
    let options = ["--disk-from", folder.to_str().unwrap()];
    let options = boot_options(&folder.join("report.json"), &options);
    let text = format!("{:#}", Files::open(&options).err().unwrap());
    assert!(text.contains("name a report in another folder"), "{text}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn a_machine_that_says_nothing_did_not_boot() {
    let outcome = run("exec sleep 60", &["--silence-limit", "1"]);
    assert_eq!(outcome.verdict(), "no-boot");
    assert!(!outcome.success);
}

#[test]
fn a_machine_that_stops_talking_is_silent() {
    let body = print(&GOOD_RUN[..5]) + "\nexec sleep 60";
    let outcome = run(&body, &["--silence-limit", "1"]);
    assert_eq!(outcome.verdict(), "silent");
    assert!(!outcome.success);
}

#[test]
fn a_machine_that_spins_in_silence_hangs() {
    let body = print(&GOOD_RUN[..5]) + "\nwhile :; do :; done";
    assert_eq!(run(&body, &["--silence-limit", "1"]).verdict(), "silent");
    let outcome = run("while :; do :; done", &["--silence-limit", "1"]);
    assert_eq!(outcome.verdict(), "no-boot");
}

#[test]
fn a_machine_that_never_stops_meets_the_time_limit() {
    let body = "while :; do echo again >> \"$serial0\"; sleep 0.1; done";
    let outcome = run(body, &["--time-limit", "1"]);
    assert_eq!(outcome.verdict(), "time-limit");
}

#[test]
fn a_machine_that_ends_early_is_told_with_its_last_words() {
    let outcome = run("echo no such device >&2; exit 1", &[]);
    assert_eq!(outcome.verdict(), "no-boot");
    assert!(
        outcome.first_problem().contains("no such device"),
        "{}",
        outcome.report
    );
    let outcome = run(&(print(&GOOD_RUN[..6]) + "\nexit 0"), &[]);
    assert_eq!(outcome.verdict(), "exited");
    assert_eq!(outcome.report["instances"][0]["name"], "io");
}

#[test]
fn a_panic_ends_the_run_at_once_with_what_follows_it() {
    let body = print(&[
        GOOD_RUN[0],
        (
            0,
            r#"@atoll {"event":"panic","who":"root-task","reason":"x"}"#,
        ),
        (0, "last words"),
    ]) + "\nexec sleep 60";
    let outcome = run(&body, &[]);
    assert_eq!(outcome.verdict(), "panic");
    let log = fs::read_to_string(outcome.folder.path().join("serial-io.log")).unwrap();
    assert!(log.ends_with("io: last words\n"), "{log}");
}

#[test]
fn what_is_owed_is_waited_for_and_then_named() {
    let body = print(&GOOD_RUN[..GOOD_RUN.len() - 1]) + "\nexec sleep 60";
    let outcome = run(&body, &[]);
    assert_eq!(outcome.verdict(), "fail");
    assert_eq!(
        outcome.first_problem(),
        "instance compute did not say that it is done"
    );
}

#[test]
fn a_folder_that_is_not_built_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = BuildFolder::copy(folder.path(), folder.path().join("copy"))
        .err()
        .unwrap();
    let text = format!("{error:#}");
    assert!(text.contains("is no finished build folder"), "{text}");
}
