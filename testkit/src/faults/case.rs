//! What a case is, and the few words with which `cases` writes them down.

use std::sync::Arc;
use std::time::Duration;

/// One way of being wrong.
#[derive(Debug, Clone)]
pub struct Case {
    /// Unique; the first segment of the paths that are asked for.
    pub name: &'static str,
    /// The file that it stands in.
    pub theme: &'static str,
    /// What a correct client does, and which section says so.
    pub rule: &'static str,
    /// What the client asks, one after the other on one session.
    pub asks: Vec<Ask>,
    /// What the peer does on the first connection, and so on; those beyond the last are served honestly.
    pub scripts: Vec<Script>,
    /// How many connections the client may make.
    pub connections: usize,
    /// The client's time-out between two reads or writes.
    pub patience: Duration,
    /// The client's time-out for each ask as a whole, where it can set one.
    pub total: Duration,
    /// How long each ask may take.
    pub within: Duration,
    /// Bytes of memory that the client may take beyond what it had before.
    pub memory: u64,
    /// The caller reads no more of a body than this.
    pub limit: Option<u64>,
    /// Over TLS: with the certificate for other names, where there are any here.
    pub tls: Option<Tls>,
    /// What no request may contain.
    pub never_sent: Option<&'static str>,
    /// What comes of the last ask, too, where the fault is not one that ends.
    pub(super) hopeless: Option<Outcome>,
}

/// The stage's side of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls {
    /// The names of the certificate.
    pub names: &'static [&'static str],
    /// Session tickets sent behind the handshake.
    pub tickets: usize,
}

/// One request of the client.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: &'static str,
    /// Bytes of a body that it uploads, all of them `u`; none for no body.
    pub upload: Option<usize>,
    /// How long it waits before.
    pub pause: Duration,
    /// Each of these is right.
    pub expected: Vec<Outcome>,
}

/// What comes of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer with that status and exactly this body, codings undone.
    Answer(u16, Body),
    /// An error of this class.
    Failing(Failing),
    /// An answer without an end, of which the caller had enough.
    CutOff,
}

/// A body that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Bytes(Vec<u8>),
    /// So many times the letter `a`.
    Letters(usize),
    /// The target of the very request, or the one that it was redirected to (`/…/landing`).
    Own,
}

/// A class of errors, as far as clients tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// The connection ended before the answer was complete.
    Broken,
    /// What came is not HTTP, or its framing cannot be trusted.
    Malformed,
    /// More than a client should take in.
    TooLarge,
    /// A content coding that cannot be undone.
    Coding,
    /// A redirect that cannot be followed, or too many.
    Redirect,
    /// A time-out passed.
    TimeOut,
    /// TLS failed.
    Tls,
}

/// The acts of one connection. Behind the last one it is closed in good order.
pub type Script = Vec<Act>;

/// What the peer does next.
#[derive(Debug, Clone)]
pub enum Act {
    /// Receives one whole request.
    Expect,
    /// Receives the head of a request and leaves its body alone.
    ExpectHead,
    /// Sends these bytes at once.
    Send(Vec<u8>),
    /// Sends the bytes again and again.
    Flood(Arc<[u8]>, u64),
    /// The same with bytes that take their time to be made.
    FloodOf(fn() -> Vec<u8>, u64),
    /// Sends these bytes one by one, with so much time before each.
    Drip(Vec<u8>, Duration),
    /// Reads so many bytes, one by one, with so much time before each.
    Sip(usize, Duration),
    /// Does nothing, and reads nothing.
    Sleep(Duration),
    /// Answers the last request with its own target.
    Echo,
    /// Serves requests honestly until the client leaves.
    Honest,
    /// Answers every request so, but honestly the case's second one, whose path ends in `/1`.
    Loop(Vec<u8>),
    /// Lies in wait: should another request come on this connection, it gets a wrong answer.
    Poison,
    /// Reads and does nothing until the client leaves.
    Hold,
    /// Does nothing, and reads nothing, until the client leaves or the case is over.
    Ignore,
    /// Ends the sending side and reads on.
    HalfClose,
    /// Closes without reading what has come: a reset, if something has.
    Drop,
    /// Breaks the connection off.
    Reset,
    /// Does the server's part of a TLS handshake. From here on, what is sent is encrypted.
    Handshake,
    /// Sends bytes past TLS.
    Raw(Vec<u8>),
    /// Receives something, whatever it is.
    Receive,
    /// Sends back what it receives.
    Parrot,
    /// Reads and throws away so many bytes.
    Drain(usize),
    /// As [`Act::Flood`], past TLS.
    RawFlood(Arc<[u8]>, u64),
    /// As [`Act::Drip`], past TLS.
    RawDrip(Vec<u8>, Duration),
    /// Asks for new TLS keys, so many times.
    KeyUpdates(usize),
}

/// The body of an answer that no request should ever get.
pub(super) const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// Much longer than anything takes that is not meant to take long.
const LONG: Duration = Duration::from_secs(10);

/// A case that asks for nothing yet: see the methods.
pub(super) fn case(name: &'static str, rule: &'static str) -> Case {
    Case {
        name,
        theme: "",
        rule,
        asks: Vec::new(),
        scripts: Vec::new(),
        connections: 2,
        patience: LONG,
        total: LONG,
        within: LONG,
        memory: 64 << 20,
        limit: None,
        tls: None,
        never_sent: None,
        hopeless: None,
    }
}

impl Case {
    /// The first connection receives a request, says this, and stays open. It must not be used again, unless the
    /// client could know that all is well: a request on it gets a wrong answer.
    pub(super) fn says(self, bytes: impl AsRef<[u8]>) -> Case {
        self.plays([Act::Expect, send(bytes), Act::Poison])
    }

    /// The first connection receives a request, says this, and goes on honestly: it may be used again.
    pub(super) fn says_in_order(self, bytes: impl AsRef<[u8]>) -> Case {
        self.plays([Act::Expect, send(bytes), Act::Honest])
    }

    /// The first connection receives a request, says this, and closes.
    pub(super) fn says_and_closes(self, bytes: impl AsRef<[u8]>) -> Case {
        self.plays([Act::Expect, send(bytes)])
    }

    /// The acts of the next connection.
    pub(super) fn plays(mut self, script: impl Into<Script>) -> Case {
        self.scripts.push(script.into());
        self
    }

    /// A GET that may come to any of these.
    pub(super) fn gets(self, expected: impl Into<Vec<Outcome>>) -> Case {
        self.asks("GET", None, expected)
    }

    /// A GET that comes to this error.
    pub(super) fn fails(self, failing: Failing) -> Case {
        self.gets([Outcome::Failing(failing)])
    }

    /// A GET that is refused: the response is not HTTP.
    pub(super) fn refused(self) -> Case {
        self.fails(Failing::Malformed)
    }

    /// A GET that is answered with 200 and this body.
    pub(super) fn answers(self, body: &str) -> Case {
        self.gets([whole(body)])
    }

    /// A GET that is answered with its own target.
    pub(super) fn answers_own(self) -> Case {
        self.gets([own()])
    }

    /// A request with another method, perhaps with a body of so many bytes.
    pub(super) fn asks(
        mut self,
        method: &'static str,
        upload: Option<usize>,
        expected: impl Into<Vec<Outcome>>,
    ) -> Case {
        self.asks.push(Ask { method, upload, pause: Duration::ZERO, expected: expected.into() });
        self
    }

    /// Waits before the ask that was named last.
    pub(super) fn after(mut self, pause: Duration) -> Case {
        self.asks.last_mut().expect("an ask has been named").pause = pause;
        self
    }

    /// Waits as long as a peer needs to have sent or closed what it meant to.
    pub(super) fn after_a_while(self) -> Case {
        self.after(Duration::from_millis(120))
    }

    pub(super) fn connections(mut self, most: usize) -> Case {
        self.connections = most;
        self
    }

    /// The client waits no longer than `patience` for the next byte. What is left of `within` is for slow machines.
    pub(super) fn patience(mut self, patience: Duration) -> Case {
        self.patience = patience;
        self.within = patience + Duration::from_secs(2);
        self
    }

    /// The client waits no longer than `total` for the whole answer.
    pub(super) fn total(mut self, total: Duration) -> Case {
        self.total = total;
        self.within = total + Duration::from_secs(2);
        self
    }

    pub(super) fn within(mut self, within: Duration) -> Case {
        self.within = within;
        self
    }

    pub(super) fn limit(mut self, bytes: u64) -> Case {
        self.limit = Some(bytes);
        self
    }

    pub(super) fn never_sends(mut self, text: &'static str) -> Case {
        self.never_sent = Some(text);
        self
    }

    /// Over TLS, with a certificate for this machine's loopback.
    pub(super) fn over_tls(self) -> Case {
        self.over_tls_with(Tls { names: crate::ca::LOOPBACK, tickets: 2 })
    }

    pub(super) fn over_tls_with(mut self, tls: Tls) -> Case {
        self.tls = Some(tls);
        self
    }
}

pub(super) fn send(bytes: impl AsRef<[u8]>) -> Act {
    Act::Send(bytes.as_ref().to_vec())
}

/// An answer with 200 and this body.
pub(super) fn whole(body: impl AsRef<[u8]>) -> Outcome {
    Outcome::Answer(200, Body::Bytes(body.as_ref().to_vec()))
}

/// An answer with 200 and the request's own target.
pub(super) fn own() -> Outcome {
    Outcome::Answer(200, Body::Own)
}

/// An answer with that status and no body.
pub(super) fn status(status: u16) -> Outcome {
    Outcome::Answer(status, Body::Bytes(Vec::new()))
}

pub(super) const MALFORMED: Outcome = Outcome::Failing(Failing::Malformed);
pub(super) const BROKEN: Outcome = Outcome::Failing(Failing::Broken);
pub(super) const TOO_LARGE: Outcome = Outcome::Failing(Failing::TooLarge);
pub(super) const TIME_OUT: Outcome = Outcome::Failing(Failing::TimeOut);

/// A response with status 200: field lines, each with its CRLF, and what follows the empty line.
pub(super) fn ok(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK", fields, body)
}

/// The same with any status.
pub(super) fn answer(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

/// A response with status 200, field lines, a Content-Length that is true, and that body.
pub(super) fn sized(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    ok(&format!("{fields}Content-Length: {}\r\n", body.len()), body)
}

/// A chunked response: what follows the empty line is given as it is.
pub(super) fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    ok("Transfer-Encoding: chunked\r\n", body)
}

/// One chunk and the last one.
pub(super) fn in_one_chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat()
}

pub(super) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}
