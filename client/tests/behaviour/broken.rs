//! Peers that break the protocol: each gets its own error, and the next request works.

use crate::support::*;
use entreat::Kind;
use entreat::net::scripted::{Script, Scripted, Step};
use std::time::Duration;

/// What the peer says to the first request, the kind of error, and what its message mentions.
type Case = (Step, Kind, &'static str);

async fn check<B: Bench>(bench: &B, cases: impl IntoIterator<Item = Case>) {
    for (answer, kind, mentions) in cases {
        let broken: Script = vec![Step::Expect, answer];
        let peer = bench.peers([broken, vec![Step::Expect, ok("fine")]]);
        let session = bench.session();
        let error = failure(&session, peer.get("/path")).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(mentions), "{error}");
        assert!(error.url().unwrap().ends_with("/path"), "{error}");
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "fine");
        assert_eq!(peer.log.connections(), 2);
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

behaviour!(an_early_close_says_what_was_missing, |bench| {
    let cases = [
        (Step::send(""), Kind::ClosedWithoutResponse, "without a response"),
        (Step::send("HTTP/1.1 200 OK\r\nDate: now\r\n"), Kind::ClosedEarly, "Date: now"),
        (Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), Kind::ClosedEarly, "after 3 bytes"),
        (Step::send(CHUNKED.to_owned() + "5\r\nab"), Kind::ClosedEarly, "after 2 bytes"),
        (Step::send(CHUNKED.to_owned() + "2\r\nab\r\n"), Kind::ClosedEarly, "after 2 bytes"),
        (Step::send("HTTP/1.1 103 Early Hints\r\n\r\n"), Kind::ClosedEarly, "the server closed"),
    ];
    check(bench, cases).await;
});

behaviour!(a_chunk_of_the_wrong_size_is_malformed, |bench| {
    let cases = [
        (Step::send(CHUNKED.to_owned() + "xyz\r\n"), Kind::MalformedChunk, "xyz"),
        (Step::send(CHUNKED.to_owned() + "-5\r\nhello\r\n"), Kind::MalformedChunk, "-5"),
        (Step::send(CHUNKED.to_owned() + "3\r\nhello\r\n0\r\n\r\n"), Kind::MalformedChunk, "lo"),
        (Step::send(CHUNKED.to_owned() + "10000000000000000\r\n"), Kind::MalformedChunk, "chunk"),
    ];
    check(bench, cases).await;
});

behaviour!(what_is_no_http_is_malformed, |bench| {
    let cases = [
        (Step::send("SSH-2.0-OpenSSH_9.6\r\n"), Kind::MalformedResponse, "SSH-2.0"),
        (Step::send("HTTP/1.1 200 OK\r\nBad : 1\r\n\r\n"), Kind::MalformedResponse, "Bad : 1"),
        (
            Step::send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            Kind::MalformedResponse,
            "Content-Length",
        ),
        (Step::send("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Kind::MalformedResponse, "-1"),
        (
            Step::send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
            Kind::MalformedResponse,
            "chunked",
        ),
    ];
    check(bench, cases).await;
});

behaviour!(a_header_of_64_megabytes_is_not_taken_in, |bench| {
    let huge = [&b"HTTP/1.1 200 OK\r\nX-Huge: "[..], &vec![b'a'; 64 << 20]].concat();
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1_001));
    let cases =
        [(Step::Send(huge), Kind::HeadTooLarge, "262144"), (Step::send(many), Kind::HeadTooLarge, "1000")];
    check(bench, cases).await;
});

behaviour!(a_flood_of_informational_answers_is_refused, |bench| {
    let flood = Step::send("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000));
    check(bench, [(flood, Kind::MalformedResponse, "informational")]).await;
});

behaviour!(a_reset_in_the_middle_is_the_networks_fault, |bench| {
    let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    let pause = Step::Sleep(Duration::from_millis(30));
    let peer = bench.peer([Step::Expect, half, pause, Step::Reset]);
    let mut response = bench.session().deliver(peer.get("/")).await.unwrap();
    let error = response.incoming().read_to_end().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Io, "{error}");
});

behaviour!(a_body_that_failed_never_looks_like_one_that_ended, |bench| {
    let half = Step::send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    let peer = bench.peer([Step::Expect, half]);
    let mut response = bench.session().deliver(peer.get("/")).await.unwrap();
    let mut piece = [0; 100];
    assert_eq!(response.incoming().read(&mut piece).await.unwrap(), 3);
    for _ in 0..2 {
        assert_eq!(response.incoming().read(&mut piece).await.unwrap_err().kind(), Kind::ClosedEarly);
    }
    assert!(!response.incoming().is_done());
});

/// Numbers that look random and are the same in every run (Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// An honest answer with a few bytes changed, lost, doubled, or cut off behind.
fn garbled(numbers: &mut Numbers) -> Vec<u8> {
    const HONEST: [&str; 5] = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n01234567890123456789",
        "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n",
    ];
    let mut bytes = HONEST[numbers.below(HONEST.len())].as_bytes().to_vec();
    for _ in 0..numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(4) {
            0 => bytes[at] = numbers.below(256) as u8,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"\r\n0:; \tf9"[numbers.below(9)]),
            _ => bytes.truncate(at + 1),
        }
    }
    bytes
}

#[test]
fn no_garbled_answer_ever_becomes_the_next_one() {
    guarded(|| {
        let net = Scripted::default();
        let mut numbers = Numbers(1);
        net.run(async {
            let bench = ScriptedBench(net.clone());
            for number in 0..2_000 {
                let answer = garbled(&mut numbers);
                let shown = answer.escape_ascii().to_string();
                let sent = match numbers.below(2) {
                    0 => Step::Send(answer),
                    _ => Step::Drip(answer, Duration::ZERO),
                };
                let end = if numbers.below(2) == 0 { vec![] } else { vec![Step::Expect, Step::Echo] };
                let echo = vec![Step::Expect, Step::Echo, Step::Again];
                let broken: Script = [vec![Step::Expect, sent], end].concat();
                let peer = bench.peers([broken, echo.clone(), echo]);
                let session = bench.session();
                // An answer or an error: what matters is that there is one, and what comes next.
                drop(fetch(&session, peer.get("/")).await);
                let path = format!("/{number}");
                let next = fetch(&session, peer.get(&path)).await;
                assert_eq!(next.expect(&shown).text(), path, "{shown}");
            }
        });
    });
}
