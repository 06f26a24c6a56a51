//! A load for servers of the Redis protocol and of HTTP: some connections, each with some requests under way at once.
//!
//! Connections are made one after the other, and each is used before the next one is made: QEMU listens for a machine with room for one
//! that waits, and connections that find none are tried again after seconds. Therefore programs that make all of theirs at once cannot measure
//! servers in its machines.

mod answers;
mod request;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use answers::Answers;
pub use request::Request;

/// Time in which an answer comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes that are read at once.
const READ_SIZE: usize = 64 << 10;

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where the server is.
    pub server: SocketAddr,
    /// What is asked.
    pub request: Request,
    /// Connections.
    pub connections: usize,
    /// Requests that are under way at once on each.
    pub pipeline: usize,
    /// When it ends.
    pub end: End,
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// After this time.
    After(Duration),
    /// When so many answers have come.
    Answered(u64),
}

/// What a load has counted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Counted {
    /// Answers that came in time, all as expected.
    pub answers: u64,
    /// Bytes that came in time.
    pub bytes: u64,
    /// The time.
    pub seconds: f64,
}

struct Connection {
    stream: TcpStream,
    answers: Answers,
    /// Some requests, one behind the other.
    requests: Vec<u8>,
    /// Bytes of one request.
    request: usize,
    /// Bytes that are to be sent, of those.
    unsent: usize,
    /// Requests without an answer.
    open: usize,
}

impl Connection {
    /// Connects, and asks once.
    fn make(load: &Load, number: usize) -> Result<Connection> {
        let stream = TcpStream::connect_timeout(&load.server, PATIENCE)
            .with_context(|| format!("cannot connect to {}", load.server))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        for request in load.request.before().iter().chain([&load.request]) {
            let asked = ask(&stream, request, number);
            asked.with_context(|| format!("asked {request:?} alone"))?;
        }
        stream.set_nonblocking(true)?;
        let request = load.request.encoded(number);
        Ok(Connection {
            stream,
            answers: load.request.answers(),
            requests: request.repeat(load.pipeline),
            request: request.len(),
            unsent: 0,
            open: 0,
        })
    }

    /// Asks so many times.
    fn ask(&mut self, times: usize) -> Result<()> {
        self.open += times;
        self.unsent += times * self.request;
        self.send()
    }

    /// Sends what the socket takes.
    fn send(&mut self) -> Result<()> {
        while self.unsent > 0 {
            let from = self.requests.len().checked_sub(self.unsent);
            let from = from.context("an answer came before it was asked for")?;
            match (&self.stream).write(&self.requests[from..]) {
                Ok(length) => self.unsent -= length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("cannot send a request"),
            }
        }
        Ok(())
    }

    /// Takes what has come; how many answers and bytes.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<(u64, u64)> {
        match (&self.stream).read(buffer) {
            Ok(0) => bail!("the server has closed a connection"),
            Ok(length) => {
                let answers = self.answers.take(&buffer[..length])?;
                let open = self.open.checked_sub(answers as usize);
                self.open = open.context("an answer came to nothing that was asked")?;
                Ok((answers, length as u64))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok((0, 0)),
            Err(error) => Err(error).context("cannot receive an answer"),
        }
    }
}

/// Asks once, on a connection with nothing else on it.
fn ask(mut stream: &TcpStream, request: &Request, number: usize) -> Result<()> {
    stream.write_all(&request.encoded(number))?;
    let mut answers = request.answers();
    let mut buffer = vec![0; READ_SIZE];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            bail!("the server has closed a connection");
        }
        if answers.take(&buffer[..length])? > 0 {
            return Ok(());
        }
    }
}

impl Load {
    /// Makes the connections, asks until the load ends, and waits for what is still to be answered then.
    ///
    /// # Errors
    /// Where the server cannot be reached, answers something else than what is expected, or nothing for too long.
    pub fn run(&self) -> Result<Counted> {
        if self.connections == 0 || self.pipeline == 0 {
            bail!(
                "there are no requests to make; name at least one connection and a pipeline of at least one"
            );
        }
        let numbers = 0..self.connections;
        let connections = numbers.map(|number| Connection::make(self, number));
        let mut connections: Vec<Connection> = connections.collect::<Result<_>>()?;
        let (mut asked, mut answered, mut bytes) = (0, 0, 0);
        let start = Instant::now();
        let mut ended = None;
        let mut last = start;
        let mut buffer = vec![0; READ_SIZE];
        let mut ready = vec![true; self.connections];
        loop {
            for (connection, _) in connections.iter_mut().zip(&ready).filter(|(_, it)| **it) {
                let (answers, length) = connection.receive(&mut buffer)?;
                if ended.is_none() {
                    answered += answers;
                    bytes += length;
                }
                if length > 0 {
                    last = Instant::now();
                }
                connection.send()?;
                // A whole pipeline is asked at once, as soon as the one before is answered.
                if connection.open == 0 && ended.is_none() {
                    let times = self.more(asked);
                    connection.ask(times)?;
                    asked += times as u64;
                }
            }
            let passed = start.elapsed();
            let is_over = match self.end {
                End::After(time) => passed >= time,
                End::Answered(answers) => answered >= answers,
            };
            if is_over && ended.is_none() {
                ended = Some(passed);
            }
            if let Some(time) = ended
                && connections.iter().all(|it| it.open == 0)
            {
                return Ok(Counted {
                    answers: answered,
                    bytes,
                    seconds: time.as_secs_f64(),
                });
            }
            if last.elapsed() > PATIENCE {
                bail!("nothing was answered for {} s", PATIENCE.as_secs());
            }
            wait(&connections, &mut ready)?;
        }
    }

    /// How often a connection asks next, where so many requests were made.
    fn more(&self, asked: u64) -> usize {
        match self.end {
            End::After(_) => self.pipeline,
            End::Answered(answers) => {
                let left = usize::try_from(answers.saturating_sub(asked));
                left.unwrap_or(usize::MAX).min(self.pipeline)
            }
        }
    }
}

/// Waits until there is something on some connections, and tells on which.
fn wait(connections: &[Connection], ready: &mut [bool]) -> Result<()> {
    let mut waiting: Vec<PollFd<'_>> = connections
        .iter()
        .map(|it| {
            let sends = match it.unsent {
                0 => PollFlags::empty(),
                _ => PollFlags::OUT,
            };
            PollFd::new(&it.stream, PollFlags::IN | sends)
        })
        .collect();
    let limit = Timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    match poll(&mut waiting, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error).context("cannot wait for answers"),
    }
    for (ready, waiting) in ready.iter_mut().zip(&waiting) {
        *ready = !waiting.revents().is_empty();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
