//! Answers as a strict client reads them.

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a field, which is there at most once.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut all = self.fields.iter().filter(|field| field.0 == name);
        let value = all.next().map(|field| field.1.as_str());
        assert!(all.next().is_none(), "{name} is there twice");
        value
    }

    /// Whether it says that the connection ends.
    pub fn closes(&self) -> bool {
        self.field("Connection") == Some("close")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Reads answers to requests with these methods; further ones are answers to something that was no request.
///
/// # Panics
/// Where something is no answer, or not a whole one.
pub fn parse(mut bytes: &[u8], methods: &[&str]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut methods = methods.iter();
    while !bytes.is_empty() {
        let end = bytes
            .windows(4)
            .position(|it| it == b"\r\n\r\n")
            .expect("a head ends");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
        bytes = &bytes[end + 4..];
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap();
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .expect("it begins with a version");
        let (status, reason) = status.split_once(' ').expect("it has a reason");
        let status: u16 = status.parse().expect("a status is a number");
        assert!(
            !reason.is_empty() && reason != "Unknown",
            "{status} has no reason"
        );
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a field has a value");
            assert!(!line.contains(['\r', '\n', '\0']));
            (name.to_owned(), value.to_owned())
        });
        let mut answer = Answer {
            status,
            fields: fields.collect(),
            body: Vec::new(),
        };
        if status == 100 {
            answers.push(answer);
            continue;
        }
        let is_head = methods.next() == Some(&"HEAD");
        let length = answer
            .field("Content-Length")
            .map(|it| it.parse().expect("a length"));
        let has_none = matches!(status, 204 | 304);
        assert_eq!(length.is_none(), has_none, "{head}");
        assert_eq!(answer.field("Server"), Some("Atoll"));
        assert_eq!(answer.field("X-Content-Type-Options"), Some("nosniff"));
        assert!(answer.field("Transfer-Encoding").is_none());
        if !is_head && !has_none {
            let length: usize = length.unwrap();
            assert!(length <= bytes.len(), "the body of {status} is not whole");
            answer.body = bytes[..length].into();
            bytes = &bytes[length..];
        }
        answers.push(answer);
    }
    answers
}
