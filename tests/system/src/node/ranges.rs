//! A large file, which clients get in parts.

use std::fs;
use std::thread;

use super::clients::{boot, call};
use super::machine::Node;
use crate::inputs::random;
use crate::{Context, Failure, TestResult, check};

/// Clients at a time.
const CLIENTS: usize = 4;

/// Bytes of a part: no part begins where a block does, but for the first one.
const PART: usize = (5 << 20) + 1234;

/// The parts of a file of so many MiB make up the file.
pub fn ranges(context: &Context, mebibytes: usize) -> TestResult {
    let file = random(mebibytes << 20);
    let node = boot(context, "node-ranges", |content| {
        fs::write(content.join("file"), &file)?;
        Ok(())
    })?;
    let ends: Vec<TestResult> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| (client, &file, &node))
            .map(|(client, file, node)| scope.spawn(move || get(context, node, client, file)))
            .collect();
        let ends = clients.into_iter().map(|it| it.join());
        ends.map(|end| end.unwrap_or_else(|_| Err(anyhow::anyhow!("a client fell").into())))
            .collect()
    });
    ends.into_iter().collect::<TestResult>()?;
    node.end()?;
    Ok(())
}

/// One client gets each of its parts.
fn get(context: &Context, node: &Node, client: usize, file: &[u8]) -> Result<(), Failure> {
    let folder = node.folder.join(format!("client{client}"));
    fs::create_dir(&folder)?;
    let url = format!("http://127.0.0.1:{}/files/file", node.web);
    let got = folder.join("got");
    let got_text = got.display().to_string();
    let parts = file.chunks(PART).enumerate().skip(client);
    for (number, part) in parts.step_by(CLIENTS) {
        let first = number * PART;
        let range = format!("{first}-{}", first + part.len() - 1);
        let words = [
            "-sS",
            "-o",
            &got_text,
            "-w",
            "%{http_code}",
            "-r",
            &range,
            &url,
        ];
        let status = call(context, &folder, "curl", &words)?.stdout;
        check!(status == "206", "bytes {range} are answered {status}");
        check!(fs::read(&got)? == part, "bytes {range} are other ones");
    }
    Ok(())
}
