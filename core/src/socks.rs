//! SOCKS 4, 4a, 5 and 5h: a way through a proxy that carries any bytes, as bytes out and bytes in.
//!
//! [`Handshake`] says what to send and reads the replies. It decides nothing about names: a [`Target`] is either an
//! address or a name that the proxy shall look up; `client` resolves where the scheme has us do so. RFC 1928 is version
//! 5, RFC 1929 its user and password; version 4 and 4a are the memos of Ying-Da Lee, "SOCKS: A protocol for TCP proxy
//! across firewalls" and "SOCKS 4A: A Simple Extension to SOCKS 4 Protocol".
//!
//! ```text
//! 5:  Method ──▶ Password ──▶ Reply ──▶ (through)      4:  Reply4 ──▶ (through)
//!         └───────────────────▲
//! ```

use crate::error::{Error, Kind, Result, excerpt};
use crate::policy::proxy::{Credentials, Scheme, Server};
use std::net::{IpAddr, Ipv4Addr};

const VERSION_4: u8 = 4;
const VERSION_5: u8 = 5;
/// Of the subnegotiation of RFC 1929.
const PASSWORD_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const ADDRESS_V4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_V6: u8 = 4;
const GRANTED_4: u8 = 90;

/// Whom the proxy shall connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(IpAddr),
    /// A name that the proxy looks up.
    Name(String),
}

impl Target {
    /// The host of a URL as the proxy shall see it: an address where it is one, else its name.
    pub fn of_host(host: &str) -> Target {
        host.parse().map_or_else(|_| Target::Name(host.to_owned()), Target::Address)
    }
}

/// One handshake, from its first byte on.
#[derive(Debug)]
pub struct Handshake {
    state: State,
    /// The request of version 5, sent once the methods are agreed on.
    request: Vec<u8>,
    credentials: Option<Credentials>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Version 5: which method the proxy chooses.
    Method,
    /// Version 5: whether it accepts user and password.
    Password,
    /// Version 5: whether it connected.
    Reply,
    /// Version 4: whether it connected.
    Reply4,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// More bytes are needed.
    More,
    /// Drop so many received bytes and send these.
    Send(usize, Vec<u8>),
    /// Drop so many received bytes: those behind them came from the target.
    Open(usize),
    /// The proxy did not connect.
    Refused(Refusal),
}

/// Why a proxy did not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Version 5, 1: "general SOCKS server failure".
    General,
    /// 2: "connection not allowed by ruleset".
    NotAllowed,
    /// 3: "Network unreachable".
    NetworkUnreachable,
    /// 4: "Host unreachable".
    HostUnreachable,
    /// 5: "Connection refused".
    ConnectionRefused,
    /// 6: "TTL expired".
    TtlExpired,
    /// 7: "Command not supported".
    CommandUnsupported,
    /// 8: "Address type not supported".
    AddressUnsupported,
    /// No method that both sides know: the proxy wants to know who we are, and nothing or the wrong kind was offered.
    NoMethod,
    /// User and password were refused.
    Credentials,
    /// Version 4, 91: "request rejected or failed".
    Rejected,
    /// Version 4, 92 and 93: about identd on our own machine.
    Identd,
    /// Any other code.
    Unassigned(u8),
}

impl Handshake {
    /// A handshake with the proxy `server`, and the bytes that begin it.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] for what the protocol cannot say: a user or password beyond 255 bytes, a name beyond
    /// that, an IPv6 address by version 4, a proxy that speaks no SOCKS.
    pub fn new(server: &Server, target: &Target, port: u16) -> Result<(Handshake, Vec<u8>)> {
        match server.scheme {
            Scheme::Socks4 | Scheme::Socks4a => {
                let handshake = Handshake { state: State::Reply4, request: Vec::new(), credentials: None };
                Ok((handshake, request_4(server.credentials.as_ref(), target, port)?))
            }
            Scheme::Socks5 | Scheme::Socks5h => {
                let greeting = Handshake::greeting_5(server)?;
                let (request, credentials) = (request_5(target, port)?, server.credentials.clone());
                Ok((Handshake { state: State::Method, request, credentials }, greeting))
            }
            Scheme::Http | Scheme::Https => Err(unsaid("a proxy that speaks SOCKS")),
        }
    }

    /// The bytes that begin a handshake of version 5, whoever is asked for.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] for a user or password beyond 255 bytes.
    pub fn greeting_5(server: &Server) -> Result<Vec<u8>> {
        server.credentials.iter().try_for_each(check_credentials)?;
        Ok(match server.credentials {
            None => vec![VERSION_5, 1, NO_AUTHENTICATION],
            Some(_) => vec![VERSION_5, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
        })
    }

    /// Reads on: `received` are the bytes that were not dropped before, and new ones behind them.
    ///
    /// # Errors
    /// [`Kind::Proxy`] for bytes that are no reply.
    pub fn receive(&mut self, received: &[u8]) -> Result<Step> {
        match self.state {
            State::Method => self.receive_method(received),
            State::Password => self.receive_verdict(received),
            State::Reply => receive_reply(received),
            State::Reply4 => receive_reply_4(received),
        }
    }

    /// The error where the proxy closed the connection; `received` are the bytes that were not dropped.
    pub fn end(&self, received: &[u8]) -> Error {
        let seen = match received {
            [] => "the end of the connection".to_owned(),
            _ => format!("the end of the connection after {}", excerpt(received)),
        };
        let error = Error::new(Kind::Proxy).expected(self.awaited()).seen(seen);
        match self.state {
            State::Password => error.hint("perhaps it refused user and password"),
            State::Method | State::Reply | State::Reply4 => error,
        }
    }

    /// RFC 1928 section 3: `VER METHOD`.
    fn receive_method(&mut self, received: &[u8]) -> Result<Step> {
        let [VERSION_5, method] = *prefix(received, 2) else { return self.partial(received, &[VERSION_5]) };
        match (method, &self.credentials) {
            (NO_AUTHENTICATION, _) => {
                self.state = State::Reply;
                Ok(Step::Send(2, std::mem::take(&mut self.request)))
            }
            (USER_AND_PASSWORD, Some(credentials)) => {
                self.state = State::Password;
                Ok(Step::Send(2, password_message(credentials)))
            }
            (NO_METHOD, _) => Ok(Step::Refused(Refusal::NoMethod)),
            (_, _) => Err(Error::new(Kind::Proxy)
                .expected("one of the methods of authentication that were offered")
                .seen(format!("method {method}"))),
        }
    }

    /// RFC 1929 section 2: `VER STATUS`. "A STATUS field of X'00' indicates success."
    fn receive_verdict(&mut self, received: &[u8]) -> Result<Step> {
        // Some servers put the version of SOCKS here; the status is what counts.
        let [PASSWORD_VERSION | VERSION_5, status] = *prefix(received, 2) else {
            return self.partial(received, &[PASSWORD_VERSION, VERSION_5]);
        };
        if status != 0 {
            return Ok(Step::Refused(Refusal::Credentials));
        }
        self.state = State::Reply;
        Ok(Step::Send(2, std::mem::take(&mut self.request)))
    }

    /// A reply of which not all is there, or none.
    fn partial(&self, received: &[u8], versions: &[u8]) -> Result<Step> {
        match received.first() {
            Some(first) if !versions.contains(first) => Err(garbage(self.awaited(), received)),
            Some(_) | None => Ok(Step::More),
        }
    }

    fn awaited(&self) -> &'static str {
        match self.state {
            State::Method => "a SOCKS 5 proxy that chooses a method of authentication",
            State::Password => "a SOCKS 5 proxy that judges user and password",
            State::Reply => "a SOCKS 5 proxy that says whether it connected",
            State::Reply4 => "a SOCKS 4 proxy that says whether it connected",
        }
    }
}

/// RFC 1928 section 6: `VER REP RSV ATYP BND.ADDR BND.PORT`.
fn receive_reply(received: &[u8]) -> Result<Step> {
    const AWAITED: &str = "a SOCKS 5 proxy that says whether it connected";
    if received.first().is_some_and(|first| *first != VERSION_5) {
        return Err(garbage(AWAITED, received));
    }
    // A refusal says enough by its code: some servers send nothing behind it.
    if let [_, code, ..] = received
        && *code != 0
    {
        return Ok(Step::Refused(refusal_5(*code)));
    }
    let address = match received.get(3..) {
        None | Some([]) => return Ok(Step::More),
        Some([ADDRESS_V4, ..]) => 4,
        Some([ADDRESS_V6, ..]) => 16,
        Some([ADDRESS_NAME]) => return Ok(Step::More),
        Some([ADDRESS_NAME, length, ..]) => 1 + usize::from(*length),
        Some([_, ..]) => {
            return Err(garbage("a SOCKS 5 reply with a kind of address that is known", received));
        }
    };
    let length = 4 + address + 2;
    if received.len() < length { Ok(Step::More) } else { Ok(Step::Open(length)) }
}

/// `VN CD DSTPORT DSTIP`, with 0 as the version.
fn receive_reply_4(received: &[u8]) -> Result<Step> {
    match received {
        [] => Ok(Step::More),
        [0, GRANTED_4, _, _, _, _, _, _, ..] => Ok(Step::Open(8)),
        [0] | [0, GRANTED_4, ..] => Ok(Step::More),
        [0, code, ..] => Ok(Step::Refused(match code {
            91 => Refusal::Rejected,
            92 | 93 => Refusal::Identd,
            other => Refusal::Unassigned(*other),
        })),
        [..] => Err(garbage("a SOCKS 4 proxy that says whether it connected", received)),
    }
}

fn refusal_5(code: u8) -> Refusal {
    match code {
        1 => Refusal::General,
        2 => Refusal::NotAllowed,
        3 => Refusal::NetworkUnreachable,
        4 => Refusal::HostUnreachable,
        5 => Refusal::ConnectionRefused,
        6 => Refusal::TtlExpired,
        7 => Refusal::CommandUnsupported,
        8 => Refusal::AddressUnsupported,
        other => Refusal::Unassigned(other),
    }
}

impl Refusal {
    /// True where another address of the same host may fare better.
    pub fn is_about_the_address(self) -> bool {
        match self {
            // A version 4 proxy, and many a version 5 one, has no other word for a host that cannot be reached.
            Refusal::General
            | Refusal::NetworkUnreachable
            | Refusal::HostUnreachable
            | Refusal::ConnectionRefused
            | Refusal::TtlExpired
            | Refusal::AddressUnsupported
            | Refusal::Rejected => true,
            Refusal::NotAllowed
            | Refusal::CommandUnsupported
            | Refusal::NoMethod
            | Refusal::Credentials
            | Refusal::Identd
            | Refusal::Unassigned(_) => false,
        }
    }

    /// The error of [`Kind::Proxy`].
    pub fn into_error(self) -> Error {
        let error = |seen: &'static str| Error::new(Kind::Proxy).expected("a connection (SOCKS)").seen(seen);
        match self {
            Refusal::General => error("a general failure").hint("perhaps it could not reach the host"),
            Refusal::NotAllowed => error("that its rules do not allow it"),
            Refusal::NetworkUnreachable => error("that the host's network cannot be reached"),
            Refusal::HostUnreachable => error("that the host cannot be reached, or its name is not known"),
            Refusal::ConnectionRefused => error("that the host refused the connection"),
            Refusal::TtlExpired => error("that the host is too far away (TTL expired)"),
            Refusal::CommandUnsupported => error("that it does not support CONNECT"),
            Refusal::AddressUnsupported => error("that it does not support that kind of address")
                .hint("socks5h:// sends the name instead"),
            Refusal::NoMethod => error("that it accepts no method of authentication that was offered")
                .hint("put user and password into the proxy's URL"),
            Refusal::Credentials => error("that it refuses user and password"),
            Refusal::Rejected => error("that it rejected the request, or could not reach the host"),
            Refusal::Identd => error("that it asks for an identd on this machine"),
            Refusal::Unassigned(code) => {
                Error::new(Kind::Proxy).expected("a connection (SOCKS)").seen(format!("code {code}"))
            }
        }
    }
}

/// RFC 1928 section 4: `VER CMD RSV ATYP DST.ADDR DST.PORT`.
fn request_5(target: &Target, port: u16) -> Result<Vec<u8>> {
    let mut bytes = vec![VERSION_5, CONNECT, 0];
    match target {
        Target::Address(IpAddr::V4(address)) => {
            bytes.push(ADDRESS_V4);
            bytes.extend(address.octets());
        }
        Target::Address(IpAddr::V6(address)) => {
            bytes.push(ADDRESS_V6);
            bytes.extend(address.octets());
        }
        Target::Name(name) => {
            bytes.push(ADDRESS_NAME);
            push_short(&mut bytes, check_name(name)?)?;
        }
    }
    bytes.extend(port.to_be_bytes());
    Ok(bytes)
}

/// `VN CD DSTPORT DSTIP USERID NULL`, and for 4a the address 0.0.0.1 and the name behind it.
fn request_4(credentials: Option<&Credentials>, target: &Target, port: u16) -> Result<Vec<u8>> {
    const NAME_FOLLOWS: Ipv4Addr = Ipv4Addr::new(0, 0, 0, 1);
    let user = credentials.map_or("", |credentials| &credentials.user);
    if user.contains('\0') {
        return Err(unsaid("a user for SOCKS 4 without zero bytes"));
    }
    let (address, name) = match target {
        Target::Address(IpAddr::V4(address)) => (*address, None),
        Target::Address(IpAddr::V6(address)) => {
            return Err(unsaid("an IPv4 address, since SOCKS 4 knows no other")
                .seen(address.to_string())
                .hint("use socks5:// or socks5h:// where the proxy speaks it"));
        }
        Target::Name(name) => (NAME_FOLLOWS, Some(check_name(name)?)),
    };
    let mut bytes = vec![VERSION_4, CONNECT];
    bytes.extend(port.to_be_bytes());
    bytes.extend(address.octets());
    bytes.extend(user.bytes());
    bytes.push(0);
    if let Some(name) = name {
        bytes.extend(name.bytes());
        bytes.push(0);
    }
    Ok(bytes)
}

/// RFC 1929 section 2: `VER ULEN UNAME PLEN PASSWD`.
fn password_message(credentials: &Credentials) -> Vec<u8> {
    let mut bytes = vec![PASSWORD_VERSION];
    for part in [&credentials.user, &credentials.password] {
        debug_assert!(part.len() <= 255, "checked when the handshake was made");
        bytes.push(part.len() as u8);
        bytes.extend(part.bytes());
    }
    bytes
}

fn check_credentials(credentials: &Credentials) -> Result<()> {
    let fits = |text: &str| text.len() <= usize::from(u8::MAX);
    match fits(&credentials.user) && fits(&credentials.password) {
        true => Ok(()),
        false => Err(unsaid("a user and a password of at most 255 bytes each, as SOCKS 5 has it")),
    }
}

/// A name goes out as it is, so that nothing in it may look like its end.
fn check_name(name: &str) -> Result<&str> {
    let fits = !name.is_empty() && name.len() <= usize::from(u8::MAX);
    if fits && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(name);
    }
    Err(unsaid("a host's name of 1 to 255 visible ASCII characters").seen(excerpt(name.as_bytes())))
}

fn push_short(bytes: &mut Vec<u8>, text: &str) -> Result<()> {
    let length = u8::try_from(text.len()).map_err(|_| unsaid("at most 255 bytes"))?;
    bytes.push(length);
    bytes.extend(text.bytes());
    Ok(())
}

/// The first `count` bytes, or all where there are fewer.
fn prefix(received: &[u8], count: usize) -> &[u8] {
    &received[..received.len().min(count)]
}

fn unsaid(expected: &'static str) -> Error {
    Error::new(Kind::InvalidConfig).expected(expected)
}

fn garbage(expected: &'static str, received: &[u8]) -> Error {
    Error::new(Kind::Proxy).expected(expected).seen(excerpt(received))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREETING: &[u8] = &[5, 1, 0];
    const NAME_REQUEST: &[u8] = b"\x05\x01\x00\x03\x06a.test\x00\x50";
    const BOUND: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 0x1f, 0x90];

    fn begin(url: &str, host: &str) -> Result<(Handshake, Vec<u8>)> {
        Handshake::new(&Server::parse(url).unwrap(), &Target::of_host(host), 80)
    }

    /// Plays a proxy that says these replies, whatever it hears; returns what it heard and what came of it. The bytes
    /// come whole, and byte by byte, and with those of the target behind them.
    fn play(url: &str, host: &str, replies: &[&[u8]]) -> (Vec<Vec<u8>>, Result<Step>) {
        let whole = play_in(url, host, replies, usize::MAX);
        let dripped = play_in(url, host, replies, 1);
        let facts = |outcome: &Result<Step>| outcome.clone().map_err(|error| error.kind());
        assert_eq!((&whole.0, facts(&whole.1)), (&dripped.0, facts(&dripped.1)), "{url} {replies:?}");
        whole
    }

    fn play_in(url: &str, host: &str, replies: &[&[u8]], size: usize) -> (Vec<Vec<u8>>, Result<Step>) {
        let (mut handshake, greeting) = begin(url, host).unwrap();
        let (mut heard, mut pending) = (vec![greeting], Vec::new());
        for reply in replies {
            for piece in reply.chunks(size.min(reply.len().max(1))) {
                pending.extend_from_slice(piece);
                match handshake.receive(&pending) {
                    Ok(Step::More) => {}
                    Ok(Step::Send(taken, bytes)) => {
                        pending.drain(..taken);
                        heard.push(bytes);
                    }
                    ended => return (heard, ended),
                }
            }
        }
        (heard, handshake.receive(&pending))
    }

    #[test]
    fn version_5_without_credentials_asks_for_a_name() {
        let (heard, end) = play("socks5h://p", "a.test", &[&[5, 0], BOUND]);
        assert_eq!((heard, end.unwrap()), (vec![GREETING.to_vec(), NAME_REQUEST.to_vec()], Step::Open(10)));
    }

    #[test]
    fn version_5_with_credentials_shows_them_where_it_is_asked() {
        let password = b"\x01\x04user\x04p\xc3\xa9x".to_vec();
        let (heard, end) = play("socks5h://user:p%C3%A9x@p", "a.test", &[&[5, 2], &[1, 0], BOUND]);
        assert_eq!(heard, [vec![5, 2, 0, 2], password, NAME_REQUEST.to_vec()]);
        assert_eq!(end.unwrap(), Step::Open(10));
        let (heard, _) = play("socks5h://user:pass@p", "a.test", &[&[5, 0], BOUND]);
        assert_eq!(heard, [vec![5, 2, 0, 2], NAME_REQUEST.to_vec()]);
    }

    #[test]
    fn addresses_go_as_addresses() {
        let request = |host| play("socks5://p", host, &[&[5, 0]]).0[1].clone();
        assert_eq!(request("1.2.3.4"), [5, 1, 0, 1, 1, 2, 3, 4, 0, 80]);
        let v6 = request("::1");
        assert_eq!((&v6[..4], v6[19], v6.len()), (&[5, 1, 0, 4][..], 1, 22));
        assert_eq!(begin("socks4://p", "1.2.3.4").unwrap().1, [4, 1, 0, 80, 1, 2, 3, 4, 0]);
    }

    #[test]
    fn version_4_says_user_and_name() {
        assert_eq!(begin("socks4://me:x@p", "1.2.3.4").unwrap().1, b"\x04\x01\x00\x50\x01\x02\x03\x04me\0");
        assert_eq!(begin("socks4a://p", "a.test").unwrap().1, b"\x04\x01\x00\x50\0\0\0\x01\0a.test\0");
        let (_, end) = play("socks4a://p", "a.test", &[&[0, 90, 0, 0, 0, 0, 0, 0]]);
        assert_eq!(end.unwrap(), Step::Open(8));
    }

    #[test]
    fn every_kind_of_bound_address_is_skipped_exactly() {
        let v6 = [&[5, 0, 0, 4][..], &[0; 18]].concat();
        let name = b"\x05\x00\x00\x03\x04host\x00\x01";
        for (reply, length) in [(BOUND, 10), (&v6, 22), (name, 11), (b"\x05\x00\x00\x03\x00\x00\x01", 7)] {
            let (_, end) = play("socks5h://p", "a.test", &[&[5, 0], reply]);
            assert_eq!(end.unwrap(), Step::Open(length));
            let (_, end) = play("socks5h://p", "a.test", &[&[5, 0], &[reply, b"HTTP/1.1"].concat()]);
            assert_eq!(end.unwrap(), Step::Open(length));
            let (_, end) = play("socks5h://p", "a.test", &[&[5, 0], &reply[..length - 1]]);
            assert_eq!(end.unwrap(), Step::More);
        }
    }

    #[test]
    fn each_refusal_says_why() {
        for (code, refusal, word) in [
            (1, Refusal::General, "general failure"),
            (2, Refusal::NotAllowed, "rules"),
            (3, Refusal::NetworkUnreachable, "network"),
            (4, Refusal::HostUnreachable, "host cannot"),
            (5, Refusal::ConnectionRefused, "refused the connection"),
            (6, Refusal::TtlExpired, "TTL"),
            (7, Refusal::CommandUnsupported, "CONNECT"),
            (8, Refusal::AddressUnsupported, "kind of address"),
            (77, Refusal::Unassigned(77), "77"),
        ] {
            let (_, end) = play("socks5h://p", "a.test", &[&[5, 0], &[5, code]]);
            assert_eq!(end.unwrap(), Step::Refused(refusal));
            let error = refusal.into_error();
            assert!(error.kind() == Kind::Proxy && error.to_string().contains(word), "{error}");
        }
        for (code, refusal) in [(91, Refusal::Rejected), (93, Refusal::Identd), (0, Refusal::Unassigned(0))] {
            assert_eq!(play("socks4a://p", "a.test", &[&[0, code]]).1.unwrap(), Step::Refused(refusal));
        }
        let refused = |url, replies: &[&[u8]]| play(url, "a.test", replies).1.unwrap();
        assert_eq!(refused("socks5h://p", &[&[5, 255]]), Step::Refused(Refusal::NoMethod));
        assert_eq!(refused("socks5h://u:p@p", &[&[5, 2], &[1, 1]]), Step::Refused(Refusal::Credentials));
    }

    #[test]
    fn what_is_no_reply_is_an_error_at_its_first_byte() {
        for (url, replies) in [
            ("socks5h://p", &[&b"HTTP/1.1 400"[..]][..]),
            ("socks5h://p", &[&[5, 2]]),
            ("socks5h://p", &[&[5, 1]]),
            ("socks5h://p", &[&[5, 0], &[4, 0]]),
            ("socks5h://p", &[&[5, 0], &[5, 0, 0, 9, 0]]),
            ("socks5h://u:p@p", &[&[5, 2], &[9, 0]]),
            ("socks4a://p", &[&[4, 90, 0, 0, 0, 0, 0, 0]]),
        ] {
            assert_eq!(play(url, "a.test", replies).1.unwrap_err().kind(), Kind::Proxy, "{url} {replies:?}");
        }
        assert_eq!(begin("socks5h://p", "a.test").unwrap().0.end(&[5]).kind(), Kind::Proxy);
    }

    #[test]
    fn what_the_protocol_cannot_say_is_refused_before() {
        let long = "x".repeat(256);
        for (url, host) in [
            ("socks4://p".to_owned(), "::1"),
            ("socks4a://p".to_owned(), "::1"),
            ("socks4a://u%00@p".to_owned(), "a.test"),
            (format!("socks5://{long}:p@p"), "a.test"),
            (format!("socks5h://u:{long}@p"), "a.test"),
            ("socks5h://p".to_owned(), &long),
            ("socks4a://p".to_owned(), "a\0b"),
            ("http://p".to_owned(), "a.test"),
        ] {
            assert_eq!(begin(&url, host).unwrap_err().kind(), Kind::InvalidConfig, "{url} {host}");
        }
        let most = "x".repeat(255);
        begin(&format!("socks5h://{most}:{most}@p"), &most).unwrap();
    }
}
