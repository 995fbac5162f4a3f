//! Sockets: their options and where they come from; sockets of the file system in the place of a host.

use crate::support::*;
use entreat::net::blocking::Blocking;
use entreat::net::tokio::Tokio;
use entreat::net::{Net, blocking::block};
use entreat::session::Session;
use entreat::{Config, Keepalive, Kind, Request, SocketOptions};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

/// A listener on a path that serves so many connections.
fn listen_on_path(name: &str, connections: usize) -> PathBuf {
    let path = std::env::temp_dir().join(format!("entreat-{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("the temporary directory can be written");
    answer_each(listener, connections);
    path
}

/// Answers each connection once, with the request's head as the body.
fn answer_each(listener: UnixListener, connections: usize) {
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = vec![0; 4096];
            let count = stream.read(&mut head).unwrap();
            let start = format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n");
            stream.write_all(&[start.as_bytes(), &head[..count]].concat()).unwrap();
        }
    });
}

async fn both_ways<N: Net>(net: N, name: &str) {
    let path = listen_on_path(name, 2);
    let encoded = path.to_str().unwrap().replace('/', "%2F");
    let session = Session::new(net, Config::new()).unwrap();
    let answer = fetch(&session, Request::get(format!("http+unix://{encoded}/v1/info"))).await.unwrap();
    assert!(answer.text().starts_with("GET /v1/info HTTP/1.1\r\nHost: localhost\r\n"), "{}", answer.text());
    let request = Request::get("http://docker.test/x").configure(|config| config.unix_socket(&path));
    let answer = fetch(&session, request).await.unwrap();
    assert!(answer.text().starts_with("GET /x HTTP/1.1\r\nHost: docker.test\r\n"), "{}", answer.text());
    let error = failure(&session, Request::get("http+unix://%2Fno%2Fsuch.sock/")).await;
    assert!(error.kind() == Kind::Connect && error.to_string().contains("/no/such.sock"), "{error}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_path_serves_in_the_place_of_a_host_blocking() {
    guarded(|| block(both_ways(Blocking::default(), "blocking")));
}

#[test]
fn a_path_serves_in_the_place_of_a_host_tokio() {
    guarded(|| runtime().block_on(both_ways(Tokio, "tokio")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_path_may_be_abstract() {
    use std::os::linux::net::SocketAddrExt;
    guarded(|| {
        let name = format!("entreat-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&address).unwrap();
        answer_each(listener, 1);
        let session = Session::new(Blocking::default(), Config::new()).unwrap();
        let answer = block(fetch(&session, Request::get(format!("http+unix://%00{name}/x")))).unwrap();
        assert!(answer.text().starts_with("GET /x HTTP/1.1"), "{}", answer.text());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn options_are_set_before_connecting() {
    guarded(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let keepalive = Keepalive {
            time: Duration::from_secs(7),
            interval: Some(Duration::from_secs(3)),
            count: Some(2),
        };
        let options = SocketOptions {
            nodelay: false,
            keepalive: Some(keepalive),
            receive_buffer: Some(20_000),
            user_timeout: Some(Duration::from_secs(5)),
            raw: vec![entreat::RawOption::int(libc::SOL_SOCKET, libc::SO_PRIORITY, 3)],
            ..SocketOptions::default()
        };
        let config = Config::new().socket(options).local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        let network = config.resolve().unwrap().network;
        let addresses = [listener.local_addr().unwrap()];
        let never = entreat::Deadline::NEVER;
        let stream = block(Blocking::default().connect(&addresses, &network, never)).unwrap();
        let socket = socket2::SockRef::from(stream.socket());
        assert_eq!(socket.local_addr().unwrap().as_socket().unwrap().ip(), Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(3));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 2);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(5)));
        // Linux doubles what it is given.
        assert_eq!(socket.recv_buffer_size().unwrap(), 40_000);
        assert!(!socket.tcp_nodelay().unwrap());
    });
}

#[test]
fn an_option_that_the_system_does_not_know_fails_by_its_name() {
    guarded(|| {
        let raw = vec![entreat::RawOption::int(libc::SOL_SOCKET, 9_999, 1)];
        let config = Config::new().socket(SocketOptions { raw, ..SocketOptions::default() });
        let session = Session::new(Blocking::default(), config).unwrap();
        let error = block(failure(&session, Request::get("http://127.0.0.1:1/")));
        assert!(error.to_string().contains("socket option 9999 of level"), "{error}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_that_does_not_exist_fails_by_its_name() {
    guarded(|| {
        let session = Session::new(Blocking::default(), Config::new().interface("nosuch0")).unwrap();
        let error = block(failure(&session, Request::get("http://127.0.0.1:1/")));
        assert!(error.to_string().contains("interface nosuch0"), "{error}");
    });
}
