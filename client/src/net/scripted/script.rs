//! What a peer does, step by step, without I/O: played in memory by `scripted` and over real sockets by tests.
//!
//! A [`Player`] is told what it receives and what time it is, and says what to do [`Next`]. It notes in a [`Log`]
//! what arrived. It reads requests only as far as needed to know where they end (RFC 9112 section 6).

use entreat_core::h1::{BodyDecoder, Framing};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One step of a script. Behind the last one the connection is closed.
#[derive(Debug, Clone)]
pub enum Step {
    /// Receives one whole request and notes it.
    Expect,
    /// Receives the head of a request and notes it; its body stays unread.
    ExpectHead,
    /// Receives the body of the request whose head was received last, and notes it.
    ExpectBody,
    /// Receives so many bytes that are no request.
    ExpectBytes(usize),
    /// Sends bytes at once.
    Send(Vec<u8>),
    /// Sends bytes one by one, with so much time before each.
    Drip(Vec<u8>, Duration),
    /// Answers the request received last with its target as the body.
    Echo,
    /// Does nothing for so long. Bytes that arrive stay unread.
    Sleep(Duration),
    /// Reads and does nothing until the client closes.
    Hold,
    /// Goes back to the first step.
    Again,
    /// Breaks the connection off.
    Reset,
}

impl Step {
    /// [`Step::Send`] of text or bytes.
    pub fn send(bytes: impl AsRef<[u8]>) -> Step {
        Step::Send(bytes.as_ref().to_vec())
    }
}

/// The steps of one connection.
pub type Script = Vec<Step>;

/// Which script a connection gets.
#[derive(Debug, Clone)]
pub enum Scripts {
    /// The first for the first connection, and so on; those beyond the last are closed at once.
    Each(Vec<Script>),
    /// The same for all.
    All(Script),
}

/// A request as it arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// With the empty line; bytes outside UTF-8 replaced.
    pub head: String,
    /// Without framing.
    pub body: Vec<u8>,
}

/// What a peer has seen so far, by connection. Cheap to clone; clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<ConnectionLog>>>);

#[derive(Debug, Default)]
struct ConnectionLog {
    requests: Vec<ReceivedRequest>,
    bytes: Vec<u8>,
    steps_played: usize,
    client_closed: bool,
}

impl Log {
    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.entries().len()
    }

    /// All requests, in the order of their connections.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.entries().iter().flat_map(|entry| entry.requests.clone()).collect()
    }

    /// How many requests each connection brought.
    pub fn requests_by_connection(&self) -> Vec<usize> {
        self.entries().iter().map(|entry| entry.requests.len()).collect()
    }

    /// All that arrived on a connection, as it came.
    pub fn bytes(&self, connection: usize) -> Vec<u8> {
        self.entries()[connection].bytes.clone()
    }

    /// How many steps of a connection's script are done; 0 where it was not made yet.
    pub fn steps_played(&self, connection: usize) -> usize {
        self.entries().get(connection).map_or(0, |entry| entry.steps_played)
    }

    /// True once the client has closed that connection.
    pub fn client_closed(&self, connection: usize) -> bool {
        self.entries().get(connection).is_some_and(|entry| entry.client_closed)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<ConnectionLog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be done for a player.
#[derive(Debug)]
pub enum Next {
    /// Send these bytes, then ask again.
    Send(Vec<u8>),
    /// Ask again at that time; until then read nothing.
    Wait(Instant),
    /// Receive something, then ask again.
    Receive,
    /// Close the sending side in good order. Nothing comes after this.
    Close,
    /// Break the connection off. Nothing comes after this.
    Reset,
}

/// Plays the script of one connection.
#[derive(Debug)]
pub struct Player {
    script: Script,
    position: usize,
    log: Log,
    index: usize,
    /// Received, and not yet part of a request.
    unread: Vec<u8>,
    target: String,
    /// Of the request received last.
    head: String,
    /// When the current step goes on.
    wakes: Option<Instant>,
    dripped: usize,
    ended: bool,
}

impl Player {
    /// The player for the next connection.
    pub fn new(scripts: &Scripts, log: &Log) -> Player {
        let mut entries = log.entries();
        let index = entries.len();
        entries.push(ConnectionLog::default());
        drop(entries);
        let script = match scripts {
            Scripts::Each(scripts) => scripts.get(index).cloned().unwrap_or_default(),
            Scripts::All(script) => script.clone(),
        };
        Player {
            script,
            position: 0,
            log: log.clone(),
            index,
            unread: Vec::new(),
            target: String::new(),
            head: String::new(),
            wakes: None,
            dripped: 0,
            ended: false,
        }
    }

    /// Takes in what the client sent.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.note(|entry| entry.bytes.extend_from_slice(bytes));
    }

    /// The client closed, and the script waited for it.
    pub fn receive_end(&mut self) {
        self.ended = true;
        self.note_client_closed();
    }

    /// The client closed.
    pub fn note_client_closed(&self) {
        self.note(|entry| entry.client_closed = true);
    }

    /// How many bytes the peer has not read.
    pub fn unread(&self) -> usize {
        self.unread.len()
    }

    /// Reads what there is, for nothing.
    pub fn discard(&mut self) {
        self.unread.clear();
    }

    /// What to do at `now`.
    pub fn play(&mut self, now: Instant) -> Next {
        loop {
            if self.ended {
                return Next::Close;
            }
            let Some(step) = self.script.get(self.position).cloned() else { return Next::Close };
            match step {
                Step::Expect | Step::ExpectHead => {
                    let Some(request) = self.request(matches!(step, Step::Expect)) else {
                        return Next::Receive;
                    };
                    self.target = request.head.split(' ').nth(1).unwrap_or_default().to_owned();
                    self.head.clone_from(&request.head);
                    self.note(|entry| entry.requests.push(request));
                }
                Step::ExpectBody => {
                    let framing = request_framing(&self.head);
                    let Some((body, end)) = self.body(framing, 0) else { return Next::Receive };
                    self.unread.drain(..end);
                    self.note(|entry| {
                        if let Some(request) = entry.requests.last_mut() {
                            request.body = body;
                        }
                    });
                }
                Step::ExpectBytes(count) if self.unread.len() < count => return Next::Receive,
                Step::ExpectBytes(count) => drop(self.unread.drain(..count)),
                Step::Send(bytes) => {
                    self.step_done();
                    return Next::Send(bytes);
                }
                Step::Echo => {
                    let target = &self.target;
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", target.len());
                    let answer = Next::Send((head + target).into_bytes());
                    self.step_done();
                    return answer;
                }
                Step::Drip(bytes, gap) => {
                    if let Some(wakes) = self.wait(now, gap) {
                        return Next::Wait(wakes);
                    }
                    if let Some(byte) = bytes.get(self.dripped) {
                        self.dripped += 1;
                        self.wakes = None;
                        return Next::Send(vec![*byte]);
                    }
                }
                Step::Sleep(duration) => {
                    if let Some(wakes) = self.wait(now, duration) {
                        return Next::Wait(wakes);
                    }
                }
                Step::Hold => {
                    self.unread.clear();
                    return Next::Receive;
                }
                Step::Again => {
                    self.position = 0;
                    continue;
                }
                Step::Reset => return Next::Reset,
            }
            self.step_done();
        }
    }

    /// When a wait of `duration`, begun when this was first asked, is over; `None` where it is.
    fn wait(&mut self, now: Instant, duration: Duration) -> Option<Instant> {
        let wakes = *self.wakes.get_or_insert(now + duration);
        (wakes > now).then_some(wakes)
    }

    fn step_done(&mut self) {
        (self.wakes, self.dripped) = (None, 0);
        self.position += 1;
        self.note(|entry| entry.steps_played += 1);
    }

    fn note(&self, change: impl FnOnce(&mut ConnectionLog)) {
        change(&mut self.log.entries()[self.index]);
    }

    /// Cuts the next request out of what was received, once all of it is there.
    fn request(&mut self, with_body: bool) -> Option<ReceivedRequest> {
        let head_end = self.unread.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.unread[..head_end]).into_owned();
        let framing = if with_body { request_framing(&head) } else { Framing::Empty };
        let (body, end) = self.body(framing, head_end)?;
        self.unread.drain(..end);
        Some(ReceivedRequest { head, body })
    }

    /// The body that begins at `end` of what was received, and where it ends, once all of it is there.
    fn body(&self, framing: Framing, mut end: usize) -> Option<(Vec<u8>, usize)> {
        let mut body = Vec::new();
        let mut decoder = BodyDecoder::new(framing);
        while !decoder.is_done() {
            // A malformed body is never complete: the script stops there, and the test sees it.
            let decoded = decoder.decode(&self.unread[end..]).ok()?;
            if decoded.consumed == 0 {
                return None;
            }
            body.extend_from_slice(&self.unread[end..][decoded.data]);
            end += decoded.consumed;
        }
        Some((body, end))
    }
}

fn request_framing(head: &str) -> Framing {
    let field = |wanted: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    match (field("Transfer-Encoding"), field("Content-Length").and_then(|value| value.parse().ok())) {
        (Some("chunked"), _) => Framing::Chunked,
        (_, Some(length)) if length > 0 => Framing::Length(length),
        (_, Some(_) | None) => Framing::Empty,
    }
}

impl ReceivedRequest {
    /// The request line without its version, such as `GET /path`.
    pub fn line(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.rsplit_once(' ').map_or(line, |(line, _)| line)
    }

    /// The first field of that name.
    pub fn header(&self, wanted: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value)
    }
}
