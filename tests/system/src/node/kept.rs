//! What was acknowledged is there, whatever was killed. Each client keeps a model of its own keys.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::machine::{Node, make_disk};
use super::redis::{Answer, Client};
use crate::inputs::Numbers;
use crate::{Context, Failure, TestResult, check};

/// Clients that write at a time.
const CLIENTS: u64 = 4;
/// Keys of each.
const KEYS: u64 = 8;
/// Writes of all clients together after which something is killed, at most.
const MOST_WRITES: u64 = 400;
/// Writes at least.
const LEAST_WRITES: u64 = 40;

/// What a key may hold: what was acknowledged last, and where a write was not answered, also what that wrote.
type Value = Option<Vec<u8>>;

/// What a client knows of its keys.
#[derive(Clone, Debug, Default)]
struct Model {
    keys: BTreeMap<String, Vec<Value>>,
    /// Elements of its list that were acknowledged, and those that may be there beyond.
    pushed: u64,
    maybe: u64,
    writes: u64,
}

/// What is there of a client's.
struct Found {
    /// Of its keys, in their order.
    values: Vec<Value>,
    /// Of its list.
    elements: Vec<Answer>,
}

impl Model {
    fn list(number: u64) -> String {
        format!("list:{number}")
    }

    /// Writes until the connection is lost. `count` counts what was acknowledged.
    fn write(&mut self, number: u64, client: &mut Client, count: &AtomicU64) -> io::Result<()> {
        let mut numbers = Numbers::new(number * 7919 + self.writes);
        loop {
            if numbers.one_in(4) {
                let element = (self.pushed + self.maybe).to_string();
                self.maybe += 1;
                let list = Model::list(number);
                let answer = client.ask(&[b"RPUSH", list.as_bytes(), element.as_bytes()])?;
                // An element that was not answered may be there.
                let Answer::Line(line) = answer else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                let length = line.strip_prefix(':').and_then(|it| it.parse().ok());
                self.pushed = length.ok_or(io::ErrorKind::InvalidData)?;
                self.maybe = 0;
            } else {
                let key = format!("key:{number}:{}", numbers.below(KEYS));
                let is_deleted = numbers.one_in(5);
                let value = (!is_deleted).then(|| {
                    let length = 1 + numbers.below(3000) as usize;
                    format!("{}:{}", self.writes, "x".repeat(length)).into_bytes()
                });
                let values = self.keys.entry(key.clone()).or_insert_with(|| vec![None]);
                values.push(value.clone());
                let answer = match &value {
                    Some(value) => client.ask(&[b"SET", key.as_bytes(), value])?,
                    None => client.ask(&[b"DEL", key.as_bytes()])?,
                };
                if matches!(&answer, Answer::Line(line) if line.starts_with('-')) {
                    return Err(io::Error::other(format!("{answer:?}")));
                }
                *values = vec![value];
            }
            self.writes += 1;
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is there of the client's keys and of its list.
    fn find(&self, number: u64, client: &mut Client) -> io::Result<Found> {
        let mut values = Vec::new();
        for key in self.keys.keys() {
            match client.ask(&[b"GET", key.as_bytes()])? {
                Answer::Bytes(value) => values.push(value),
                other => return Err(io::Error::other(format!("{key} is {other:?}"))),
            }
        }
        let list = Model::list(number);
        match client.ask(&[b"LRANGE", list.as_bytes(), b"0", b"-1"])? {
            Answer::Array(elements) => Ok(Found { values, elements }),
            other => Err(io::Error::other(format!("{list} is {other:?}"))),
        }
    }

    /// Compares the keys with what was found, and takes that on.
    fn compare(&mut self, found: Found) -> TestResult {
        for ((key, values), found) in self.keys.iter_mut().zip(found.values) {
            let shown = |value: &Value| value.as_ref().map(|it| it.len());
            check!(
                values.contains(&found),
                "{key} has {:?} bytes, and may have {:?}",
                shown(&found),
                values.iter().map(shown).collect::<Vec<_>>()
            );
            *values = vec![found];
        }
        let count = found.elements.len() as u64;
        check!(
            (self.pushed..=self.pushed + self.maybe).contains(&count),
            "a list has {count} elements, of which {} were acknowledged, and {} more were sent",
            self.pushed,
            self.maybe
        );
        for (place, element) in found.elements.iter().enumerate() {
            let expected = Answer::Bytes(Some(place.to_string().into_bytes()));
            check!(*element == expected, "a list has {element:?} at {place}");
        }
        (self.pushed, self.maybe) = (count, 0);
        Ok(())
    }
}

/// Connects, and has every write be on stable storage before it is answered.
fn connect(port: u16) -> io::Result<Client> {
    let mut client = Client::connect(port)?;
    let answer = client.ask(&[b"CONFIG", b"SET", b"appendfsync", b"always"])?;
    match answer == Answer::Line("+OK".to_owned()) {
        true => Ok(client),
        false => Err(io::Error::other(format!("{answer:?}"))),
    }
}

/// Kills the emulator under load, again and again, and looks at what is there.
pub fn killed(context: &Context, kills: u32) -> TestResult {
    let folder = context.folder("node-killed")?;
    let content = folder.join("content");
    fs::create_dir(&content)?;
    let disk = make_disk(context, &folder, &content)?;
    let mut models = vec![Model::default(); CLIENTS as usize];
    let mut numbers = Numbers::new(11);
    for _ in 0..kills {
        let node = Node::boot(context, &folder, &disk)?;
        check_all(&mut models, node.redis)?;
        let count = AtomicU64::new(0);
        let enough = LEAST_WRITES + numbers.below(MOST_WRITES - LEAST_WRITES);
        thread::scope(|scope| -> TestResult {
            let clients: Vec<_> = (0..CLIENTS)
                .zip(&mut models)
                .map(|(number, model)| {
                    let (count, port) = (&count, node.redis);
                    scope.spawn(move || {
                        connect(port).and_then(|mut client| model.write(number, &mut client, count))
                    })
                })
                .collect();
            while count.load(Ordering::Relaxed) < enough {
                check!(
                    !clients.iter().all(|it| it.is_finished()),
                    "no client goes on:\n{}",
                    node.log()
                );
                thread::sleep(Duration::from_millis(1));
            }
            node.kill()
        })?;
    }
    let node = Node::boot(context, &folder, &disk)?;
    check_all(&mut models, node.redis)?;
    let writes: u64 = models.iter().map(|model| model.writes).sum();
    check!(
        writes >= u64::from(kills) * LEAST_WRITES,
        "only {writes} writes were acknowledged"
    );
    node.end()?;
    Ok(())
}

fn check_all(models: &mut [Model], port: u16) -> TestResult {
    let mut client = connect(port)?;
    for (number, model) in (0..).zip(models) {
        let found = model.find(number, &mut client)?;
        model.compare(found)?;
    }
    Ok(())
}

/// The plan, with a process that stops the store and the sockets service.
const PLAN: &str = "tests/system/plans/node-restart.toml";

/// Time in which everything has to have been stopped and come back.
const ALL: Duration = Duration::from_secs(180);

/// How long a client waits for an answer before it takes its connection for lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often each client is interrupted at least: once by each stop.
const INTERRUPTIONS: u64 = 2;

/// Clients write while the store and the sockets service are killed, and come back each time.
pub fn restarted(context: &Context) -> TestResult {
    let folder = context.folder("node-restart")?;
    let content = folder.join("content");
    fs::create_dir(&content)?;
    let disk = make_disk(context, &folder, &content)?;
    let node = Node::boot_plan(context, &folder, &disk, &["--plan", PLAN], 1)?;
    let (is_over, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let client = |number: u64| -> Result<(Model, u64), Failure> {
        let (mut model, mut interruptions) = (Model::default(), 0);
        let started = Instant::now();
        while !is_over.load(Ordering::Relaxed) {
            check!(
                started.elapsed() < ALL,
                "client {number} was interrupted {interruptions} times only"
            );
            // Until somebody listens again, the emulator takes connections and ends them.
            let Ok(mut client) = connect(node.redis) else {
                thread::sleep(Duration::from_millis(20));
                continue;
            };
            // A life of the sockets service that knows no connection says so to the one who sends, not to the one who waits.
            client = client.with_patience(PATIENCE)?;
            match model.find(number, &mut client) {
                Ok(found) => model.compare(found)?,
                Err(error) if error.kind() == io::ErrorKind::Other => return Err(error.into()),
                Err(_) => continue,
            }
            let before = model.writes;
            if let Err(error) = model.write(number, &mut client, &count)
                && error.kind() == io::ErrorKind::Other
            {
                return Err(error.into());
            }
            interruptions += u64::from(model.writes > before);
            if interruptions >= INTERRUPTIONS {
                break;
            }
        }
        Ok((model, interruptions))
    };
    let ends: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || client(number)))
            .collect();
        let ends = clients.into_iter().map(|it| it.join());
        ends.map(|end| end.unwrap_or_else(|_| Err(anyhow::anyhow!("a client fell").into())))
            .collect()
    });
    let mut models = Vec::new();
    for end in ends {
        models.push(end?.0);
    }
    // The last one that was stopped is back.
    let started = Instant::now();
    while connect(node.redis).is_err() {
        check!(started.elapsed() < ALL, "the node does not come back");
        thread::sleep(Duration::from_millis(20));
    }
    check_all(&mut models, node.redis)?;
    Ok(())
}
