//! Requests that read, against a tree in memory.

mod common;

use common::{Tree, answer, ask};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MODIFIED: &str = "Sun, 06 Nov 1994 08:32:57 GMT";

#[test]
fn a_file_is_sent_whole() {
    let tree = &mut Tree::new();
    let got = answer(tree, "GET /files/hello.txt HTTP/1.1");
    assert_eq!((got.status, got.text()), (200, "Hello, Atoll."));
    assert_eq!(got.field("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(got.field("Last-Modified"), Some(MODIFIED));
    assert_eq!(got.field("Date"), Some(DATE));
    assert_eq!(got.field("Accept-Ranges"), Some("bytes"));
    assert!(!got.closes());
    let large = answer(tree, "GET /files/large HTTP/1.1");
    assert_eq!(large.body, tree.content("/large").unwrap());
    let empty = answer(tree, "GET /files/empty HTTP/1.1");
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    let named = answer(tree, "GET /files/folder/a%20b.html?x=y HTTP/1.1");
    assert_eq!(named.text(), "<p>a</p>");
    let absolute = answer(tree, "GET http://elsewhere:80/files/hello.txt HTTP/1.1");
    assert_eq!(absolute.status, 200);
}

#[test]
fn head_says_what_get_would() {
    let tree = &mut Tree::new();
    for target in [
        "/",
        "/files/hello.txt",
        "/files/large",
        "/files/",
        "/files",
        "/files/folder",
        "/files/nothing",
        "/nothing",
        "/metrics",
        "/metrics.json",
        "/_atoll/page.css",
        "/files/..",
    ] {
        let get = answer(tree, &format!("GET {target} HTTP/1.1"));
        let head = answer(tree, &format!("HEAD {target} HTTP/1.1"));
        assert_eq!(head.fields, get.fields, "{target}");
        assert_eq!(head.status, get.status);
        assert!(head.body.is_empty());
        assert_eq!(
            get.field("Content-Length"),
            Some(get.body.len().to_string().as_str())
        );
    }
}

#[test]
fn a_range_is_sent_alone() {
    let tree = &mut Tree::new();
    for (range, status, content_range, body) in [
        ("bytes=0-4", 206, Some("bytes 0-4/13"), "Hello"),
        ("bytes=-6", 206, Some("bytes 7-12/13"), "Atoll."),
        ("bytes=7-", 206, Some("bytes 7-12/13"), "Atoll."),
        ("bytes=0-99", 206, Some("bytes 0-12/13"), "Hello, Atoll."),
        ("bytes=0-1,3-4", 200, None, "Hello, Atoll."),
        ("bytes=x", 200, None, "Hello, Atoll."),
    ] {
        let got = answer(
            tree,
            &format!("GET /files/hello.txt HTTP/1.1\nRange: {range}"),
        );
        assert_eq!((got.status, got.text()), (status, body), "{range}");
        assert_eq!(got.field("Content-Range"), content_range);
    }
    let beyond = answer(tree, "GET /files/hello.txt HTTP/1.1\nRange: bytes=13-");
    assert_eq!(
        (beyond.status, beyond.field("Content-Range")),
        (416, Some("bytes */13"))
    );
    let head = answer(tree, "HEAD /files/hello.txt HTTP/1.1\nRange: bytes=0-4");
    assert_eq!(
        (head.status, head.field("Content-Length")),
        (200, Some("13"))
    );
}

#[test]
fn a_client_that_has_it_is_told_so() {
    let tree = &mut Tree::new();
    let first = answer(tree, "GET /files/hello.txt HTTP/1.1");
    let tag = first.field("ETag").unwrap();
    let again = answer(
        tree,
        &format!("GET /files/hello.txt HTTP/1.1\nIf-None-Match: {tag}"),
    );
    assert_eq!((again.status, again.field("ETag")), (304, Some(tag)));
    let since = answer(
        tree,
        &format!("GET /files/hello.txt HTTP/1.1\nIf-Modified-Since: {MODIFIED}"),
    );
    assert_eq!(since.status, 304);
    let other = answer(tree, "GET /files/hello.txt HTTP/1.1\nIf-Match: \"x\"");
    assert_eq!(other.status, 412);
    let wrong = answer(tree, "GET /files/hello.txt HTTP/1.1\nIf-Match: x");
    assert_eq!(wrong.status, 400);
    let part = format!("GET /files/hello.txt HTTP/1.1\nRange: bytes=0-4\nIf-Range: {tag}");
    assert_eq!(answer(tree, &part).status, 206);
    let part = "GET /files/hello.txt HTTP/1.1\nRange: bytes=0-4\nIf-Range: \"x\"";
    assert_eq!(answer(tree, part).status, 200);
    let page = answer(tree, "GET / HTTP/1.1");
    let known = format!(
        "GET / HTTP/1.1\nIf-None-Match: {}",
        page.field("ETag").unwrap()
    );
    assert_eq!(answer(tree, &known).status, 304);
}

#[test]
fn folders_are_listed_and_have_a_slash() {
    let tree = &mut Tree::new();
    for (target, location) in [("/files", "/files/"), ("/files/folder", "/files/folder/")] {
        let got = answer(tree, &format!("GET {target} HTTP/1.1"));
        assert_eq!((got.status, got.field("Location")), (308, Some(location)));
    }
    let html = answer(tree, "GET /files/folder/ HTTP/1.1");
    assert!(html.text().contains("./a%20b.html") && html.text().contains("./empty/"));
    assert!(
        html.field("Content-Security-Policy")
            .unwrap()
            .starts_with("default-src 'self'")
    );
    for head in [
        "GET /files/folder/?json HTTP/1.1",
        "GET /files/folder/ HTTP/1.1\nAccept: application/json, */*",
    ] {
        let json = answer(tree, head);
        assert_eq!(json.field("Content-Type"), Some("application/json"));
        assert!(json.text().contains(r#"{"name":"empty","kind":"folder"}"#));
    }
    let browser = "GET /files/ HTTP/1.1\nAccept: text/html,application/json;q=0.9,*/*;q=0.8";
    assert!(answer(tree, browser).text().starts_with("<!doctype"));
}

#[test]
fn what_is_not_there_is_not_found() {
    let tree = &mut Tree::new();
    for (target, status) in [
        ("/nothing", 404),
        ("/filesystem", 404),
        ("/_atoll/", 404),
        ("/_atoll/../files/hello.txt", 404),
        ("/%2e", 404),
        ("/files/nothing", 404),
        ("/files/hello.txt/", 404),
        ("/files/hello.txt/x", 404),
        ("/files/../Cargo.toml", 400),
        ("/files/%2e%2e/%2e%2e/secret", 400),
        ("/files//hello.txt", 400),
        ("/files/a%00", 400),
        ("/files/.uploads/1", 400),
    ] {
        let got = answer(tree, &format!("GET {target} HTTP/1.1"));
        assert_eq!(got.status, status, "{target}");
        assert!(
            got.text().contains("/metrics.json"),
            "it says what there is"
        );
    }
}

#[test]
fn the_node_shows_itself() {
    let tree = &mut Tree::new();
    let page = answer(tree, "GET / HTTP/1.1");
    assert_eq!(page.field("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(
        page.field("Content-Security-Policy")
            .unwrap()
            .starts_with("default-src 'self'")
    );
    let json = answer(tree, "GET /metrics.json HTTP/1.1");
    assert_eq!(json.field("Content-Type"), Some("application/json"));
    assert_eq!(json.field("Cache-Control"), Some("no-store"));
    assert!(json.text().starts_with('{'));
    let text = answer(tree, "GET /metrics HTTP/1.1");
    assert!(
        text.field("Content-Type")
            .unwrap()
            .contains("version=0.0.4")
    );
    assert!(text.text().starts_with("# HELP"));
}

#[test]
fn methods_are_known_or_not() {
    let tree = &mut Tree::new();
    for (line, status, allow) in [
        (
            "OPTIONS * HTTP/1.1",
            204,
            Some("GET, HEAD, PUT, DELETE, OPTIONS"),
        ),
        (
            "OPTIONS /files/hello.txt HTTP/1.1",
            204,
            Some("GET, HEAD, PUT, DELETE, OPTIONS"),
        ),
        ("OPTIONS / HTTP/1.1", 204, Some("GET, HEAD, OPTIONS")),
        (
            "POST /files/hello.txt HTTP/1.1",
            405,
            Some("GET, HEAD, PUT, DELETE, OPTIONS"),
        ),
        ("PUT /metrics HTTP/1.1", 405, Some("GET, HEAD, OPTIONS")),
        ("DELETE / HTTP/1.1", 405, Some("GET, HEAD, OPTIONS")),
        ("TRACE / HTTP/1.1", 405, Some("GET, HEAD, OPTIONS")),
        ("get / HTTP/1.1", 501, None),
        ("BREW /pot HTTP/1.1", 501, None),
    ] {
        let got = answer(tree, line);
        assert_eq!((got.status, got.field("Allow")), (status, allow), "{line}");
    }
}

#[test]
fn connections_live_as_the_client_wants() {
    let tree = &mut Tree::new();
    for (request, closes, field) in [
        ("GET /files/empty HTTP/1.1\r\nHost: a\r\n\r\n", false, None),
        (
            "GET /files/empty HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
            true,
            Some("close"),
        ),
        ("GET /files/empty HTTP/1.0\r\n\r\n", true, Some("close")),
        (
            "GET /files/empty HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
            false,
            Some("keep-alive"),
        ),
    ] {
        let outcome = ask(tree, request.as_bytes());
        assert_eq!(outcome.ended_by_server, closes, "{request}");
        assert_eq!(outcome.answers(&["GET"])[0].field("Connection"), field);
    }
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let tree = &mut Tree::new();
    let bytes = b"GET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n\
        HEAD /files/large HTTP/1.1\r\nHost: a\r\n\r\n\
        PUT /files/new HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nnew\r\n\
        GET /files/new HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody\
        GET /files/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
        GET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let outcome = ask(tree, bytes);
    let answers = outcome.answers(&["GET", "HEAD", "PUT", "GET", "GET"]);
    let statuses: Vec<_> = answers.iter().map(|it| it.status).collect();
    assert_eq!(statuses, [200, 200, 201, 200, 404]);
    assert_eq!(answers[3].text(), "new");
    assert_eq!(outcome.classes, [0, 4, 0, 1, 0]);
    assert!(outcome.ended_by_server);
}

#[test]
fn a_file_that_becomes_shorter_ends_the_connection() {
    let tree = &mut Tree::new();
    tree.shrinks = 1;
    let two = b"GET /files/hello.txt HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let outcome = ask(tree, two);
    assert!(
        outcome.ended_by_server,
        "a client must not take what follows for the rest of the file"
    );
    assert!(outcome.bytes.ends_with(b"Hello, Atoll"));
}

#[test]
fn what_fails_is_said() {
    use atoll_web::connection::Failure;
    let tree = &mut Tree::new();
    for (failure, status) in [
        (Failure::Busy, 503),
        (Failure::Other, 500),
        (Failure::NotAFolder, 404),
    ] {
        tree.fails = Some(("Open", failure));
        let got = answer(tree, "GET /files/hello.txt HTTP/1.1");
        assert_eq!(got.status, status);
        assert_eq!(got.field("Retry-After").is_some(), status == 503);
    }
}
