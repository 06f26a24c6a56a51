//! Requests of which two readers could see two ends: each is refused, its connection ends, and nothing behind it is done.

mod common;

use common::{Then, Tree, ask, talk};

/// What must never be done.
const HIDDEN: &str = "DELETE /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";

fn forms() -> Vec<(String, u16)> {
    let with = |fields: &str, status| {
        (
            format!("PUT /files/new HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n"),
            status,
        )
    };
    let line = |line: &str, status| (format!("{line}\r\nHost: a\r\n\r\n"), status);
    let mut all = vec![
        // Two lengths.
        with("Content-Length: 4\r\nTransfer-Encoding: chunked", 400),
        with("Transfer-Encoding: chunked\r\nContent-Length: 4", 400),
        with("Transfer-Encoding: identity\r\nContent-Length: 4", 400),
        with("Content-Length: 4\r\nContent-Length: 5", 400),
        with("Content-Length: 4\r\ncontent-length: 4", 400),
        with("Content-Length: 4, 5", 400),
        with("Content-Length: 4, 4", 400),
        // A length that is no number, or that one reader takes for another one.
        with("Content-Length: +4", 400),
        with("Content-Length: -4", 400),
        with("Content-Length: 0x4", 400),
        with("Content-Length: 4 4", 400),
        with("Content-Length: 4.0", 400),
        with("Content-Length: 4;x", 400),
        with("Content-Length: ", 400),
        with("Content-Length: \"4\"", 400),
        with("Content-Length: 99999999999999999999", 400),
        with("Content-Length: 18446744073709551620", 400),
        with("Content-Length: \u{664}", 400),
        with("Content-Length: 4\u{b}", 400),
        // Fields that one reader does not see.
        with("Content-Length : 4", 400),
        with("Content-Length\t: 4", 400),
        with(" Content-Length: 4", 400),
        with("\tContent-Length: 4", 400),
        with("X: y\r\n Content-Length: 4", 400),
        with("X: y\r\n\tTransfer-Encoding: chunked", 400),
        with("Transfer-Encoding : chunked", 400),
        with("Transfer Encoding: chunked", 400),
        with("X: y\nContent-Length: 4", 400),
        with("X: y\rContent-Length: 4", 400),
        with("X: y\r\r\nContent-Length: 4", 400),
        with("X: y\0\r\nContent-Length: 4", 400),
        with("Content-Length: 4\0", 400),
        with("\0Content-Length: 4", 400),
        with(": 4", 400),
        with("Content-Length", 400),
        with("\u{feff}Transfer-Encoding: chunked", 400),
        // Codings.
        with("Transfer-Encoding: chunked, chunked", 501),
        with("Transfer-Encoding: gzip, chunked", 501),
        with("Transfer-Encoding: chunked, identity", 501),
        with("Transfer-Encoding: xchunked", 501),
        with("Transfer-Encoding: \"chunked\"", 501),
        with("Transfer-Encoding: chunked;q=1", 501),
        with("Transfer-Encoding: cow", 501),
        with("Transfer-Encoding:", 501),
        with(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            400,
        ),
        with("Transfer-Encoding: chunked\r\nTransfer-encoding: cow", 400),
        with("Transfer-Encoding: \u{b}chunked", 400),
        // Hosts.
        with("Host: b", 400),
        with("Host: a", 400),
        // Lines.
        line("GET /files/hello.txt HTTP/1.1\r", 400),
        line("GET  /files/hello.txt HTTP/1.1", 400),
        line("GET /files/hello.txt  HTTP/1.1", 400),
        line(" GET /files/hello.txt HTTP/1.1", 400),
        line("GET /files/hello.txt HTTP/1.1 ", 400),
        line("GET /files/hello.txt HTTP/1.1 HTTP/1.1", 400),
        line("GET\t/files/hello.txt HTTP/1.1", 400),
        line("GET /files/a b HTTP/1.1", 400),
        line("GET /files/hello.txt", 400),
        line("GET HTTP/1.1", 400),
        line("GET files/hello.txt HTTP/1.1", 400),
        line("GET /files/h\u{e9} HTTP/1.1", 400),
        line("GET /files/hello.txt#x HTTP/1.1", 400),
        line("GET * HTTP/1.1", 400),
        line("GET ftp://a/files/hello.txt HTTP/1.1", 400),
        line("GET http:///files/hello.txt HTTP/1.1", 400),
        line("GET http://user@a/files/hello.txt HTTP/1.1", 400),
        line("CONNECT a:80 HTTP/1.1", 400),
        line("GET /files/hello.txt HTTP/1.10", 400),
        line("GET /files/hello.txt http/1.1", 400),
        line("GET /files/hello.txt HTTP/01.1", 400),
        line("GET /files/hello.txt HTTP/2.0", 505),
        line("GET /files/hello.txt HTTP/1.2", 505),
        line("GET /files/hello.txt HTTP/0.9", 505),
        line("PRI * HTTP/2.0", 505),
    ];
    all.extend([
        ("GET /files/hello.txt HTTP/1.1\r\n\r\n".into(), 400),
        (
            "GET /files/hello.txt HTTP/1.1\r\nHost: a b\r\n\r\n".into(),
            400,
        ),
        (
            "GET /files/hello.txt HTTP/1.1\r\nHost: a,b\r\n\r\n".into(),
            400,
        ),
        (
            "GET /files/hello.txt HTTP/1.1\r\nHost: a/b\r\n\r\n".into(),
            400,
        ),
        (
            "GET /files/hello.txt HTTP/1.1\r\nHost: u@a\r\n\r\n".into(),
            400,
        ),
        (
            "GET /files/hello.txt HTTP/1.1\r\nHost: a:x\r\n\r\n".into(),
            400,
        ),
        ("GET /files/hello.txt HTTP/1.1\nHost: a\n\n".into(), 400),
        (
            "\r\n\r\nGET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            400,
        ),
        (
            "\nGET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            400,
        ),
        (
            "PUT /files/new HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            400,
        ),
        (
            "GET /files/new HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n".into(),
            417,
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9000)),
            414,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
                "x".repeat(9000)
            ),
            431,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(64)),
            431,
        ),
    ]);
    all
}

#[test]
fn each_form_is_refused_and_nothing_behind_it_is_done() {
    for (form, status) in forms() {
        for body in ["", "0\r\n\r\n", "4\r\n", "abcd"] {
            let tree = &mut Tree::new();
            let before = tree.nodes.clone();
            let bytes = format!("{form}{body}{HIDDEN}{HIDDEN}");
            let outcome = ask(tree, bytes.as_bytes());
            let answers = outcome.answers(&["GET"]);
            let name = form.escape_debug().take(120).collect::<String>();
            assert_eq!(answers.len(), 1, "{name}");
            assert_eq!(answers[0].status, status, "{name}");
            assert!(answers[0].closes() && outcome.ended_by_server, "{name}");
            assert_eq!(tree.nodes, before, "{name}");
            assert!(outcome.done.is_empty(), "{name}");
        }
    }
}

#[test]
fn no_form_is_understood_in_pieces() {
    for (form, status) in forms() {
        let bytes = format!("{form}{HIDDEN}");
        let pieces: Vec<&[u8]> = bytes.as_bytes().chunks(1).collect();
        let outcome = talk(&mut Tree::new(), &pieces, Then::Ends);
        let answers = outcome.answers(&["GET"]);
        assert_eq!(
            (answers.len(), answers[0].status),
            (1, status),
            "{}",
            form.escape_debug()
        );
        assert!(outcome.done.is_empty());
        assert!(outcome.most_buffered <= atoll_web::request::HEAD_LIMIT + 1);
    }
}

#[test]
fn what_is_right_is_not_refused() {
    for head in [
        "GET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /files/hello.txt HTTP/1.1\r\nhost:a:80\r\n\r\n",
        "GET /files/hello.txt HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET /files/hello.txt HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /files/hello.txt HTTP/1.1\r\nHost: \t a.example \t \r\nX: \u{e9}\r\n\r\n",
        "GET /files/hello.txt HTTP/1.0\r\n\r\n",
        "GET HTTP://a/files/hello.txt HTTP/1.1\r\nHost: b\r\n\r\n",
        "GET /files/hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 000\r\n\r\n",
    ] {
        let answers = ask(&mut Tree::new(), head.as_bytes()).answers(&["GET"]);
        assert_eq!(
            (answers.len(), answers[0].status),
            (1, 200),
            "{}",
            head.escape_debug()
        );
    }
    let whole = format!(
        "GET http://a HTTP/1.1\r\nHost: b\r\n{}\r\n",
        "X: y\r\n".repeat(63)
    );
    assert_eq!(
        ask(&mut Tree::new(), whole.as_bytes()).answers(&["GET"])[0].status,
        200
    );
}

#[test]
fn a_client_that_begins_and_waits_is_told_so() {
    let outcome = talk(&mut Tree::new(), &[b"GET / HT"], Then::Waits);
    assert_eq!(outcome.answers(&["GET"])[0].status, 408);
    for sent in [&b""[..], b"\r\n"] {
        let idle = talk(&mut Tree::new(), &[sent], Then::Waits);
        assert!(idle.bytes.is_empty(), "it has asked for nothing");
        assert_eq!(idle.last_wait, Some(atoll_web::connection::Patience::Idle));
    }
}
