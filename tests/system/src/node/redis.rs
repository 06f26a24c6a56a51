//! A client of Redis, as simple as one can be.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::machine::Node;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A word, an error with its minus sign, or a number, as it is written.
    Line(String),
    /// Bytes, or nothing.
    Bytes(Option<Vec<u8>>),
    /// Several.
    Array(Vec<Answer>),
}

/// A client.
pub struct Client(BufReader<TcpStream>);

/// A request as clients send it.
pub fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(*word);
        bytes.extend(b"\r\n");
    }
    bytes
}

fn malformed() -> io::Error {
    ErrorKind::InvalidData.into()
}

impl Client {
    /// Connects to a port of the host.
    pub fn connect(port: u16) -> io::Result<Client> {
        Ok(Client(BufReader::new(Node::connect(port)?)))
    }

    /// The client, which waits no longer for an answer.
    pub fn with_patience(self, patience: Duration) -> io::Result<Client> {
        self.0.get_ref().set_read_timeout(Some(patience))?;
        Ok(self)
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, words: &[&[u8]]) -> io::Result<Answer> {
        self.send(words)?;
        self.answer()
    }

    /// Asks; the [answer](Client::answer) comes later.
    pub fn send(&mut self, words: &[&[u8]]) -> io::Result<()> {
        self.0.get_mut().write_all(&request(words))
    }

    /// Waits for the next answer.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let text = line.strip_suffix("\r\n");
        let text = text.ok_or(ErrorKind::UnexpectedEof)?;
        let number = || text.get(1..)?.parse::<i64>().ok();
        match text.as_bytes().first() {
            Some(b'+' | b'-' | b':') => Ok(Answer::Line(text.to_owned())),
            Some(b'$') => match number().ok_or_else(malformed)? {
                ..0 => Ok(Answer::Bytes(None)),
                length => {
                    let mut bytes = vec![0; length as usize + 2];
                    self.0.read_exact(&mut bytes)?;
                    bytes.truncate(length as usize);
                    Ok(Answer::Bytes(Some(bytes)))
                }
            },
            Some(b'*') => {
                let count = number().ok_or_else(malformed)?;
                let answers = (0..count).map(|_| self.answer());
                Ok(Answer::Array(answers.collect::<io::Result<_>>()?))
            }
            _ => Err(malformed()),
        }
    }
}
