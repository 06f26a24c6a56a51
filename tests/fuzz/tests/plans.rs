//! A plan as encoded bytes and as TOML: an error or a plan, never a panic, and a personality can be made of a plan that was
//! accepted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use atoll_abi::name::Name;
use atoll_abi::plan::{EncodedPlan, Plan, VECTOR_BASE};
use atoll_core::Personality;
use atoll_fuzz::script::spoil;
use atoll_fuzz::{Script, Seen, target};
use zerocopy::IntoBytes;

/// The plans that are shipped and that hold, as text.
fn good_plans() -> &'static [(String, String)] {
    static GOOD: OnceLock<Vec<(String, String)>> = OnceLock::new();
    GOOD.get_or_init(|| {
        let good = |plan: &&(String, String)| atoll_plan::Plan::from_text(&plan.0, &plan.1).is_ok();
        plans().iter().filter(good).cloned().collect()
    })
}

/// The plans that are shipped, good and bad, as text.
fn plans() -> &'static [(String, String)] {
    static PLANS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    PLANS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clusters/plans");
        let mut paths: Vec<PathBuf> = [folder.join("bad"), folder]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).expect("the folder of plans is there"))
            .map(|entry| entry.expect("an entry can be read").path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        let plans = paths.iter().filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            Some((name, fs::read_to_string(path).ok()?))
        });
        plans.collect()
    })
}

fn encoded_plan(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    static GOOD: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let good = GOOD.get_or_init(|| {
        let checked = good_plans()
            .iter()
            .filter_map(|(name, text)| atoll_plan::Plan::from_text(name, text).ok());
        checked
            .map(|plan| plan.encode().as_bytes().to_vec())
            .collect()
    });
    let raw = match script.below(4) {
        0 => bytes.to_vec(),
        _ => spoil(good[script.below(good.len())].clone(), &mut script),
    };
    let Some(plan) = EncodedPlan::read(&raw) else {
        seen.note("refused");
        return;
    };
    seen.note("accepted");
    let _ = (plan.pools().len(), plan.devices().len(), VECTOR_BASE);
    for instance in plan.instances() {
        assert!(instance.cores().len() <= instance.cores.len());
    }
    let clusters = plan.clusters();
    for (cluster, index) in clusters.iter().zip(0..) {
        assert!(cluster.cores().len() <= cluster.cores.len());
        assert!(!cluster.name.as_str().is_empty() || cluster.name == Name::EMPTY);
        for channel in plan.channels() {
            let _ = channel.end_of(index);
        }
    }
    // Whatever the plan says, a personality can be made of it.
    let cluster = script.word(&[0, 1, clusters.len() as u64, u64::from(u32::MAX)]) as u32;
    let personality = Box::new(Personality::new(&plan, cluster));
    assert!(personality.next_alarm().is_none());
}

target!(
    encoded_plans,
    1500,
    400,
    encoded_plan,
    ["accepted", "refused"]
);

/// Text that is nearly a plan.
fn text(script: &mut Script, bytes: &[u8]) -> String {
    let plans = plans();
    let base = if script.once_in(4) {
        plans
    } else {
        good_plans()
    };
    let (_, text) = &base[script.below(base.len())];
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for _ in 0..script.below(4) {
        let at = script.raw() as usize % lines.len().max(1);
        let Some(line) = lines.get(at).cloned() else {
            continue;
        };
        match script.below(7) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, line),
            2 => {
                let (_, other) = &plans[script.below(plans.len())];
                let other: Vec<&str> = other.lines().collect();
                let picked = script.raw() as usize % other.len().max(1);
                let line = other.get(picked).copied().unwrap_or_default();
                lines.insert(at, line.to_owned());
            }
            3 => lines[at] = with_value(&line, script),
            4 => lines.swap(at, script.raw() as usize % text.lines().count().min(at + 1)),
            5 => {
                let cut = script.raw() as usize % (line.len() + 1);
                let kept = line.get(..cut).unwrap_or_default().to_owned();
                lines[at] = kept + &String::from_utf8_lossy(&bytes[..bytes.len().min(8)]);
            }
            _ => lines[at] = line.replace(['"', '[', '='], ["", "[", "]"][script.below(3)]),
        }
    }
    lines.join(if script.once_in(8) { "\r\n" } else { "\n" })
}

/// A line with another value behind its `=`.
fn with_value(line: &str, script: &mut Script) -> String {
    let Some((key, _)) = line.split_once('=') else {
        return line.to_owned();
    };
    let number = script.word(&[0, 1, 4, 16, 2048, i64::MAX as u64]);
    let value = match script.below(10) {
        0 => number.to_string(),
        1 => format!("-{number}"),
        2 => format!("\"{number} MiB\""),
        3 => format!("[{number}, {}]", script.byte()),
        4 => "[]".to_owned(),
        5 => "\"\"".to_owned(),
        6 => "{ KernelPrinting = 7, x = [1] }".to_owned(),
        7 => "1979-05-27T07:32:00Z".to_owned(),
        8 => format!("\"{}:{}.{}\"", number, script.byte(), script.byte()),
        _ => "\"ä\u{202e}\\u0000 €\"".to_owned(),
    };
    format!("{key}= {value}")
}

fn written_plan(bytes: &[u8], seen: &Seen) {
    let mut script = Script::new(bytes);
    let text = match script.below(8) {
        0 => String::from_utf8_lossy(bytes).into_owned(),
        _ => text(&mut script, bytes),
    };
    match atoll_plan::Plan::from_text("fuzz.toml", &text) {
        Ok(plan) => {
            seen.note("accepted");
            assert!(!plan.draw().is_empty() && !plan.cmake().is_empty());
            let bytes = plan.encode();
            let encoded = Plan::parse(bytes.as_bytes()).expect("a checked plan is one");
            for cluster in 0..encoded.clusters().len() as u32 {
                let _ = Box::new(Personality::new(encoded, cluster));
            }
        }
        Err(errors) => {
            seen.note("refused");
            assert!(errors.to_string().contains("fuzz.toml"));
        }
    }
}

target!(
    written_plans,
    3000,
    200,
    written_plan,
    ["accepted", "refused"]
);
