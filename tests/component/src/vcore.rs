//! The process's side of one vcore: its calls to its server and to the file service.

use std::time::{Duration, Instant};

use atoll_abi::file::{OpenFlags, Path};
use atoll_abi::handle::Handle;
use atoll_abi::interface::{Request, request};
use atoll_abi::message::{MESSAGE_WORDS, Payload};
use atoll_abi::syscall::{Completion, Status, Syscall};
use atoll_call::{Answer, ClientEnd, Completed, Ended, NEVER, Waiter};
use atoll_channel::Link;

use crate::doorbell::Notification;
use crate::machine::{GENERATION, LOST};
use crate::pool::Pool;
use crate::wiring::Line;

/// Waits for an answer; keeps none.
#[derive(Debug)]
pub struct Waits;

impl Waiter for Waits {
    fn keeps_answer(&self) -> bool {
        false
    }
}

/// Whom a vcore calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// The server of its cluster.
    Server,
    /// The file service.
    Files,
}

struct Calls {
    end: ClientEnd<Waits>,
    line: Line,
}

/// One vcore.
pub struct Vcore {
    began: Instant,
    own: Notification,
    pool: Pool,
    server: Calls,
    files: Calls,
}

impl Vcore {
    pub(crate) fn new(
        began: Instant,
        own: Notification,
        pool: Pool,
        server: Line,
        files: Line,
    ) -> Vcore {
        let calls = |line| Calls {
            end: ClientEnd::new(GENERATION),
            line,
        };
        Vcore {
            began,
            own,
            pool,
            server: calls(server),
            files: calls(files),
        }
    }

    fn calls(&mut self, port: Port) -> &mut Calls {
        match port {
            Port::Server => &mut self.server,
            Port::Files => &mut self.files,
        }
    }

    /// The vcore's end of its calls.
    pub fn end(&mut self, port: Port) -> &mut ClientEnd<Waits> {
        &mut self.calls(port).end
    }

    /// Nanoseconds since the machine began.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// Reads a word of a block of the process's pool.
    pub fn word(&self, block: u32, word: usize) -> u64 {
        self.pool.read(block, word)
    }

    /// Opens a file, and waits for that. Gives its handle and its length.
    ///
    /// # Panics
    /// Where it cannot be opened, or the path does not fit a message.
    pub fn open(&mut self, path: &str) -> (Handle, u64) {
        let open = request::Open {
            flags: OpenFlags::empty(),
            path: Path::short(path.as_bytes()).expect("a short path"),
        };
        let [handle, length] = self.done(Port::Files, open.encode());
        let handle = Handle::from_raw(handle as u32);
        (handle.expect("a handle"), length)
    }

    /// Stages a call, for which there is a credit, with a deadline in nanoseconds from now. Gives its tag.
    pub fn stage(&mut self, port: Port, call: Syscall, deadline: Option<u64>) -> u64 {
        let now = self.now();
        let deadline = deadline.map_or(NEVER, |long| now + long);
        self.end(port).stage(call, Waits, deadline, now)
    }

    /// Sends what is staged.
    ///
    /// # Panics
    /// Where a ring has no room: every call has a credit.
    pub fn send(&mut self) {
        for calls in [&mut self.server, &mut self.files] {
            let staged = calls.end.staged();
            if !staged.is_empty() {
                let sent = calls.line.send(staged);
                assert_eq!(sent, Ok(staged.len()), "a call without a credit");
                calls.end.sent();
            }
        }
    }

    /// Takes what there is: a completion of a port, or the end of a call whose deadline has passed.
    ///
    /// # Panics
    /// Where a peer breaks the protocol of its ring.
    pub fn poll(&mut self) -> Option<(Port, Completed<Waits>)> {
        for port in [Port::Server, Port::Files] {
            let calls = self.calls(port);
            let mut message = [[0; MESSAGE_WORDS]];
            match calls.line.receive(&mut message) {
                Ok(0) => {}
                Ok(_) => {
                    let completion = Completion::from_message(&message[0]);
                    return Some((port, calls.end.complete(&completion)));
                }
                Err(error) => panic!("{port:?}: {error:?}"),
            }
        }
        let now = self.now();
        [Port::Server, Port::Files].into_iter().find_map(|port| {
            let ended = self.end(port).expire(now)?;
            Some((port, Completed::Ended(ended)))
        })
    }

    /// Waits, as a vcore does, until it is woken or the next deadline has passed: arms, looks again, blocks. Tells whether it
    /// was woken.
    pub fn sleep(&mut self) -> bool {
        let mut woken = false;
        if self.server.line.arm() && self.files.line.arm() {
            let deadline = self.server.end.next_deadline();
            let deadline = deadline.min(self.files.end.next_deadline());
            let left = Duration::from_nanos(deadline.saturating_sub(self.now())).min(LOST);
            woken = self.own.wait(left) != 0;
            assert!(woken || left < LOST, "a wake-up was lost");
        }
        self.server.line.disarm();
        self.files.line.disarm();
        woken
    }

    /// Waits for the next thing that [`Vcore::poll`] gives.
    ///
    /// # Panics
    /// Where none comes.
    pub fn wait(&mut self) -> (Port, Completed<Waits>) {
        loop {
            if let Some(found) = self.poll() {
                return found;
            }
            self.sleep();
        }
    }

    /// Makes a call and waits for its answer; no other one is under way.
    ///
    /// # Panics
    /// Where something else ends.
    pub fn ask(&mut self, port: Port, call: Syscall) -> Answer {
        let tag = self.stage(port, call, None);
        self.send();
        match self.wait() {
            (
                from,
                Completed::Ended(Ended {
                    tag: of, answer, ..
                }),
            ) => {
                assert_eq!((from, of), (port, tag));
                answer
            }
            other => panic!("{other:?} ended"),
        }
    }

    /// As [`Vcore::ask`], for a call that succeeds; its results.
    ///
    /// # Panics
    /// Where it does not.
    pub fn done(&mut self, port: Port, call: Syscall) -> [u64; 2] {
        let answer = self.ask(port, call);
        assert_eq!(answer.status, Status::Done, "{call:?}");
        answer.result
    }
}
