//! The cases as they are written; the README beside them says what each key means. An unknown key is an error.

use crate::support::{TemporaryFile, tempfile};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use entreat::net::scripted::{Log, Script, Step as Played};
use entreat::{Config, Guard, PoolRules, RedirectRules, RetryRules, Timeout};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Theme {
    pub(crate) case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) client: Knobs,
    /// The kind of the error with which no client can be made.
    pub(crate) refused: Option<String>,
    #[serde(default)]
    pub(crate) peer: Vec<Step>,
    #[serde(default)]
    pub(crate) tls_peer: Vec<Step>,
    #[serde(default)]
    pub(crate) ask: Vec<Ask>,
    pub(crate) cookies: Option<BTreeMap<String, String>>,
}

/// Knobs of a client or of one request, by the names that Python's client has for them.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Knobs {
    timeout: Option<Limits>,
    retries: Option<Retries>,
    follow_redirects: Option<bool>,
    max_redirects: Option<u16>,
    max_body: Option<u64>,
    proxies: Option<String>,
    guard: Option<String>,
    guard_allow: Option<String>,
    cookies: Option<bool>,
    user_agent: Option<String>,
    limits: Option<Pool>,
    auth: Option<Auth>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    connect: Option<f64>,
    read: Option<f64>,
    write: Option<f64>,
    pool: Option<f64>,
    total: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Retries {
    total: u32,
    connect: Option<u32>,
    read: Option<u32>,
    status: Option<u32>,
    statuses: Option<Vec<u16>>,
    backoff: Option<f64>,
    jitter: Option<f64>,
    max_retry_after: Option<f64>,
    retry_after: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pool {
    idle_per_origin: Option<usize>,
    idle_total: Option<usize>,
    per_origin: Option<usize>,
    total: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Auth {
    basic: Option<(String, String)>,
    bearer: Option<String>,
    digest: Option<(String, String)>,
    /// The text of such a file.
    netrc: Option<String>,
    #[serde(default)]
    nothing: bool,
}

/// What is sent, and what the program is to see.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    pub(crate) request: String,
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    #[serde(default)]
    pub(crate) params: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) form: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) multipart: Vec<FormPart>,
    pub(crate) json: Option<String>,
    pub(crate) pieces: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) content: Bytes,
    pub(crate) auth: Option<Auth>,
    pub(crate) knobs: Option<Knobs>,
    /// Waits so long before.
    pub(crate) pause: Option<f64>,
    /// Waits before, until the peers have done all they have to do on the connections that were made.
    #[serde(default)]
    pub(crate) after_close: bool,
    /// Reads no body, and lets the answer go.
    #[serde(default)]
    pub(crate) unread: bool,

    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
    #[serde(default)]
    pub(crate) body: Bytes,
    pub(crate) url: Option<String>,
    #[serde(default)]
    pub(crate) history: Vec<String>,
    pub(crate) error: Option<String>,
    /// What the error's message says.
    pub(crate) message: Option<String>,
    pub(crate) attempts: Option<u32>,
    pub(crate) took: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FormPart {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) file_name: Option<String>,
    pub(crate) media_type: Option<String>,
}

/// Bytes: text, so many times the letter x, or what is no text.
#[derive(Deserialize, Default)]
#[serde(untagged)]
pub(crate) enum Bytes {
    #[default]
    Nothing,
    Text(String),
    Letters {
        letters: usize,
    },
    Base64 {
        base64: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Step {
    Word(String),
    Expect(Expected),
    ExpectHead(ExpectedHead),
    ExpectBody { expect_body: Bytes },
    Reply(Reply),
    Send { send: String },
    Drip { drip: String, every: f64 },
    Sleep { sleep: f64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) expect: String,
    #[serde(default)]
    pub(crate) has: Vec<String>,
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
    /// All fields, in their order.
    pub(crate) fields: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) body: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedHead {
    expect_head: String,
    #[serde(default)]
    has: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    reply: u16,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    body: Bytes,
}

/// What a peer is told to do and to expect, connection by connection.
pub(crate) struct Transcript<'a> {
    connections: Vec<&'a [Step]>,
}

impl Transcript<'_> {
    pub(crate) fn new(steps: &[Step]) -> Transcript<'_> {
        let is_next = |step: &Step| matches!(step, Step::Word(word) if word == "next connection");
        let connections = if steps.is_empty() { Vec::new() } else { steps.split(is_next).collect() };
        Transcript { connections }
    }

    pub(crate) fn connections(&self) -> impl ExactSizeIterator<Item = &[Step]> {
        self.connections.iter().copied()
    }

    pub(crate) fn scripts(&self) -> Vec<Script> {
        self.connections().map(|steps| steps.iter().map(Step::played).collect()).collect()
    }

    /// True once each connection that was made has been played to its end.
    pub(crate) fn is_over(&self, log: &Log) -> bool {
        let mut played = self.connections().take(log.connections()).enumerate();
        played.all(|(index, steps)| log.steps_played(index) == steps.len())
    }
}

impl Step {
    fn played(&self) -> Played {
        match self {
            Step::Word(word) => match word.as_str() {
                "hold" => Played::Hold,
                "reset" => Played::Reset,
                other => panic!("no step: {other:?}"),
            },
            Step::Expect(_) => Played::Expect,
            Step::ExpectHead(_) => Played::ExpectHead,
            Step::ExpectBody { .. } => Played::ExpectBody,
            Step::Reply(reply) => Played::Send(reply.bytes()),
            Step::Send { send } => Played::send(send),
            Step::Drip { drip, every } => Played::Drip(drip.clone().into_bytes(), seconds(*every)),
            Step::Sleep { sleep } => Played::Sleep(seconds(*sleep)),
        }
    }
}

impl Reply {
    /// With a Content-Length.
    fn bytes(&self) -> Vec<u8> {
        let body = self.body.bytes().unwrap_or_default();
        let fields: String = self.fields.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("HTTP/1.1 {} -\r\n{fields}Content-Length: {}\r\n\r\n", self.reply, body.len());
        [head.into_bytes(), body].concat()
    }
}

impl ExpectedHead {
    /// The same, with the body that is expected later.
    pub(crate) fn with_body<'a>(&'a self, body: &'a Bytes) -> Wanted<'a> {
        Wanted { line: &self.expect_head, has: &self.has, lacks: &[], fields: None, body }
    }
}

/// One request that a peer is to see.
pub(crate) struct Wanted<'a> {
    pub(crate) line: &'a str,
    pub(crate) has: &'a [String],
    pub(crate) lacks: &'a [String],
    pub(crate) fields: Option<&'a [String]>,
    pub(crate) body: &'a Bytes,
}

impl Expected {
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        let Expected { expect, has, lacks, fields, body } = self;
        Wanted { line: expect, has, lacks, fields: fields.as_deref(), body }
    }
}

impl Bytes {
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Bytes::Nothing => None,
            Bytes::Text(text) => Some(text.clone().into_bytes()),
            Bytes::Letters { letters } => Some(vec![b'x'; *letters]),
            Bytes::Base64 { base64 } => Some(BASE64_STANDARD.decode(base64).expect("Base64")),
        }
    }
}

impl Knobs {
    pub(crate) fn apply(&self, mut config: Config, files: &mut Vec<TemporaryFile>) -> Config {
        if let Some(limits) = &self.timeout {
            config = config.timeout(limits.timeout());
        }
        if let Some(retries) = &self.retries {
            config = config.retries(retries.rules());
        }
        if self.follow_redirects.is_some() || self.max_redirects.is_some() {
            let modern = RedirectRules::modern();
            config = config.redirects(RedirectRules {
                follow: self.follow_redirects.unwrap_or(modern.follow),
                limit: self.max_redirects.map_or(modern.limit, Into::into),
                ..modern
            });
        }
        if let Some(bytes) = self.max_body {
            config = config.max_body(bytes);
        }
        if let Some(url) = &self.proxies {
            config = config.proxy(url);
        }
        if let Some(guard) = &self.guard {
            assert_eq!(guard, "public");
            config = config.guard(Guard::Public);
        }
        if let Some(block) = &self.guard_allow {
            config = config.guard_allow(block);
        }
        if let Some(cookies) = self.cookies {
            config = config.cookies(cookies);
        }
        if let Some(name) = &self.user_agent {
            config = config.user_agent(name.as_str());
        }
        if let Some(limits) = &self.limits {
            config = config.pool(limits.rules());
        }
        match &self.auth {
            Some(auth) => config.auth(auth.read(files)),
            None => config,
        }
    }
}

impl Limits {
    /// What is not named is unlimited.
    fn timeout(&self) -> Timeout {
        Timeout {
            connect: self.connect.map(seconds),
            read: self.read.map(seconds),
            write: self.write.map(seconds),
            pool: self.pool.map(seconds),
            total: self.total.map(seconds),
        }
    }
}

impl Retries {
    fn rules(&self) -> RetryRules {
        let usual = RetryRules::times(self.total);
        RetryRules {
            connect: self.connect,
            read: self.read,
            status: self.status,
            statuses: self.statuses.clone().map_or(usual.statuses.clone(), Into::into),
            backoff: self.backoff.map_or(usual.backoff, seconds),
            jitter: self.jitter.unwrap_or(usual.jitter),
            max_retry_after: self.max_retry_after.map_or(usual.max_retry_after, seconds),
            retry_after: self.retry_after.unwrap_or(usual.retry_after),
            ..usual
        }
    }
}

impl Pool {
    fn rules(&self) -> PoolRules {
        let usual = PoolRules::default();
        PoolRules {
            idle_per_origin: self.idle_per_origin.unwrap_or(usual.idle_per_origin),
            idle_total: self.idle_total.unwrap_or(usual.idle_total),
            per_origin: self.per_origin,
            total: self.total,
            ..usual
        }
    }
}

impl Auth {
    /// `files` keeps those that it needs.
    pub(crate) fn read(&self, files: &mut Vec<TemporaryFile>) -> entreat::Auth {
        if let Some((user, password)) = &self.basic {
            return entreat::Auth::basic(user, password);
        }
        if let Some(token) = &self.bearer {
            return entreat::Auth::bearer(token);
        }
        if let Some((user, password)) = &self.digest {
            return entreat::Auth::digest(user, password);
        }
        if let Some(netrc) = &self.netrc {
            let file = tempfile(netrc);
            let auth = entreat::Auth::netrc_file(file.path());
            files.push(file);
            return auth;
        }
        assert!(self.nothing, "no way of proving who one is");
        entreat::Auth::Nothing
    }
}

pub(crate) fn seconds(count: f64) -> Duration {
    Duration::from_secs_f64(count)
}
