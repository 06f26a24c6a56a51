//! Requests that change files, against a tree in memory.

mod common;

use atoll_web::connection::Failure;
use common::{SETTINGS, Then, Tree, answer, answer_with, ask, talk};

#[test]
fn a_file_is_stored_and_replaced() {
    let tree = &mut Tree::new();
    let made = answer_with(
        tree,
        "PUT /files/folder/n%20w HTTP/1.1\nContent-Length: 3",
        b"one",
    );
    assert_eq!(
        (made.status, made.field("Location")),
        (201, Some("/files/folder/n%20w"))
    );
    assert_eq!(tree.content("/folder/n w"), Some(&b"one"[..]));
    let again = answer_with(
        tree,
        "PUT /files/folder/n%20w HTTP/1.1\nContent-Length: 0",
        b"",
    );
    assert_eq!(again.status, 204);
    assert_eq!(tree.content("/folder/n w"), Some(&b""[..]));
    let chunks = b"3\r\nthr\r\n2;x=y\r\nee\r\n0\r\nTrailer: x\r\n\r\n";
    let chunked = answer_with(
        tree,
        "PUT /files/c HTTP/1.1\nTransfer-Encoding: Chunked",
        chunks,
    );
    assert_eq!((chunked.status, chunked.closes()), (201, false));
    assert_eq!(tree.content("/c"), Some(&b"three"[..]));
    let large = vec![7; 300_000];
    let stored = answer_with(
        tree,
        "PUT /files/l HTTP/1.1\nContent-Length: 300000",
        &large,
    );
    assert_eq!(stored.status, 201);
    assert_eq!(tree.content("/l"), Some(&large[..]));
}

#[test]
fn a_client_that_waits_is_told_to_go_on() {
    let tree = &mut Tree::new();
    let head =
        b"PUT /files/new HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    let outcome = talk(tree, &[head, b"new"], Then::Ends);
    let statuses: Vec<_> = outcome
        .answers(&["PUT"])
        .iter()
        .map(|it| it.status)
        .collect();
    assert_eq!(statuses, [100, 201]);
    let outcome = talk(tree, &[&[head, &b"new"[..]].concat()], Then::Ends);
    assert_eq!(outcome.answers(&["PUT"]).len(), 1, "it has not waited");
    let read_only = &mut Tree::new();
    read_only.fails = Some(("Create", Failure::ReadOnly));
    let outcome = talk(
        read_only,
        &[head, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
        Then::Ends,
    );
    let answers = outcome.answers(&["PUT"]);
    assert_eq!(
        (answers.len(), answers[0].status, answers[0].closes()),
        (1, 403, true)
    );
    assert!(
        outcome.ended_by_server,
        "what it sends next may be the body"
    );
    assert_eq!(outcome.received, head.len());
}

#[test]
fn what_is_not_stored_leaves_what_was_there() {
    let stores = "PUT /files/hello.txt HTTP/1.1\nContent-Length: 3";
    for (action, failure, status) in [
        ("Create", Failure::ReadOnly, 403),
        ("Create", Failure::Full, 507),
        ("Create", Failure::Busy, 503),
        ("Write", Failure::Full, 507),
        ("Write", Failure::Other, 500),
        ("Commit", Failure::Full, 507),
        ("Commit", Failure::Busy, 503),
        ("Look", Failure::Other, 500),
    ] {
        let tree = &mut Tree::new();
        tree.fails = Some((action, failure));
        let got = answer_with(tree, stores, b"new");
        assert_eq!(got.status, status, "{action} {failure:?}");
        assert_eq!(tree.content("/hello.txt"), Some(&b"Hello, Atoll."[..]));
        assert!(!tree.has_upload());
    }
}

#[test]
fn half_a_file_is_never_there() {
    let heads: [&[u8]; 2] = [
        b"PUT /files/hello.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
        b"PUT /files/hello.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
    ];
    for head in heads {
        for then in [Then::Ends, Then::Waits] {
            let tree = &mut Tree::new();
            let outcome = talk(tree, &[head], then);
            assert_eq!(tree.content("/hello.txt"), Some(&b"Hello, Atoll."[..]));
            assert_eq!(outcome.done.last().unwrap(), "Discard");
            let statuses: Vec<_> = outcome
                .answers(&["PUT"])
                .iter()
                .map(|it| it.status)
                .collect();
            let expected: &[u16] = if then == Then::Waits { &[408] } else { &[] };
            assert_eq!(statuses, expected);
        }
    }
}

#[test]
fn a_body_that_is_wrong_or_too_long_is_not_stored() {
    let tree = &mut Tree::new();
    let next = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let chunked = "PUT /files/new HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let wrong = format!("{chunked}3\r\nnew\r\n-1\r\n{next}");
    let most = SETTINGS.most_upload as usize;
    let long = format!(
        "{chunked}{most:x}\r\n{}\r\n1\r\nx\r\n0\r\n\r\n{next}",
        "x".repeat(most)
    );
    for (bytes, status) in [(wrong, 400), (long, 413)] {
        let outcome = ask(tree, bytes.as_bytes());
        let answers = outcome.answers(&["PUT"]);
        assert_eq!((answers.len(), answers[0].status), (1, status));
        assert!(answers[0].closes() && outcome.ended_by_server);
        assert_eq!(tree.content("/new"), None);
        assert!(!tree.has_upload());
    }
    let length = format!("PUT /files/new HTTP/1.1\nContent-Length: {}", most + 1);
    let got = answer(tree, &length);
    assert_eq!((got.status, got.closes()), (413, true));
}

#[test]
fn what_cannot_be_stored_is_refused() {
    let tree = &mut Tree::new();
    for (head, status) in [
        ("PUT /files/new HTTP/1.1", 411),
        ("PUT /files/new/ HTTP/1.1\nContent-Length: 1", 409),
        ("PUT /files/ HTTP/1.1\nContent-Length: 1", 409),
        ("PUT /files/folder HTTP/1.1\nContent-Length: 1", 409),
        ("PUT /files/hello.txt/x HTTP/1.1\nContent-Length: 1", 409),
        ("PUT /files/nowhere/x HTTP/1.1\nContent-Length: 1", 409),
        ("PUT /files/../x HTTP/1.1\nContent-Length: 1", 400),
        ("PUT /files/.uploads/x HTTP/1.1\nContent-Length: 1", 400),
        (
            "PUT /files/new HTTP/1.1\nContent-Length: 1\nContent-Range: bytes 0-0/2",
            400,
        ),
        (
            "PUT /files/hello.txt HTTP/1.1\nContent-Length: 1\nIf-None-Match: *",
            412,
        ),
        (
            "PUT /files/new HTTP/1.1\nContent-Length: 1\nIf-Match: *",
            412,
        ),
    ] {
        let before = tree.nodes.clone();
        assert_eq!(answer_with(tree, head, b"x").status, status, "{head}");
        assert_eq!(tree.nodes, before);
    }
}

#[test]
fn a_short_body_that_nobody_wants_is_dropped() {
    let tree = &mut Tree::new();
    let two = b"PUT /files/nowhere/x HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n\
        GET /secret HTTP/1.1\r\n\r\nGET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let outcome = ask(tree, two);
    let answers = outcome.answers(&["PUT", "GET"]);
    assert_eq!(
        answers.iter().map(|it| it.status).collect::<Vec<_>>(),
        [409, 400]
    );
    let exact = b"GET /files/empty HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\n\
        GET /secret HTTP/1.1\r\n\r\nGET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let answers = ask(tree, exact).answers(&["GET", "GET"]);
    assert_eq!(
        answers.iter().map(|it| it.status).collect::<Vec<_>>(),
        [200, 200]
    );
}

#[test]
fn a_long_body_that_nobody_wants_ends_the_connection() {
    let tree = &mut Tree::new();
    for body in [
        "Content-Length: 65537",
        "Transfer-Encoding: chunked",
        "Content-Length: 5\r\nExpect: 100-continue",
    ] {
        let head = format!("GET /files/hello.txt HTTP/1.1\r\nHost: a\r\n{body}\r\n\r\n");
        let outcome = ask(tree, head.as_bytes());
        let answers = outcome.answers(&["GET"]);
        assert_eq!((answers.len(), answers[0].status), (1, 200), "{body}");
        assert!(answers[0].closes() && outcome.ended_by_server, "{body}");
    }
}

#[test]
fn files_and_empty_folders_are_removed() {
    let tree = &mut Tree::new();
    for (target, status) in [
        ("/files/hello.txt", 204),
        ("/files/hello.txt", 404),
        ("/files/folder/empty/", 204),
        ("/files/folder", 409),
        ("/files/large/", 404),
        ("/files/", 403),
        ("/files/..", 400),
    ] {
        let got = answer(tree, &format!("DELETE {target} HTTP/1.1"));
        assert_eq!(got.status, status, "{target}");
    }
    assert_eq!(tree.content("/hello.txt"), None);
    assert!(tree.content("/large").is_some());
    let other = answer(tree, "DELETE /files/large HTTP/1.1\nIf-Match: \"x\"");
    assert_eq!(other.status, 412);
}

#[test]
fn a_stored_file_is_another_version() {
    let tree = &mut Tree::new();
    let first = answer(tree, "GET /files/hello.txt HTTP/1.1");
    let tag = first.field("ETag").unwrap();
    let store = format!("PUT /files/hello.txt HTTP/1.1\nContent-Length: 13\nIf-Match: {tag}");
    assert_eq!(answer_with(tree, &store, b"Hello, Reefs.").status, 204);
    assert_eq!(answer_with(tree, &store, b"Hello, Reefs.").status, 412);
    let read = format!("GET /files/hello.txt HTTP/1.1\nIf-None-Match: {tag}");
    assert_eq!(answer(tree, &read).text(), "Hello, Reefs.");
}
