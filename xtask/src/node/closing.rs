//! The end of a node: its programs make lasting what they hold, before the machine is switched off.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::simulate::Forwarded;

/// Time that a program gets for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Has the key-value store write what it holds, and end. Whether it did. It answers nothing: it ends the connection when it is done.
pub fn close(forwarded: &[Forwarded]) -> bool {
    let Some(port) = super::kv_port(forwarded) else {
        return true;
    };
    shut_down(port).unwrap_or(false)
}

fn shut_down(port: u16) -> std::io::Result<bool> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"*1\r\n$8\r\nSHUTDOWN\r\n")?;
    let mut answer = [0; 256];
    match stream.read(&mut answer) {
        Ok(length) => Ok(length == 0),
        // Its sockets went with it.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(true),
        Err(error) => Err(error),
    }
}
