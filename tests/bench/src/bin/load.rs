//! Puts load on a server of the Redis protocol or of HTTP, and counts its answers.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use atoll_bench::load::{End, Load, Request};
use clap::{Parser, Subcommand};

/// Put load on a server, and count its answers.
#[derive(Parser)]
struct Options {
    /// Where to write what was counted, as JSON.
    #[arg(long, value_name = "FILE")]
    report: PathBuf,
    /// Where the server is.
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: SocketAddr,
    #[arg(long, value_name = "N", default_value_t = 50)]
    connections: usize,
    /// Requests that are under way at once on each connection.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pipeline: usize,
    /// When to end.
    #[arg(long, value_name = "MILLISECONDS", conflicts_with = "answers")]
    time: Option<u64>,
    /// After how many answers to end.
    #[arg(long, value_name = "N", required_unless_present = "time")]
    answers: Option<u64>,
    #[command(subcommand)]
    what: What,
}

/// What is asked.
#[derive(Subcommand)]
enum What {
    /// Store values.
    Set { bytes: usize },
    /// Read values.
    Get { bytes: usize },
    /// Read a file over HTTP.
    File { path: String, bytes: u64 },
}

fn main() -> Result<()> {
    let options = Options::parse();
    let load = Load {
        server: options.server,
        request: match options.what {
            What::Set { bytes } => Request::Set { bytes },
            What::Get { bytes } => Request::Get { bytes },
            What::File { path, bytes } => Request::File { path, bytes },
        },
        connections: options.connections,
        pipeline: options.pipeline,
        end: match (options.time, options.answers) {
            (Some(time), _) => End::After(Duration::from_millis(time)),
            (None, answers) => End::Answered(answers.unwrap_or(0)),
        },
    };
    let text = serde_json::to_string(&load.run()?)?;
    let path = options.report;
    fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
