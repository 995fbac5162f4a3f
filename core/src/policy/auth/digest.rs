//! The scheme Digest: RFC 7616, for origins and proxies alike.
//!
//! Decides which challenge is answered, whether another round makes sense, and what the answer is. It makes
//! no random numbers: the caller passes each session a fresh `cnonce`. Servers of RFC 2069, which know no
//! `qop`, are answered too. The engine keeps one [`Session`] for each origin or proxy and user.
//!
//! > Section 3.4.1: "response = <"> < KD ( H(A1), unq(nonce) ":" nc ":" unq(cnonce) ":" unq(qop) ":" H(A2) )
//! > <">".
//! > 3.4.2: "A1 = unq(username) ":" unq(realm) ":" passwd"; with -sess "A1 = H( unq(username) ":" unq(realm)
//! > ":" passwd ) ":" unq(nonce-prime) ":" unq(cnonce-prime)". 3.4.3: "A2 = Method ":" request-uri", with
//! > auth-int and "":" H(entity-body)". 3.7: "it SHOULD choose the first challenge it supports, unless a local
//! > policy dictates otherwise". Ours takes the strongest, and the first among equals.

use super::challenge::parameters;
use super::{Challenge, Credentials, quoted};
use crate::error::{Error, Kind, Result};
use md5::Md5;
use sha2::digest::Digest as _;
use sha2::{Sha256, Sha512_256};

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Answer challenges that know only MD5. Default true: most servers with Digest know nothing else, and
    /// without TLS Digest-MD5 is still better than Basic. Use false where every server is known to be newer.
    pub allow_md5: bool,
}

impl Rules {
    /// The modern clients' rules.
    pub const fn modern() -> Rules {
        Rules { allow_md5: true }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::modern()
    }
}

/// What becomes of a 401 or 407.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Send the request again with this session's answer.
    Answer(Session),
    /// Another round cannot help; the response is the answer.
    GiveUp(Reason),
}

/// Why there is no other round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No challenge of this scheme, or none with an algorithm and a quality of protection that are known.
    NoUsableChallenge,
    /// The server has seen this session's answer and did not call it stale: user or password are wrong.
    Rejected,
}

/// Judges the challenges of a response. `answered` is the session whose answer the request carried.
pub fn decide(rules: &Rules, challenges: &[Challenge], answered: Option<&Session>, cnonce: &str) -> Decision {
    let usable = challenges.iter().filter_map(|challenge| Session::open(challenge, cnonce));
    // Of equals the first stays, since the server lists what it prefers first.
    let strongest = usable
        .filter(|session| rules.allow_md5 || session.algorithm.hash != Hash::Md5)
        .reduce(|best, next| if next.strength() > best.strength() { next } else { best });
    let Some(session) = strongest else { return Decision::GiveUp(Reason::NoUsableChallenge) };
    // "stale: A case-insensitive flag indicating that the previous request from the client was rejected
    // because the nonce value was stale. If stale is true, the client may wish to simply retry the request
    // with a new encrypted response, without re-prompting the user for a new username and password."
    if answered.is_some() && !session.stale {
        return Decision::GiveUp(Reason::Rejected);
    }
    Decision::Answer(session)
}

/// One server's nonce and how often it was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    opaque: Option<Vec<u8>>,
    algorithm: Algorithm,
    /// As the server wrote it; the answer repeats it.
    algorithm_text: Option<String>,
    protection: Protection,
    user_hash: bool,
    stale: bool,
    cnonce: String,
    /// The nonce that a -sess key was made with: "nonce-prime".
    first_nonce: Vec<u8>,
    count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Algorithm {
    hash: Hash,
    session: bool,
}

/// In order of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

/// The quality of protection, `qop`, in order of strength of what we prefer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Protection {
    /// The server named none: RFC 2069.
    None,
    /// Only where the server insists: it needs the whole body before the head.
    AuthInt,
    Auth,
}

/// What a request is, as far as its answer is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The request target, as sent: path and query, or `host:port` for CONNECT.
    pub target: &'a str,
    /// The body, where it is known; `Some(b"")` for a request without one. Needed for `auth-int` alone.
    pub body: Option<&'a [u8]>,
}

impl Session {
    fn open(challenge: &Challenge, cnonce: &str) -> Option<Session> {
        if !challenge.is("Digest") {
            return None;
        }
        let nonce = challenge.parameter("nonce")?.to_vec();
        let flag = |name| challenge.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        Some(Session {
            realm: challenge.parameter("realm")?.to_vec(),
            first_nonce: nonce.clone(),
            nonce,
            opaque: challenge.parameter("opaque").map(<[u8]>::to_vec),
            algorithm: Algorithm::named(challenge.text("algorithm"))?,
            algorithm_text: challenge.text("algorithm").map(str::to_owned),
            protection: Protection::offered(challenge.text("qop"))?,
            user_hash: flag("userhash"),
            stale: flag("stale"),
            cnonce: cnonce.to_owned(),
            count: 0,
        })
    }

    fn strength(&self) -> (Hash, Protection) {
        (self.algorithm.hash, self.protection)
    }

    /// The value of the Authorization or Proxy-Authorization field; counts the nonce up.
    ///
    /// Bytes, since realm and nonce go back as they came.
    ///
    /// # Errors
    /// [`Kind::UnrewindableBody`] where the server insists on `auth-int` and the body is not known.
    /// [`Kind::InvalidHeader`] where the user's name holds control characters.
    pub fn authorization(&mut self, credentials: &Credentials, facts: &Facts<'_>) -> Result<Vec<u8>> {
        if credentials.user.contains(char::is_control) {
            return Err(Error::new(Kind::InvalidHeader).expected("a user name without control characters"));
        }
        let second = self.hashed_request(facts)?;
        self.count += 1;
        let count = format!("{:08x}", self.count);
        let first = self.hashed_user(credentials);
        let qop = self.protection.name();
        let response = match qop {
            Some(qop) => self.hash(&[
                first.as_bytes(),
                &self.nonce,
                count.as_bytes(),
                self.cnonce.as_bytes(),
                qop.as_bytes(),
                second.as_bytes(),
            ]),
            None => self.hash(&[first.as_bytes(), &self.nonce, second.as_bytes()]),
        };
        let mut field = b"Digest ".to_vec();
        self.push_user(&mut field, credentials);
        push(&mut field, "realm", &quoted(&self.realm));
        push(&mut field, "nonce", &quoted(&self.nonce));
        push(&mut field, "uri", &quoted(facts.target.as_bytes()));
        push(&mut field, "response", &quoted(response.as_bytes()));
        if let Some(opaque) = &self.opaque {
            push(&mut field, "opaque", &quoted(opaque));
        }
        if let Some(algorithm) = &self.algorithm_text {
            push(&mut field, "algorithm", algorithm.as_bytes());
        }
        if let Some(qop) = qop {
            push(&mut field, "qop", qop.as_bytes());
            push(&mut field, "nc", count.as_bytes());
        }
        if qop.is_some() || self.algorithm.session {
            push(&mut field, "cnonce", &quoted(self.cnonce.as_bytes()));
        }
        Ok(field)
    }

    /// Takes the nonce that an Authentication-Info field names for the next request (section 3.5).
    pub fn take_info(&mut self, field: &[u8]) {
        if let Some(nonce) = parameters(field).parameter("nextnonce") {
            self.nonce = nonce.to_vec();
            self.count = 0;
        }
    }

    /// H(A1).
    fn hashed_user(&self, credentials: &Credentials) -> String {
        let (user, password) = (credentials.user.as_bytes(), credentials.password.as_bytes());
        let hashed = self.hash(&[user, &self.realm, password]);
        if self.algorithm.session {
            return self.hash(&[hashed.as_bytes(), &self.first_nonce, self.cnonce.as_bytes()]);
        }
        hashed
    }

    /// H(A2).
    fn hashed_request(&self, facts: &Facts<'_>) -> Result<String> {
        let (method, target) = (facts.method.as_bytes(), facts.target.as_bytes());
        match self.protection {
            Protection::None | Protection::Auth => Ok(self.hash(&[method, target])),
            Protection::AuthInt => {
                let body = facts.body.ok_or_else(|| {
                    Error::new(Kind::UnrewindableBody)
                        .expected("a body in memory, since the server asks for Digest with qop=auth-int")
                })?;
                Ok(self.hash(&[method, target, self.hash(&[body]).as_bytes()]))
            }
        }
    }

    /// The hash of parts with colons between them, in hexadecimal.
    fn hash(&self, parts: &[&[u8]]) -> String {
        let text = parts.join(&b':');
        match self.algorithm.hash {
            Hash::Md5 => hexadecimal(&Md5::digest(text)),
            Hash::Sha256 => hexadecimal(&Sha256::digest(text)),
            Hash::Sha512_256 => hexadecimal(&Sha512_256::digest(text)),
        }
    }

    /// Section 3.4.4: hashed where the server asks for it; section 3.4: `username*` as RFC 5987 has it where
    /// a quoted string could not hold the name.
    fn push_user(&self, field: &mut Vec<u8>, credentials: &Credentials) {
        let user = credentials.user.as_bytes();
        if self.user_hash {
            push(field, "username", &quoted(self.hash(&[user, &self.realm]).as_bytes()));
            push(field, "userhash", b"true");
        } else if user.is_ascii() {
            push(field, "username", &quoted(user));
        } else {
            push(field, "username*", extended(user).as_bytes());
        }
    }
}

impl Algorithm {
    /// "If this is not present, it is assumed to be MD5. If the algorithm is not understood, the challenge
    /// should be ignored".
    fn named(text: Option<&str>) -> Option<Algorithm> {
        let name = text.unwrap_or("MD5").to_ascii_uppercase();
        let (name, session) = match name.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512_256,
            _ => return None,
        };
        Some(Algorithm { hash, session })
    }
}

impl Protection {
    /// None where the server offers only what is not known.
    fn offered(text: Option<&str>) -> Option<Protection> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Some(Protection::None) };
        let offers = |name| text.split(',').any(|offer| offer.trim().eq_ignore_ascii_case(name));
        if offers("auth") {
            Some(Protection::Auth)
        } else {
            offers("auth-int").then_some(Protection::AuthInt)
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Protection::None => None,
            Protection::AuthInt => Some("auth-int"),
            Protection::Auth => Some("auth"),
        }
    }
}

fn push(field: &mut Vec<u8>, name: &str, value: &[u8]) {
    if !field.ends_with(b"Digest ") {
        field.extend_from_slice(b", ");
    }
    field.extend_from_slice(name.as_bytes());
    field.push(b'=');
    field.extend_from_slice(value);
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `UTF-8''J%C3%A4s%C3%B8n` (RFC 5987 section 3.2.1; attr-char stays).
fn extended(text: &[u8]) -> String {
    let mut extended = String::from("UTF-8''");
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            extended.push(char::from(byte));
        } else {
            extended.push_str(&format!("%{byte:02X}"));
        }
    }
    extended
}

#[cfg(test)]
mod tests {
    use super::super::challenges;
    use super::*;

    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";

    fn open(field: &str) -> Session {
        match decide(&Rules::modern(), &challenges([field.as_bytes()]), None, CNONCE) {
            Decision::Answer(session) => session,
            Decision::GiveUp(reason) => panic!("{field}: {reason:?}"),
        }
    }

    fn answer(session: &mut Session, user: &str, password: &str, facts: &Facts<'_>) -> String {
        let field = session.authorization(&Credentials::new(user, password), facts).unwrap();
        String::from_utf8(field).unwrap()
    }

    const GET: Facts<'_> = Facts { method: "GET", target: "/dir/index.html", body: Some(b"") };

    fn rfc7616(algorithm: &str) -> String {
        let field = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"{NONCE}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        answer(&mut open(&field), "Mufasa", "Circle of Life", &GET)
    }

    #[test]
    fn the_examples_of_rfc_7616_section_3_9_1() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let field = rfc7616(algorithm);
            assert!(field.contains(&format!("response=\"{response}\"")), "{field}");
            assert!(
                field.contains(&format!("algorithm={algorithm}, qop=auth, nc=00000001, cnonce=\"{CNONCE}\""))
            );
        }
    }

    #[test]
    fn the_example_of_rfc_7616_section_3_9_2_hashes_the_user() {
        let field = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
                     nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
                     opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true";
        let mut session = open(field);
        session.cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm".to_owned();
        let facts = Facts { target: "/doe.json", ..GET };
        let field = answer(&mut session, "J\u{e4}s\u{f8}n Doe", "Secret, or not?", &facts);
        // The RFC prints SHA-512 cut short (erratum 4897). These are SHA-512/256, computed apart.
        for expected in [
            "username=\"793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b\", userhash=true",
            "response=\"7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c\"",
        ] {
            assert!(field.contains(expected), "{field}");
        }
    }

    #[test]
    fn the_example_of_rfc_2617_is_answered() {
        let field = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                     nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
                     opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let mut session = open(field);
        session.cnonce = "0a4f113b".to_owned();
        let field = answer(&mut session, "Mufasa", "Circle Of Life", &GET);
        assert!(field.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{field}");
        assert!(!field.contains("algorithm"));
    }

    #[test]
    fn servers_without_qop_get_no_count_and_no_cnonce() {
        let field = answer(&mut open("Digest realm=r, nonce=n"), "u", "p", &GET);
        assert!(!field.contains("nc=") && !field.contains("cnonce") && !field.contains("qop"), "{field}");
    }

    #[test]
    fn the_nonce_is_counted_and_replaced() {
        let mut session = open("Digest realm=r, nonce=n, qop=auth");
        assert!(answer(&mut session, "u", "p", &GET).contains("nc=00000001"));
        assert!(answer(&mut session, "u", "p", &GET).contains("nc=00000002"));
        session.take_info(b"rspauth=\"x\", nextnonce=\"m, k\"");
        let field = answer(&mut session, "u", "p", &GET);
        assert!(field.contains("nc=00000001") && field.contains("nonce=\"m, k\""), "{field}");
    }

    #[test]
    fn a_session_key_is_made_of_the_first_nonce() {
        let mut session = open("Digest realm=r, nonce=n, qop=auth, algorithm=MD5-sess");
        let key = session.hashed_user(&Credentials::new("u", "p"));
        session.take_info(b"nextnonce=m");
        assert_eq!(session.hashed_user(&Credentials::new("u", "p")), key);
        assert!(answer(&mut session, "u", "p", &GET).contains("algorithm=MD5-sess"));
    }

    #[test]
    fn auth_int_covers_the_body_and_needs_it() {
        let mut session = open("Digest realm=r, nonce=n, qop=auth-int");
        let mut responses: Vec<String> = Vec::new();
        for body in [&b"a"[..], b"b"] {
            session.count = 0;
            responses.push(answer(&mut session, "u", "p", &Facts { body: Some(body), ..GET }));
        }
        assert_ne!(responses[0], responses[1]);
        let error = session.authorization(&Credentials::new("u", "p"), &Facts { body: None, ..GET });
        assert_eq!(error.unwrap_err().kind(), Kind::UnrewindableBody);
    }

    #[test]
    fn the_strongest_challenge_is_answered() {
        let field = "Basic realm=x, Digest realm=a, nonce=1, qop=auth, algorithm=MD5, \
                     Digest realm=b, nonce=2, qop=auth, algorithm=SHA-256, \
                     Digest realm=c, nonce=3, algorithm=NEW";
        assert_eq!(open(field).realm, b"b");
        let strict = Rules { allow_md5: false };
        let only_md5 = challenges([&b"Digest realm=a, nonce=1"[..]]);
        assert_eq!(decide(&strict, &only_md5, None, "c"), Decision::GiveUp(Reason::NoUsableChallenge));
    }

    #[test]
    fn a_second_refusal_ends_it_unless_the_nonce_was_stale() {
        let session = open("Digest realm=r, nonce=n");
        let judge =
            |field: &str| decide(&Rules::modern(), &challenges([field.as_bytes()]), Some(&session), "c");
        assert_eq!(judge("Digest realm=r, nonce=m"), Decision::GiveUp(Reason::Rejected));
        assert!(matches!(judge("Digest realm=r, nonce=m, stale=TRUE"), Decision::Answer(_)));
        assert_eq!(judge("Basic realm=r"), Decision::GiveUp(Reason::NoUsableChallenge));
    }

    #[test]
    fn names_and_realms_cannot_break_out_of_their_quotes() {
        let mut session = open("Digest realm=\"a\\\"b\\\\\", nonce=n");
        let field = answer(&mut session, "u\", uri=\"x", "p", &GET);
        assert!(field.contains(r#"username="u\", uri=\"x", realm="a\"b\\", nonce="n""#), "{field}");
        let error = session.authorization(&Credentials::new("u\r\n", "p"), &GET).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidHeader);
    }

    #[test]
    fn names_beyond_ascii_are_extended() {
        let field = answer(&mut open("Digest realm=r, nonce=n"), "J\u{e4}s\u{f8}n", "p", &GET);
        assert!(field.contains("username*=UTF-8''J%C3%A4s%C3%B8n,"), "{field}");
    }
}
