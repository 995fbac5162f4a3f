//! Bodies of requests whose pieces are waited for: streams and asynchronous readers, and what may happen meanwhile.

use crate::support::*;
use entreat::net::{Net, scripted::Step};
use entreat::{Body, Client, Config, Deadline, Form, Kind, Part, Request, Timeout, TlsRules, aio, mock};
use futures_core::Stream;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Pieces, each so long after the one before, by the clock of the net.
struct Slow<N> {
    net: Arc<N>,
    pieces: VecDeque<(Duration, io::Result<&'static str>)>,
    wait: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

fn slow<B: Bench>(
    bench: &B,
    pieces: impl IntoIterator<Item = (Duration, io::Result<&'static str>)>,
) -> Slow<B::Net> {
    Slow { net: Arc::new(bench.net()), pieces: pieces.into_iter().collect(), wait: None }
}

/// One piece, and then none for ever.
fn stuck<B: Bench>(bench: &B) -> Body {
    Body::stream(slow(bench, [(Duration::ZERO, Ok("begun")), (FOR_EVER, Ok("never"))]))
}

impl<N: Net> Stream for Slow<N> {
    type Item = io::Result<&'static str>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some((delay, _)) = self.pieces.front() else { return Poll::Ready(None) };
        let (delay, net) = (*delay, Arc::clone(&self.net));
        let wait = self.wait.get_or_insert_with(|| {
            let until = net.now() + delay;
            Box::pin(async move { net.sleep_until(until, Deadline::NEVER).await.unwrap_or_default() })
        });
        ready!(wait.as_mut().poll(context));
        self.wait = None;
        Poll::Ready(self.pieces.pop_front().map(|(_, piece)| piece))
    }
}

fn one_two<B: Bench>(bench: &B) -> Body {
    let pause = Duration::from_millis(5);
    Body::stream(slow(bench, [(pause, Ok("one ")), (pause, Ok("")), (pause, Ok("two"))]))
}

behaviour!(
    the_pieces_of_a_stream_are_sent_in_chunks_or_as_long_as_they_were_said_to_be,
    suspending,
    |bench| {
        let peer = bench.peer([Step::Expect, ok(""), Step::Expect, ok("")]);
        let session = bench.session();
        fetch(&session, peer.post("/").body(one_two(bench))).await.unwrap();
        fetch(&session, peer.post("/").body(one_two(bench).sized(7))).await.unwrap();
        let requests = peer.log.requests();
        assert!(requests.iter().all(|request| request.body == b"one two"));
        assert_eq!(requests[0].header("Transfer-Encoding"), Some("chunked"));
        assert_eq!(requests[1].header("Content-Length"), Some("7"));
        assert_eq!(peer.log.connections(), 1);
    }
);

behaviour!(a_piece_is_sent_before_the_next_one_is_there, suspending, |bench| {
    let peer = bench.peer([Step::ExpectHead, Step::Hold]);
    let session = bench.session_within(Timeout::total(SHORT * 4));
    let sending = async {
        assert_eq!(failure(&session, peer.post("/").body(stuck(bench))).await.kind(), Kind::TotalTimeout);
    };
    let watching =
        bench.until(|| peer.log.connections() == 1 && peer.log.bytes(0).ends_with(b"\r\n\r\n5\r\nbegun\r\n"));
    let futures: [Pin<Box<dyn Future<Output = ()>>>; 2] = [Box::pin(sending), Box::pin(watching)];
    all(futures.into_iter()).await;
});

behaviour!(an_asynchronous_reader_is_sent, suspending, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let reader = io::Cursor::new(vec![b'x'; 300_000]);
    fetch(&bench.session(), peer.post("/").body(Body::async_reader(reader))).await.unwrap();
    assert_eq!(peer.log.requests()[0].body.len(), 300_000);
});

behaviour!(a_refusal_is_heard_while_the_next_piece_is_waited_for, suspending, |bench| {
    let refusal = response("413 Content Too Large", "", "too large");
    let peer = bench.peer([Step::ExpectHead, Step::Sleep(SHORT), refusal, Step::Sleep(FOR_EVER)]);
    let session = bench.session_within(Timeout::NONE);
    let start = bench.now();
    let answer = fetch(&session, peer.post("/").body(stuck(bench))).await.unwrap();
    assert_eq!((answer.status, answer.text()), (413, "too large"));
    bench.assert_took(start, SHORT);
    assert_eq!(session.engine().idle(), 0);
});

behaviour!(a_peer_that_closes_is_noticed_while_the_next_piece_is_waited_for, suspending, |bench| {
    let peer = bench.peer([Step::ExpectHead, Step::Sleep(SHORT)]);
    let start = bench.now();
    let error = failure(&bench.session_within(Timeout::NONE), peer.post("/").body(stuck(bench))).await;
    assert_eq!(error.kind(), Kind::ClosedWithoutResponse, "{error}");
    bench.assert_took(start, SHORT);
});

behaviour!(an_early_answer_that_is_no_refusal_does_not_stop_a_stream, suspending, |bench| {
    let peer = bench.peer([Step::ExpectHead, ok("early"), Step::Expect]);
    let pieces = [(Duration::ZERO, Ok("one ")), (SHORT, Ok("two"))];
    let request = peer.post("/").body(Body::stream(slow(bench, pieces)));
    assert_eq!(fetch(&bench.session(), request).await.unwrap().text(), "early");
    bench.until(|| peer.log.bytes(0).ends_with(b"3\r\ntwo\r\n0\r\n\r\n")).await;
});

behaviour!(a_stream_that_gives_nothing_for_too_long_is_a_time_out, suspending, |bench| {
    let write = Timeout { write: Some(SHORT), ..Timeout::NONE };
    let total = Timeout { total: Some(SHORT), ..Timeout::NONE };
    for (timeout, kind) in [(write, Kind::WriteTimeout), (total, Kind::TotalTimeout)] {
        let peer = bench.peers([vec![Step::ExpectHead, Step::Hold], vec![Step::Expect, ok("next")]]);
        let session = bench.session_within(timeout);
        let start = bench.now();
        let error = failure(&session, peer.post("/").body(stuck(bench))).await;
        assert_eq!(error.kind(), kind, "{error}");
        bench.assert_took(start, SHORT);
        bench.until(|| peer.log.client_closed(0)).await;
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
    }
});

behaviour!(a_stream_that_fails_halfway_breaks_its_connection_off, suspending, |bench| {
    let pieces = || [(Duration::ZERO, Ok("begun")), (SHORT, Err(io::Error::other("the rest is gone")))];
    for body in [Body::stream(slow(bench, pieces())), Body::stream(slow(bench, pieces())).sized(9)] {
        let peer = bench.peers([vec![Step::Expect], vec![Step::Expect, ok("next")]]);
        let session = bench.session_within(Timeout::NONE);
        let error = failure(&session, peer.post("/").body(body)).await;
        assert!(error.kind() == Kind::InvalidBody && error.to_string().contains("the rest"), "{error}");
        bench.until(|| peer.log.client_closed(0)).await;
        assert!(!peer.log.bytes(0).ends_with(b"0\r\n\r\n"));
        assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "next");
    }
});

behaviour!(a_stream_that_was_sent_cannot_be_sent_again, suspending, |bench| {
    let body = one_two(bench);
    let peer = bench.peer_for_all([Step::Expect, ok(""), Step::Again]);
    let session = bench.session();
    fetch(&session, peer.post("/").body(body.clone())).await.unwrap();
    let error = failure(&session, peer.post("/").body(body)).await;
    assert_eq!(error.kind(), Kind::UnrewindableBody, "{error}");
    assert_eq!(peer.log.requests().len(), 1);
});

behaviour!(a_stream_may_be_part_of_a_form_or_watched, suspending, |bench| {
    let peer = bench.peer_for_all([Step::Expect, ok(""), Step::Again]);
    let session = bench.session();
    let form = Form::new().text("a", "b").part("file", Part::new(one_two(bench)));
    fetch(&session, peer.post("/").multipart(form)).await.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let watched = one_two(bench).on_progress(move |progress| notes.lock().unwrap().push(progress.done));
    fetch(&session, peer.post("/").body(watched)).await.unwrap();
    assert!(peer.log.requests()[0].body.windows(9).any(|window| window == b"one two\r\n"));
    assert_eq!((&peer.log.requests()[1].body[..], &told.lock().unwrap()[..]), (&b"one two"[..], &[4, 7][..]));
});

behaviour!(a_stream_may_be_compressed, suspending, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let request = peer.post("/").body(one_two(bench)).compress(entreat::Coding::Gzip);
    fetch(&bench.session(), request).await.unwrap();
    let coded = &peer.log.requests()[0].body[..];
    assert_eq!(io::read_to_string(flate2::read::GzDecoder::new(coded)).unwrap(), "one two");
});

#[test]
fn a_blocking_client_refuses_a_stream_before_anything_is_sent() {
    let bench = BlockingBench::default();
    let peer = bench.peer([Step::Expect]);
    let form = Form::new().part("file", Part::new(Body::async_reader(io::Cursor::new("x"))));
    let compressed =
        peer.post("/").body(Body::async_reader(io::Cursor::new("x"))).compress(entreat::Coding::Gzip);
    for request in [peer.post("/").multipart(form), compressed] {
        let error = Client::new().send(request).unwrap_err();
        assert!(error.kind() == Kind::InvalidBody && error.to_string().contains("aio"), "{error}");
    }
    assert_eq!(peer.log.connections(), 0);
}

#[test]
fn a_refusal_is_heard_over_tls_while_the_next_piece_is_waited_for() {
    let bench = TokioBench::default();
    runtime().block_on(async {
        let leaf = entreat_testkit::ca::Authority::new().leaf(&["localhost"]);
        let script = [Step::ExpectHead, Step::Sleep(SHORT), response("413 Too Large", "", "no"), Step::Hold];
        let peer = bench.tls_peers(&leaf, [script.into()]);
        let rules = TlsRules { accept_any_certificate: true, ..TlsRules::default() };
        let session = bench.session_with(Config::new().tls(rules));
        let request = peer.https("/").body(stuck(&bench));
        assert_eq!(fetch(&session, request).await.unwrap().status, 413);
    });
}

#[test]
fn a_transport_in_this_process_is_given_the_whole_of_a_stream() {
    let bench = TokioBench::default();
    runtime().block_on(async {
        let mock = mock::Mock::new();
        mock.on("PUT", "/");
        let client = aio::Client::with_transport(mock.clone(), Config::new()).unwrap();
        client.send(Request::put("http://a.test/").body(one_two(&bench))).await.unwrap();
        assert_eq!(mock.requests()[0].text(), "one two");
    });
}
