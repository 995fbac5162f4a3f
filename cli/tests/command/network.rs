//! How connections are made: addresses in the place of a host, one family alone, a socket of the file system.

use crate::support::{failure, one_answer, printed};

#[test]
fn an_address_takes_the_place_of_a_host() {
    let url = one_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere");
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    assert_eq!(printed(&["--resolve", &format!("a.test:80:{address}"), "http://a.test/"]), "here");
}

#[test]
fn one_family_alone_leaves_the_other_out() {
    let (status, why) = failure(&["-6", "http://127.0.0.1:1/"]);
    assert!(status == 2 && why.contains("an IPv6 address"), "{why}");
    let (status, why) = failure(&["-4", "--local-address", "::1", "http://127.0.0.1:1/"]);
    assert!(status == 1 && why.contains("local_address"), "{why}");
}

#[cfg(unix)]
#[test]
fn a_socket_that_is_not_there_is_named() {
    let (status, why) = failure(&["--unix-socket", "/no/such.sock", "http://a.test/"]);
    assert!(status == 2 && why.contains("/no/such.sock"), "{why}");
}
