//! Room for connections that come in at once.
//!
//! QEMU's user network listens at a forwarded port with room for one connection that it has not taken yet. Where several come at the same
//! moment the host drops the others, and tries them again after seconds or resets them: a client that opens fifty would not get far.
//! Linux lets whoever has a listening socket change that room at any time, and the parent of a process have a duplicate of a socket of it.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{getsockname, listen, sockopt};
use rustix::process::{ForeignRawFd, Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::child;

/// Connections that may wait until QEMU takes them.
const ROOM: i32 = 4096;

/// Time in which QEMU opens its ports.
const OPENS: Duration = Duration::from_secs(10);

/// Makes room at the ports of this host at which a program listens, or soon will; whether it did at all of them. Where the host does not
/// allow it, the ports are as they were.
pub fn widen(program: u32, ports: &[u16], mut goes_on: impl FnMut() -> bool) -> bool {
    let pid = i32::try_from(program).ok().and_then(Pid::from_raw);
    let Some(handle) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return false;
    };
    let mut left = ports.to_vec();
    let started = Instant::now();
    while !left.is_empty() && started.elapsed() < OPENS && goes_on() {
        for number in sockets(program) {
            let socket = pidfd_getfd(&handle, number, PidfdGetfdFlags::empty());
            let socket = match socket {
                Ok(socket) => socket,
                // It was closed meanwhile.
                Err(Errno::BADF) => continue,
                // The host does not allow it.
                Err(_) => return false,
            };
            let port = port_of(&socket);
            if port.is_some_and(|port| left.contains(&port)) && listen(&socket, ROOM).is_ok() {
                left.retain(|it| Some(*it) != port);
            }
        }
        if !left.is_empty() {
            std::thread::sleep(child::POLL);
        }
    }
    left.is_empty()
}

/// The numbers of a program's sockets.
fn sockets(program: u32) -> Vec<ForeignRawFd> {
    let folder = fs::read_dir(format!("/proc/{program}/fd"));
    let entries = folder.into_iter().flatten().flatten();
    let sockets = entries.filter(|entry| {
        let target = fs::read_link(entry.path()).unwrap_or_default();
        target.to_string_lossy().starts_with("socket:")
    });
    let numbers = sockets.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.collect()
}

/// The port at which a socket listens.
fn port_of(socket: &OwnedFd) -> Option<u16> {
    let socket = socket.as_fd();
    if !sockopt::socket_acceptconn(socket).unwrap_or(false) {
        return None;
    }
    let address = getsockname(socket).ok()?;
    SocketAddr::try_from(address)
        .ok()
        .map(|address| address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// Connections that a port has taken without its program, of fifty at once.
    fn taken(address: SocketAddr) -> usize {
        let patience = Duration::from_millis(200);
        let streams = (0..50).map_while(|_| TcpStream::connect_timeout(&address, patience).ok());
        streams.collect::<Vec<_>>().len()
    }

    #[test]
    fn a_port_that_has_room_for_one_gets_room_for_many() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listen(&listener, 1).unwrap();
        let address = listener.local_addr().unwrap();
        let own = std::process::id();
        assert!(widen(own, &[address.port()], || true));
        assert_eq!(taken(address), 50);
    }

    #[test]
    fn a_port_that_nobody_opens_is_told() {
        let mut looks = 0;
        let goes_on = || {
            looks += 1;
            looks < 3
        };
        assert!(!widen(std::process::id(), &[1], goes_on));
    }
}
