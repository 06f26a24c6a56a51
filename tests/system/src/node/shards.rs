//! The store on several vcores: what is done with several keys is done at one moment, each vcore has its part of the work, and all of it is
//! there again.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::machine::{Node, make_disk};
use super::redis::{Answer, Client};
use crate::inputs::Numbers;
use crate::report::{plan, result};
use crate::{Context, Failure, TestResult, check};

/// Loops and shards of the plan.
const SHARDS: usize = 2;

/// Clients that change something at a time.
const WRITERS: u64 = 6;

/// Transfers of all together before the power goes.
const TRANSFERS: u64 = 240;

/// Transfers of each in the second life.
const LAST_TRANSFERS: u64 = 20;

/// Looks of those who only look, at least.
const LOOKS: u64 = 10;

/// Accounts, and what is in all of them together.
const ACCOUNTS: u64 = 16;
const SUM: i64 = 1600;

fn invalid(answer: &Answer) -> io::Error {
    io::Error::other(format!("{answer:?}"))
}

/// Asks with the words of a line.
fn ask(client: &mut Client, line: &str) -> io::Result<Answer> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    client.ask(&words)
}

/// The numbers that a command tells.
fn integers(answer: Answer) -> io::Result<Vec<i64>> {
    let all = match answer {
        Answer::Array(all) => all,
        one => vec![one],
    };
    let number = |it: &Answer| {
        let text = match it {
            Answer::Line(line) => line.strip_prefix(':').unwrap_or(line).to_owned(),
            Answer::Bytes(Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            other => return Err(invalid(other)),
        };
        text.parse().map_err(|_| invalid(it))
    };
    all.iter().map(number).collect()
}

/// Takes something from one account to another one, counts that, and sets two keys to the same value.
fn transfer(client: &mut Client, number: u64, numbers: &mut Numbers) -> io::Result<i64> {
    let (from, step) = (numbers.below(ACCOUNTS), 1 + numbers.below(ACCOUNTS - 1));
    let to = (from + step) % ACCOUNTS;
    for line in [
        "MULTI".to_owned(),
        format!("DECRBY account:{from} 7"),
        format!("INCRBY account:{to} 7"),
        format!("INCR transfers:{number}"),
    ] {
        ask(client, &line)?;
    }
    let done = integers(ask(client, "EXEC")?)?;
    let value = format!("{number}:{}", done.get(2).copied().unwrap_or(0));
    let set = format!("MSET left:a {value} right:b {value} middle:c {value}");
    match ask(client, &set)? {
        Answer::Line(line) if line == "+OK" => {}
        other => return Err(invalid(&other)),
    }
    done.get(2)
        .copied()
        .ok_or(io::ErrorKind::InvalidData.into())
}

/// Looks at what is changed together.
fn look(client: &mut Client) -> io::Result<()> {
    let accounts: Vec<String> = (0..ACCOUNTS).map(|it| format!("account:{it}")).collect();
    let found = ask(client, &format!("MGET {}", accounts.join(" ")))?;
    let found = integers(found)?;
    if found.iter().sum::<i64>() != SUM {
        return Err(io::Error::other(format!("there is another sum: {found:?}")));
    }
    match ask(client, "MGET left:a right:b middle:c")? {
        Answer::Array(all) if all.windows(2).all(|two| two[0] == two[1]) => Ok(()),
        other => Err(invalid(&other)),
    }
}

/// Commands of each shard, as the store tells them.
fn of_shards(client: &mut Client) -> Result<Vec<u64>, Failure> {
    let Answer::Bytes(Some(text)) = ask(client, "INFO shards")? else {
        return Err(anyhow::anyhow!("nothing is told of shards").into());
    };
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines = text.lines().filter(|line| line.starts_with("shard"));
    let commands = lines.filter_map(|line| line.rsplit('=').next()?.parse().ok());
    Ok(commands.collect())
}

/// What goes on while clients do what they do.
#[derive(Default)]
struct Load {
    is_over: AtomicBool,
    transfers: AtomicU64,
    looks: AtomicU64,
}

impl Load {
    /// Does something again and again until the store is gone.
    fn repeat(
        &self,
        port: u16,
        mut work: impl FnMut(&mut Client) -> io::Result<()>,
        count: &AtomicU64,
    ) -> io::Result<()> {
        let mut client = Client::connect(port)?;
        loop {
            match work(&mut client) {
                Err(_) if self.is_over.load(Ordering::Relaxed) => return Ok(()),
                done => done?,
            }
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Transfers; how many were acknowledged.
    fn write(&self, port: u16, number: u64) -> io::Result<i64> {
        let (mut told, mut numbers) = (0, Numbers::new(number));
        let work = |client: &mut Client| {
            told = transfer(client, number, &mut numbers)?;
            Ok(())
        };
        self.repeat(port, work, &self.transfers)?;
        Ok(told)
    }

    fn is_enough(&self) -> bool {
        self.transfers.load(Ordering::Relaxed) >= TRANSFERS
            && self.looks.load(Ordering::Relaxed) >= LOOKS
    }
}

/// Clients transfer, and one looks, until the power goes. How many transfers each was acknowledged.
fn until_the_power_goes(node: Node) -> Result<Vec<i64>, Failure> {
    let port = node.redis;
    let mut client = Client::connect(port)?;
    ask(&mut client, "CONFIG SET appendfsync always")?;
    for account in 0..ACCOUNTS {
        ask(&mut client, &format!("SET account:{account} 100"))?;
    }
    let load = &Load::default();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| scope.spawn(move || load.write(port, number)))
            .collect();
        let reader = scope.spawn(move || load.repeat(port, look, &load.looks));
        let has_fallen = || reader.is_finished() || writers.iter().any(|it| it.is_finished());
        while !load.is_enough() && !has_fallen() {
            thread::sleep(Duration::from_millis(1));
        }
        let shards = of_shards(&mut client);
        load.is_over.store(true, Ordering::Relaxed);
        let log = node.log();
        node.kill()?;
        let fell = || anyhow::anyhow!("a client fell:\n{log}");
        reader.join().map_err(|_| fell())??;
        let ends = writers.into_iter().map(|it| it.join().map_err(|_| fell()));
        let told: Result<Vec<i64>, Failure> = ends.map(|end| Ok(end??)).collect();
        let shards = shards?;
        check!(
            shards.len() == SHARDS && shards.iter().all(|it| *it > TRANSFERS / 4),
            "commands of shards: {shards:?}"
        );
        told
    })
}

/// What was acknowledged is there, and each transaction whole or not at all.
fn check_all(port: u16, acknowledged: &[i64]) -> TestResult {
    let mut client = Client::connect(port)?;
    look(&mut client)?;
    for (number, told) in acknowledged.iter().enumerate() {
        let found = integers(ask(&mut client, &format!("GET transfers:{number}"))?)?;
        // One more may have been done and not answered.
        check!(
            found == [*told] || found == [told + 1],
            "client {number} was told of {told} transfers, and {found:?} are there"
        );
    }
    Ok(())
}

/// Each of several clients transfers.
fn transfer_more(port: u16) -> TestResult {
    let transfers = |number| -> io::Result<()> {
        let (mut client, mut numbers) = (Client::connect(port)?, Numbers::new(number));
        for _ in 0..LAST_TRANSFERS {
            transfer(&mut client, number, &mut numbers)?;
        }
        look(&mut client)
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..WRITERS)
            .map(|number| scope.spawn(move || transfers(number)))
            .collect();
        for client in clients {
            let end = client.join();
            end.map_err(|_| anyhow::anyhow!("a client fell"))??;
        }
        Ok(())
    })
}

/// The store serves, its power goes, and it serves again.
pub fn shards(context: &Context) -> TestResult {
    let folder = context.folder("node-shards")?;
    let content = folder.join("content");
    fs::create_dir(&content)?;
    let disk = make_disk(context, &folder, &content)?;
    let plan = plan("node-shards");
    let boot = || Node::boot_plan(context, &folder, &disk, &["--plan", &plan], 1);
    let acknowledged = until_the_power_goes(boot()?)?;
    let node = boot()?;
    check_all(node.redis, &acknowledged)?;
    transfer_more(node.redis)?;
    Client::connect(node.redis)?.send(&[b"SHUTDOWN"])?;
    let report = node.ends("pass")?;
    // Of several clients each loop has some.
    let answered = &result(&report, "kv")["answered"];
    let loops = answered.as_array().into_iter().flatten();
    let loops: Vec<u64> = loops.filter_map(Value::as_u64).collect();
    check!(
        loops.len() == SHARDS && loops.iter().all(|it| *it > LAST_TRANSFERS),
        "commands of loops: {answered}"
    );
    Ok(())
}
