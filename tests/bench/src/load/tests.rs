use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;

use super::*;

/// A server that answers each line that begins like this, which a request has once, with this text; of each connection only so many.
fn server(line: &'static str, text: &'static str, most: usize) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let lines = lines.map_while(Result::ok);
                for _ in lines.filter(|it| it.starts_with(line)).take(most) {
                    if stream.write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn load(server: SocketAddr, request: Request, end: End) -> Load {
    Load {
        server,
        request,
        connections: 3,
        pipeline: 16,
        end,
    }
}

#[test]
fn as_many_requests_are_made_as_are_wanted() {
    let server = server("SET", "+OK\r\n", usize::MAX);
    for answers in [1, 16, 1000] {
        let load = load(server, Request::Set { bytes: 3 }, End::Answered(answers));
        let counted = load.run().unwrap();
        assert_eq!((counted.answers, counted.bytes), (answers, 5 * answers));
    }
}

#[test]
fn a_load_ends_after_its_time() {
    let server = server(
        "GET /f",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
        usize::MAX,
    );
    let request = Request::File {
        path: "/f".to_owned(),
        bytes: 2,
    };
    let time = Duration::from_millis(50);
    let counted = load(server, request, End::After(time)).run().unwrap();
    assert!(counted.answers > 0 && counted.seconds >= 0.05);
}

#[test]
fn what_goes_wrong_is_told() {
    let text = |server| {
        let load = load(server, Request::Set { bytes: 3 }, End::Answered(1000));
        format!("{:#}", load.run().unwrap_err())
    };
    let wrong = text(server("SET", "-ERR no\r\n", usize::MAX));
    assert!(wrong.contains("ERR no"), "{wrong}");
    let closed = text(server("SET", "+OK\r\n", 20));
    assert!(
        closed.contains("closed") || closed.contains("cannot"),
        "{closed}"
    );
    let twice = text(server("SET", "+OK\r\n+OK\r\n", usize::MAX));
    assert!(twice.contains("nothing that was asked"), "{twice}");
    let none = Load {
        pipeline: 0,
        ..load(
            server("SET", "", 1),
            Request::Set { bytes: 1 },
            End::Answered(1),
        )
    };
    assert!(none.run().is_err());
}
