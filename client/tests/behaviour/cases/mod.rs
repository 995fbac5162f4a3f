//! Behaviours as data: the cases of testkit/behaviours, each played over every net.
//!
//! Python plays the same cases (py/tests/test_behaviours.py); the README beside them says what each key means. Every
//! host leads to the case's own peer: `http` to the one that speaks it, `https` to the one over TLS.

mod judge;
mod model;

use crate::support::*;
use entreat::net::scripted::{Log, Scripts};
use entreat::session::Session;
use entreat::{Body, Config, Form, Part, Request, Roots, SharedJar, TlsRules};
use entreat_testkit::ca::Authority;
use model::{Ask, Case, Theme, Transcript};
use std::net::SocketAddr;
use std::sync::Arc;

/// A test for each net of each file of cases.
macro_rules! themes {
    ($($name:ident)*) => {$(
        behaviour!($name, |bench| {
            let text = include_str!(concat!("../../../../testkit/behaviours/", stringify!($name), ".toml"));
            play_all(bench, text, |_, _, _| unreachable!("a case without TLS")).await;
        });
    )*};
}

themes!(auth content cookies expect framing invalid limits redirects requests retries reuse time uploads);

behaviour!(secure, tls, |bench| {
    let text = include_str!("../../../../testkit/behaviours/secure.toml");
    let listen = |scripts, log: &Log, authority: &Authority| {
        let config = authority.leaf(&["a.test", "b.test", "*.a.test"]).server(&["http/1.1"]);
        bench.listen_tls(scripts, log, TlsPeer { config, close_notify: true })
    };
    play_all(bench, text, listen).await;
});

/// Plays all cases of a file, and fails with what is wrong with each of them.
async fn play_all<B: Bench>(
    bench: &B,
    text: &str,
    listen_tls: impl Fn(Scripts, &Log, &Authority) -> SocketAddr,
) {
    let theme: Theme = toml::from_str(text).expect("the cases are as the README says");
    let mut faults = Vec::new();
    for case in &theme.case {
        if let Err(fault) = play(bench, case, &listen_tls).await {
            faults.push(format!("{}: {fault}", case.name));
        }
    }
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), theme.case.len(), faults.join("\n"));
}

async fn play<B: Bench>(
    bench: &B,
    case: &Case,
    listen_tls: impl Fn(Scripts, &Log, &Authority) -> SocketAddr,
) -> Result<(), String> {
    let (plain, secure) = (Transcript::new(&case.peer), Transcript::new(&case.tls_peer));
    let (log, tls_log) = (Log::default(), Log::default());
    let address = bench.listen(Scripts::Each(plain.scripts()), &log);
    let jar = SharedJar::default();
    // The entry that says most counts. Port 1 needs privileges that no test server has; 10.0.0.1 is never asked.
    let mut config = Config::new()
        .resolve_to("*", address.to_string())
        .resolve_to("nobody.test", "127.0.0.1:1")
        .resolve_to("inside.test", "10.0.0.1");
    if !case.tls_peer.is_empty() {
        let authority = Authority::new();
        let address = listen_tls(Scripts::Each(secure.scripts()), &tls_log, &authority);
        let roots = Roots::Pem(Arc::from(authority.pem().as_bytes()));
        config =
            config.resolve_to("*:443", address.to_string()).tls(TlsRules { roots, ..TlsRules::default() });
    }
    let mut files = Vec::new();
    let config = case.client.apply(config.cookie_jar(jar.clone()), &mut files);
    let session = match Session::new(bench.net(), config) {
        Ok(session) => session,
        Err(error) => return judge::refusal(case, &error),
    };
    for (index, ask) in case.ask.iter().enumerate() {
        if ask.after_close {
            bench.until(|| plain.is_over(&log) && secure.is_over(&tls_log)).await;
        }
        if let Some(pause) = ask.pause {
            bench.pause(model::seconds(pause)).await;
        }
        let start = bench.now();
        judge::outcome(ask, judge::send(&session, ask, request(ask, &mut files)).await)
            .map_err(|fault| format!("ask {}: {fault}", index + 1))?;
        if let Some(took) = ask.took {
            bench.assert_took(start, model::seconds(took));
        }
    }
    judge::seen(&plain, &log)?;
    judge::seen(&secure, &tls_log)?;
    judge::jar(case, &jar)
}

fn request(ask: &Ask, files: &mut Vec<TemporaryFile>) -> Request {
    let (method, url) = ask.request.split_once(' ').expect("a method and a URL");
    let mut request = Request::new(method.to_owned(), url);
    for line in &ask.headers {
        let (name, value) = line.split_once(": ").expect("a name and a value");
        request = request.append_header(name, value);
    }
    for (name, value) in &ask.params {
        request = request.query(name, value);
    }
    if let Some(auth) = &ask.auth {
        request = request.auth(auth.read(files));
    }
    request = content(ask, request);
    match &ask.knobs {
        Some(knobs) => request.configure(|config| knobs.apply(config, files)),
        None => request,
    }
}

fn content(ask: &Ask, request: Request) -> Request {
    if !ask.form.is_empty() {
        return request.form(ask.form.iter().cloned());
    }
    if !ask.multipart.is_empty() {
        let form = ask.multipart.iter().fold(Form::new(), |form, part| {
            let mut made = Part::new(part.text.clone());
            if let Some(name) = &part.file_name {
                made = made.file_name(name);
            }
            if let Some(media_type) = &part.media_type {
                made = made.media_type(media_type);
            }
            form.part(&part.name, made)
        });
        return request.multipart(form);
    }
    if let Some(json) = &ask.json {
        return request.json(&serde_json::from_str::<serde_json::Value>(json).expect("JSON"));
    }
    if let Some(pieces) = &ask.pieces {
        return request.body(Body::chunks(pieces.clone()));
    }
    match ask.content.bytes() {
        Some(bytes) => request.body(bytes),
        None => request,
    }
}
