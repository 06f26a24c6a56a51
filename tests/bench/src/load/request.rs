//! What is asked, and what is expected.

use super::answers::{Answers, Expected};

/// What a connection asks again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Stores a value of so many bytes under a key of the connection's own.
    Set {
        /// Bytes of the value.
        bytes: usize,
    },
    /// Reads such a value.
    Get {
        /// Bytes of the value.
        bytes: usize,
    },
    /// Reads a file over HTTP.
    File {
        /// Its path, `/files/1k` say.
        path: String,
        /// Its bytes.
        bytes: u64,
    },
}

impl Request {
    /// What the connection of this number sends for one request.
    pub fn encoded(&self, connection: usize) -> Vec<u8> {
        let key = key(connection);
        match self {
            Request::Set { bytes } => command(&[b"SET", key.as_bytes(), &value(*bytes)]),
            Request::Get { .. } => command(&[b"GET", key.as_bytes()]),
            Request::File { path, .. } => {
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
            }
        }
    }

    /// What has to be asked once before, so that the answer is the expected one.
    pub fn before(&self) -> Option<Request> {
        match self {
            Request::Get { bytes } => Some(Request::Set { bytes: *bytes }),
            Request::Set { .. } | Request::File { .. } => None,
        }
    }

    /// Checks the answers to it.
    pub fn answers(&self) -> Answers {
        Answers::new(match self {
            Request::Set { .. } => Expected::Text(b"+OK\r\n".to_vec()),
            Request::Get { bytes } => {
                let mut text = format!("${bytes}\r\n").into_bytes();
                text.extend(value(*bytes));
                text.extend(b"\r\n");
                Expected::Text(text)
            }
            Request::File { bytes, .. } => Expected::File { bytes: *bytes },
        })
    }
}

fn key(connection: usize) -> String {
    format!("key:{connection:012}")
}

fn value(bytes: usize) -> Vec<u8> {
    vec![b'x'; bytes]
}

/// A command of the Redis protocol.
fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        text.extend(format!("${}\r\n", word.len()).bytes());
        text.extend(*word);
        text.extend(b"\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_arrays_of_words() {
        let get = Request::Get { bytes: 3 };
        let expected = "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000007\r\n";
        assert_eq!(get.encoded(7), expected.as_bytes());
        let set = get.before().unwrap();
        let expected = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000007\r\n$3\r\nxxx\r\n";
        assert_eq!(set.encoded(7), expected.as_bytes());
        assert_eq!(set.before(), None);
        assert_eq!(get.answers().take(b"$3\r\nxxx\r\n"), Ok(1));
        assert_eq!(set.answers().take(b"+OK\r\n+OK\r\n+"), Ok(2));
    }
}
