//! CONNECT: a way through an HTTP proxy to a host, as bytes out and bytes in (RFC 9110 section 9.3.6).
//!
//! [`request`] makes the bytes that ask for it. [`Tunnel`] reads the answer and decides whether the tunnel stands, where
//! its bytes begin, and what a refusal says: status, fields, and the start of its body, so that a person can read why.
//! Does no I/O; `client` moves the bytes and keeps the time.

use crate::error::{Answer, Error, Kind, Result, excerpt};
use crate::h1::{self, BodyDecoder, Framing, HeadLimits, HeadParser, INFORMATIONAL_LIMIT};
use crate::headers::Headers;
use crate::response::ResponseHead;
use crate::url::Url;

/// As much of a refusal's body is kept: a page that says why fits in.
const BODY_LIMIT: usize = 16 * 1024;

/// The bytes that ask a proxy for a tunnel to the URL's host. `fields` are for the proxy; an empty `user_agent` is left
/// out.
pub fn request(url: &Url, user_agent: &str, fields: &Headers) -> Result<Vec<u8>> {
    let target = url.authority_target();
    h1::check_target(&target)?;
    let mut head = Headers::with_capacity(2 + fields.len(), 128);
    // RFC 9112 section 3.2: "A client MUST send a Host header field (Section 7.2 of [HTTP]) in all HTTP/1.1 request
    // messages. If the target URI includes an authority component, then a client MUST send a field value for Host
    // that is identical to that authority component".
    head.push(b"Host", target.as_bytes())?;
    if !user_agent.is_empty() && !fields.contains("User-Agent") {
        head.push(b"User-Agent", user_agent.as_bytes())?;
    }
    fields.raw().try_for_each(|(name, value)| head.push(name, value))?;
    let mut bytes = Vec::with_capacity(256);
    h1::write_head(&mut bytes, "CONNECT", &target, &head);
    Ok(bytes)
}

/// Reads the answer to one CONNECT.
#[derive(Debug)]
pub struct Tunnel {
    parser: HeadParser,
    informational: usize,
    refusal: Option<Refusal>,
}

/// What to do after some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many bytes are dealt with, perhaps none; more are needed.
    More(usize),
    /// So many bytes are dealt with, and the tunnel stands: those behind them came through it.
    Open(usize),
}

#[derive(Debug)]
struct Refusal {
    head: ResponseHead,
    decoder: BodyDecoder,
    body: Vec<u8>,
}

impl Tunnel {
    /// Waits for the first byte of the answer.
    pub fn new(limits: HeadLimits) -> Tunnel {
        Tunnel { parser: HeadParser::new(limits), informational: 0, refusal: None }
    }

    /// Reads on: `received` are the bytes that were not dealt with before, and new ones behind them.
    ///
    /// # Errors
    /// [`Kind::Proxy`] for a refusal that is complete, with the proxy's answer, and for what is no answer;
    /// [`Kind::HeadTooLarge`].
    pub fn receive(&mut self, received: &[u8]) -> Result<Step> {
        let mut taken = 0;
        while self.refusal.is_none() {
            let parsed = self.parser.parse(&received[taken..]).map_err(|error| broken(error, received))?;
            let Some((head, length)) = parsed else { return Ok(Step::More(taken)) };
            taken += length;
            match head.status {
                // "A server MUST NOT send any Transfer-Encoding or Content-Length header fields in a 2xx
                // (Successful) response to CONNECT. A client MUST ignore any Content-Length or Transfer-Encoding
                // header fields received in a successful response to CONNECT."
                200..=299 => return Ok(Step::Open(taken)),
                // RFC 9110 section 15.2: "A client MUST be able to parse one or more 1xx responses received prior to
                // a final response". 101 would be a protocol that nobody asked for.
                100 | 102..=199 => self.skip(head.status)?,
                _ => self.refusal = Some(Refusal::new(head)),
            }
        }
        let complete = self.refusal.as_mut().is_some_and(|refusal| refusal.receive(&received[taken..]));
        if complete { Err(self.end(&[])) } else { Ok(Step::More(received.len())) }
    }

    /// True where the proxy has refused, and only the rest of its reasons may be missing: not worth a long wait.
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// The error where nothing more comes; `received` are the bytes that were not dealt with.
    pub fn end(&mut self, received: &[u8]) -> Error {
        match self.refusal.take() {
            Some(refusal) => refusal.into_error(),
            None => broken(self.parser.end_of_input(received), received),
        }
    }

    fn skip(&mut self, status: u16) -> Result<()> {
        self.parser.reset();
        self.informational += 1;
        if self.informational <= INFORMATIONAL_LIMIT {
            return Ok(());
        }
        Err(Error::new(Kind::Proxy)
            .expected(format!("at most {INFORMATIONAL_LIMIT} informational responses to CONNECT"))
            .seen(format!("another one, with status {status}")))
    }
}

impl Refusal {
    fn new(head: ResponseHead) -> Refusal {
        // Contradictions in its framing do not matter any more: nothing of it is taken for certain.
        let framing = h1::decide("CONNECT", &head).map_or(Framing::Empty, |verdict| verdict.framing);
        Refusal { head, decoder: BodyDecoder::new(framing), body: Vec::new() }
    }

    /// Takes all of `input`; true where enough of the body is there.
    fn receive(&mut self, mut input: &[u8]) -> bool {
        while !self.decoder.is_done() && self.body.len() < BODY_LIMIT {
            let Ok(decoded) = self.decoder.decode(input) else { return true };
            if decoded.consumed == 0 {
                return false;
            }
            self.body.extend_from_slice(&input[decoded.data]);
            input = &input[decoded.consumed..];
        }
        self.body.truncate(BODY_LIMIT);
        true
    }

    fn into_error(self) -> Error {
        let Refusal { head, body, .. } = self;
        let reason = head.reason.escape_ascii().to_string();
        let seen = format!("{} {reason}", head.status).trim_end().to_owned();
        let error = Error::new(Kind::Proxy).expected("a tunnel (CONNECT)").seen(seen);
        let error = match head.status {
            407 => error.hint("it wants a user and a password, or others: put them into the proxy's URL"),
            400 | 403 | 405 | 501 => error.hint("it allows no tunnel to that host and port"),
            500 | 502..=504 => error.hint("it could not reach the host"),
            _ => error,
        };
        error.with_answer(Answer { head, body })
    }
}

/// What came is no answer to CONNECT.
fn broken(error: Error, received: &[u8]) -> Error {
    let came = error.received().is_none() && !received.is_empty();
    match error.kind() {
        Kind::HeadTooLarge => error,
        Kind::ClosedWithoutResponse => {
            Error::new(Kind::Proxy).expected("an answer to CONNECT").seen("the end of the connection")
        }
        _ if came => {
            let seen = excerpt(received);
            Error::new(Kind::Proxy).expected("an answer to CONNECT").seen(seen).with_received(received)
        }
        _ => Error::new(Kind::Proxy).expected("an answer to CONNECT").with_source(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n";

    /// What becomes of an answer that comes in one piece, and byte by byte: the bytes of the head where the tunnel
    /// stands.
    fn read(answer: &str) -> Result<Option<usize>> {
        let mut whole = Tunnel::new(HeadLimits::default());
        let outcome = finish(&mut whole, answer.as_bytes());
        let (mut tunnel, mut pending, mut total, mut dripped) =
            (Tunnel::new(HeadLimits::default()), Vec::new(), 0, Ok(None));
        for byte in answer.bytes() {
            pending.push(byte);
            match tunnel.receive(&pending) {
                Ok(Step::More(taken)) => {
                    total += taken;
                    pending.drain(..taken);
                }
                Ok(Step::Open(taken)) => {
                    dripped = Ok(Some(total + taken));
                    break;
                }
                Err(error) => {
                    dripped = Err(error);
                    break;
                }
            }
        }
        let facts = |outcome: &Result<Option<usize>>| match outcome {
            Ok(open) => (*open, None),
            Err(error) => (None, Some((error.kind(), error.answer().cloned()))),
        };
        assert_eq!(facts(&outcome), facts(&dripped), "{answer:?}");
        outcome
    }

    fn finish(tunnel: &mut Tunnel, bytes: &[u8]) -> Result<Option<usize>> {
        match tunnel.receive(bytes)? {
            Step::Open(taken) => Ok(Some(taken)),
            Step::More(_) => Ok(None),
        }
    }

    fn asked(url: &str, agent: &str, fields: &[(&str, &str)]) -> String {
        let mut headers = Headers::new();
        fields.iter().for_each(|(name, value)| headers.append(name, value).unwrap());
        String::from_utf8(request(&Url::parse(url).unwrap(), agent, &headers).unwrap()).unwrap()
    }

    #[test]
    fn a_tunnel_is_asked_for_by_host_and_port() {
        assert_eq!(asked("https://user:pass@a/path", "", &[]), format!("{HOST}\r\n"));
        let fields = [("Proxy-Authorization", "Basic x")];
        let expected = format!("{HOST}User-Agent: t\r\nProxy-Authorization: Basic x\r\n\r\n");
        assert_eq!(asked("https://a/", "t", &fields), expected);
        assert!(
            asked("https://[::1]:8443/", "", &[])
                .starts_with("CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n")
        );
        assert_eq!(asked("https://a/", "t", &[("user-agent", "u")]), format!("{HOST}user-agent: u\r\n\r\n"));
    }

    #[test]
    fn any_2xx_opens_it_and_framing_fields_count_for_nothing() {
        for head in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 199 x\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert_eq!(read(head).unwrap(), Some(head.len()), "{head:?}");
            assert_eq!(read(&format!("{head}bytes of the tunnel")).unwrap(), Some(head.len()), "{head:?}");
            assert_eq!(read(&head[..head.len() - 1]).unwrap(), None);
        }
    }

    #[test]
    fn a_refusal_carries_the_proxys_answer() {
        let head = "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\n";
        for (rest, body) in [
            ("Content-Length: 4\r\n\r\nwhy?", "why?"),
            ("Content-Length: 4\r\n\r\nwhy? and more", "why?"),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n2\r\ny?\r\n0\r\n\r\n", "why?"),
            ("Content-Length: 0\r\n\r\n", ""),
            ("Content-Length: 1\r\nContent-Length: 2\r\n\r\n", ""),
        ] {
            let error = read(&format!("{head}{rest}")).unwrap_err();
            let answer = error.answer().unwrap();
            assert_eq!((error.kind(), error.status()), (Kind::Proxy, Some(407)));
            assert_eq!((&*answer.head.reason, answer.body.as_slice()), (&b"Auth"[..], body.as_bytes()));
            assert_eq!(answer.head.headers.get_str("Proxy-Authenticate"), Some("Basic realm=\"x\""));
        }
    }

    #[test]
    fn a_refusal_that_breaks_off_says_what_had_come() {
        let mut tunnel = Tunnel::new(HeadLimits::default());
        let head = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nno";
        assert_eq!(tunnel.receive(head).unwrap(), Step::More(head.len()));
        assert!(tunnel.is_refused());
        let error = tunnel.end(b"");
        assert_eq!((error.status(), error.answer().unwrap().body.as_slice()), (Some(502), &b"no"[..]));
    }

    #[test]
    fn an_endless_refusal_is_cut() {
        let mut tunnel = Tunnel::new(HeadLimits::default());
        let answer = ["HTTP/1.1 403 No\r\n\r\n".as_bytes(), &vec![b'x'; 2 * BODY_LIMIT]].concat();
        let error = tunnel.receive(&answer).unwrap_err();
        assert_eq!(error.answer().unwrap().body.len(), BODY_LIMIT);
    }

    #[test]
    fn what_is_no_answer_is_an_error_of_the_proxy() {
        for garbage in ["SSH-2.0-x\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
            let mut tunnel = Tunnel::new(HeadLimits::default());
            let error = finish(&mut tunnel, garbage.as_bytes()).err().unwrap_or_else(|| tunnel.end(b""));
            assert_eq!(error.kind(), Kind::Proxy, "{garbage}");
        }
        assert_eq!(Tunnel::new(HeadLimits::default()).end(b"").kind(), Kind::Proxy);
        assert_eq!(Tunnel::new(HeadLimits::default()).end(b"HTTP/1.1 200").kind(), Kind::Proxy);
        assert_eq!(read(&"HTTP/1.1 100 x\r\n\r\n".repeat(65)).unwrap_err().kind(), Kind::Proxy);
    }

    #[test]
    fn a_head_without_end_is_too_large() {
        let mut tunnel = Tunnel::new(HeadLimits { bytes: 100, fields: 10 });
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(200));
        assert_eq!(tunnel.receive(endless.as_bytes()).unwrap_err().kind(), Kind::HeadTooLarge);
    }
}
