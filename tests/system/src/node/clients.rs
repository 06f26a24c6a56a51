//! Programs that clients use: redis-cli, redis-benchmark, curl and a browser.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::machine::{Node, make_disk};
use super::readers;
use super::redis::{Answer, Client};
use crate::context::Ended;
use crate::inputs::random;
use crate::{Context, Failure, TestResult, check};

/// Requests of each part of the benchmark.
const REQUESTS: &str = "1000";

/// Names of the parts of the benchmark's default set, as far as each has one of its own.
const PARTS: [&str; 19] = [
    "PING_INLINE",
    "PING_MBULK",
    "SET",
    "GET",
    "INCR",
    "LPUSH",
    "RPUSH",
    "LPOP",
    "RPOP",
    "SADD",
    "HSET",
    "SPOP",
    "ZADD",
    "ZPOPMIN",
    "LRANGE_100",
    "LRANGE_300",
    "LRANGE_500",
    "LRANGE_600",
    "MSET",
];

/// Calls a program of the host, with words.
pub(super) fn call(
    context: &Context,
    folder: &Path,
    program: &str,
    words: &[&str],
) -> Result<Ended, Failure> {
    let mut command: Command = context.program(Path::new(program));
    command.args(words);
    let ended = context.call(command, folder)?;
    check!(
        ended.status.success(),
        "{program} {} failed: {}",
        words.join(" "),
        ended.shown()
    );
    Ok(ended)
}

/// A node with a volume that holds this.
pub(super) fn boot(
    context: &Context,
    name: &str,
    fill: impl FnOnce(&Path) -> TestResult,
) -> Result<Node, Failure> {
    let folder = context.folder(name)?;
    let content = folder.join("content");
    fs::create_dir(&content)?;
    fill(&content)?;
    let disk = make_disk(context, &folder, &content)?;
    Node::boot(context, &folder, &disk)
}

/// The store, with clients that people have.
pub fn redis(context: &Context) -> TestResult {
    let node = boot(context, "node-redis", |_| Ok(()))?;
    let calls = node.folder.join("calls");
    fs::create_dir(&calls)?;
    let port = node.redis.to_string();
    let cli = |words: &[&str]| -> Result<String, Failure> {
        let words = [&["-p", &port], words].concat();
        Ok(call(context, &calls, "redis-cli", &words)?.stdout)
    };
    for (words, expected) in [
        (&["ping"][..], "PONG\n"),
        (&["set", "greeting", "hello", "EX", "100"], "OK\n"),
        (&["get", "greeting"], "hello\n"),
        (&["rpush", "list", "a", "b", "c"], "3\n"),
        (&["lrange", "list", "0", "-1"], "a\nb\nc\n"),
        (&["-3", "hset", "hash", "field", "value"], "1\n"),
        (&["-3", "hgetall", "hash"], "field value\n"),
        (&["zadd", "ranks", "2", "b", "1", "a"], "2\n"),
        (&["zrange", "ranks", "0", "-1"], "a\nb\n"),
        (
            &["no-such-command"],
            "ERR unknown command 'no-such-command', with args beginning with: \n\n",
        ),
    ] {
        let found = cli(words)?;
        check!(found == expected, "redis-cli {words:?} prints {found:?}");
    }
    // What a person sees who asks for a scan of all keys.
    let scanned = cli(&["--scan"])?;
    let mut keys: Vec<_> = scanned.lines().collect();
    keys.sort_unstable();
    check!(
        keys == ["greeting", "hash", "list", "ranks"],
        "a scan finds {keys:?}"
    );

    let words = ["-p", &port, "-n", REQUESTS, "-c", "50", "--csv"];
    let table = call(context, &calls, "redis-benchmark", &words)?;
    for part in PARTS {
        // A part is named with what follows it: `"MSET (10 keys)","1234.5",...`
        let line = table.stdout.lines().find(|line| {
            let name = line.trim_start_matches('"');
            let rest = name.strip_prefix(part);
            rest.is_some_and(|rest| {
                !rest.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_')
            })
        });
        check!(
            line.is_some(),
            "{part} was not measured:\n{}",
            table.shown()
        );
    }
    check!(
        !table.stderr.contains("rror") && !table.stdout.contains("ERR"),
        "the benchmark met errors: {}",
        table.shown()
    );
    let words = [
        "-p", &port, "-n", REQUESTS, "-c", "50", "-P", "16", "-t", "set,get", "-q",
    ];
    call(context, &calls, "redis-benchmark", &words)?;
    values(&node)?;
    many(&node)?;
    node.end()?;
    Ok(())
}

/// Values of every size.
fn values(node: &Node) -> TestResult {
    let mut client = Client::connect(node.redis)?;
    for length in [1, 100, 1460, 4096, 65_536, 1 << 20] {
        let value = random(length);
        client.ask(&[b"SET", b"value", &value])?;
        let found = client.ask(&[b"GET", b"value"])?;
        check!(
            found == Answer::Bytes(Some(value)),
            "a value of {length} bytes comes back as another one"
        );
    }
    Ok(())
}

/// Clients that are connected at a time.
const MANY: usize = 1000;

/// Many clients at a time, each of which is answered, and none for another one.
fn many(node: &Node) -> TestResult {
    let key = |number: usize| format!("client:{number}");
    let mut clients = Vec::new();
    for number in 0..MANY {
        let client = Client::connect(node.redis)
            .map_err(|error| anyhow::anyhow!("connection {number} of {MANY}: {error}"))?;
        clients.push(client);
    }
    // All ask before one of them reads its answer.
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&[
            b"SET",
            key(number).as_bytes(),
            number.to_string().as_bytes(),
        ])?;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let answer = client.answer()?;
        check!(
            answer == Answer::Line("+OK".to_owned()),
            "client {number} of {MANY} is answered {answer:?}"
        );
    }
    let other = |number: usize| (number + MANY / 2) % MANY;
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&[b"GET", key(other(number)).as_bytes()])?;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let answer = client.answer()?;
        check!(
            answer == Answer::Bytes(Some(other(number).to_string().into_bytes())),
            "client {number} of {MANY} is answered {answer:?}"
        );
    }
    Ok(())
}

/// The files of the volume.
const FILES: [(&str, usize); 3] = [("empty", 0), ("small.txt", 1000), ("large.bin", 3 << 20)];

/// Time in which the page shows what it knows.
const PAGE: Duration = Duration::from_secs(120);

/// Files, and the page.
pub fn web(context: &Context) -> TestResult {
    let node = boot(context, "node-web", |content| {
        for (name, length) in FILES {
            fs::write(content.join(name), random(length))?;
        }
        fs::create_dir(content.join("folder"))?;
        fs::write(content.join("folder/inner"), "inner")?;
        Ok(())
    })?;
    let calls = node.folder.join("calls");
    fs::create_dir(&calls)?;
    let address = format!("http://127.0.0.1:{}", node.web);
    let got = calls.join("got");
    let got_text = got.display().to_string();
    let url = |path: &str| format!("{address}{path}");
    let curl = |words: &[&str]| -> Result<String, Failure> {
        let words = [&["-sS", "-o", &got_text, "-w", "%{http_code}"], words].concat();
        Ok(call(context, &calls, "curl", &words)?.stdout)
    };
    let expect = |words: &[&str], status: &str| -> TestResult {
        let found = curl(words)?;
        check!(
            found == status,
            "curl {words:?} is answered {found}, not {status}"
        );
        Ok(())
    };
    for (name, length) in FILES {
        expect(&[&url(&format!("/files/{name}"))], "200")?;
        let found = fs::read(&got)?;
        check!(
            found == random(length),
            "{name} is another one, of {} bytes",
            found.len()
        );
    }
    let large = random(FILES[2].1);
    expect(&["-r", "4097-1000000", &url("/files/large.bin")], "206")?;
    check!(
        fs::read(&got)? == large[4097..=1_000_000],
        "a part is another one"
    );
    expect(&["-r", "-777", &url("/files/large.bin")], "206")?;
    check!(
        fs::read(&got)? == large[large.len() - 777..],
        "the end is another one"
    );
    expect(&["-r", "9999999-", &url("/files/large.bin")], "416")?;
    expect(&[&url("/files/folder/")], "200")?;
    check!(
        fs::read_to_string(&got)?.contains("inner"),
        "a folder does not show what is in it"
    );
    expect(&[&url("/files/nothing")], "404")?;
    expect(&["--path-as-is", &url("/files/../../secret")], "400")?;
    expect(&["-I", &url("/files/small.txt")], "200")?;
    // What is put is there, also for a condition.
    let put = calls.join("put");
    fs::write(&put, random(100_000))?;
    let put = put.display().to_string();
    expect(&["-T", &put, &url("/files/new")], "201")?;
    expect(&[&url("/files/new")], "200")?;
    check!(
        fs::read(&got)? == random(100_000),
        "what was put is another one"
    );
    expect(
        &["-T", &put, "-H", "If-None-Match: *", &url("/files/new")],
        "412",
    )?;
    readers::many(&node, &format!("/files/{}", FILES[1].0), FILES[1].1)?;
    figures(&node, &url("/metrics.json"), &calls, context)?;
    expect(&[&url("/metrics")], "200")?;
    check!(
        fs::read_to_string(&got)?.contains("# TYPE "),
        "there are no figures for Prometheus"
    );
    page(context, &url("/"), &calls)?;
    node.end()?;
    Ok(())
}

/// The figures know the machine, and count what crosses its channels.
fn figures(node: &Node, url: &str, calls: &Path, context: &Context) -> TestResult {
    let ask = || -> Result<Value, Failure> {
        let text = call(context, calls, "curl", &["-sS", url])?.stdout;
        serde_json::from_str(&text)
            .map_err(|error| anyhow::anyhow!("the figures are no JSON: {error}").into())
    };
    let names = |figures: &Value, what: &str| -> Vec<String> {
        let rows = figures[what].as_array().into_iter().flatten();
        rows.filter_map(|row| Some(row["name"].as_str()?.to_owned()))
            .collect()
    };
    let messages = |figures: &Value| -> u64 {
        let rows = figures["channels"].as_array().into_iter().flatten();
        let mut rows = rows.filter(|row| row["client"] == "kv" && row["provider"] == "net");
        rows.find_map(|row| row["to_provider"]["messages"].as_u64())
            .unwrap_or(0)
    };
    let before = ask()?;
    check!(
        names(&before, "clusters") == ["io", "store", "web"],
        "{before}"
    );
    check!(names(&before, "processes") == ["kv", "web"], "{before}");
    let mut client = Client::connect(node.redis)?;
    for _ in 0..10 {
        client.ask(&[b"PING"])?;
    }
    let after = ask()?;
    check!(
        messages(&after) >= messages(&before) + 10,
        "ten requests of another program are not seen: {} and {}",
        messages(&before),
        messages(&after)
    );
    Ok(())
}

/// A browser shows the page, with what the node is.
fn page(context: &Context, url: &str, calls: &Path) -> TestResult {
    let profile = calls.join("profile").display().to_string();
    let profile = format!("--user-data-dir={profile}");
    let started = Instant::now();
    loop {
        let words = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &profile,
            "--timeout=20000",
            "--virtual-time-budget=8000",
            "--dump-dom",
            url,
        ];
        let shown = call(context, calls, "chromium", &words)?.stdout;
        let wanted = ["store", "kv", "web", "volume", "net0"];
        let missing: Vec<_> = wanted.iter().filter(|it| !shown.contains(**it)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        check!(
            started.elapsed() < PAGE,
            "the page does not show {missing:?}:\n{shown}"
        );
    }
}
