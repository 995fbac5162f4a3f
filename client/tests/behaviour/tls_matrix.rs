//! Every certificate of the testkit's matrix, over TLS 1.2 and 1.3: no wrong accept and no wrong refusal.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Config, Kind, Roots, TlsRules, TlsVersion};
use entreat_testkit::matrix::{self, Case, Expected};

fn rules(case: &Case) -> TlsRules {
    TlsRules {
        roots: Roots::Pem(case.roots.as_bytes().into()),
        server_name: Some(case.host.into()),
        ..TlsRules::default()
    }
}

/// What came of it, in a word, and whether that is right.
async fn outcome<B: TlsBench>(bench: &B, case: &Case, version: TlsVersion) -> (String, bool) {
    let peer = bench.tls_peer_by(case.server(), [Step::Expect, ok("served")]);
    let rules = TlsRules { min_version: version, max_version: version, ..rules(case) };
    let session = bench.session_with(Config::new().tls(rules));
    let outcome = fetch(&session, peer.https("/")).await;
    let untouched = peer.log.requests().is_empty();
    match (outcome, case.expected) {
        (Ok(_), expected) => ("accepted".into(), expected == Expected::Accept),
        (Err(error), Expected::Accept) => (error.to_string(), false),
        (Err(error), Expected::Refuse(hint)) => {
            let explained = error.hint_text().is_some_and(|text| text.contains(hint));
            let refused = error.kind() == Kind::InvalidCertificate && untouched;
            (error.hint_text().map_or_else(|| error.to_string(), str::to_owned), refused && explained)
        }
    }
}

behaviour!(no_certificate_is_accepted_or_refused_wrongly, tls, |bench| {
    let (mut wrong, mut accepted, mut refused) = (Vec::new(), 0, 0);
    for case in matrix::cases() {
        match case.expected {
            Expected::Accept => accepted += 1,
            Expected::Refuse(_) => refused += 1,
        }
        for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let (outcome, right) = outcome(bench, &case, version).await;
            let line = format!("{version} {:60} {outcome}", case.name);
            println!("{line}");
            if !right {
                wrong.push(line);
            }
        }
    }
    println!("{accepted} to be accepted, {refused} to be refused");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
});

behaviour!(whoever_accepts_any_certificate_still_wants_its_key, tls, |bench| {
    let any = TlsRules { accept_any_certificate: true, ..TlsRules::default() };
    for case in matrix::cases() {
        let peer = bench.tls_peer_by(case.server(), [Step::Expect, ok("served")]);
        let session = bench.session_with(Config::new().tls(any.clone()));
        let hint = match fetch(&session, peer.https("/")).await {
            Ok(_) => continue,
            Err(error) => error.to_string(),
        };
        // Names, dates and trust count no more. What is left is who has the key, and what is a certificate at all.
        let keyless = case.expected == Expected::Refuse("does not hold the certificate's key");
        let unreadable = hint.contains("malformed") || hint.contains("fewer than 2048 bits");
        assert!(keyless || unreadable, "{}: {hint}", case.name);
    }
});

/// rustls' servers cannot sign with a key that is for PSS alone: OpenSSL's can.
#[test]
fn an_rsa_key_for_pss_alone_is_accepted() {
    let Some(server) = OpensslServer::start("pss_key") else {
        eprintln!("skipped: the command openssl is not there");
        return;
    };
    let rules = TlsRules {
        roots: Roots::Path(matrix::fixture("rsa_root.pem")),
        server_name: Some(matrix::HOST.into()),
        ..TlsRules::default()
    };
    let client = entreat::Client::with_config(Config::new().tls(rules)).unwrap();
    let response = client.get(format!("https://127.0.0.1:{}/", server.port)).unwrap();
    assert_eq!((response.status(), response.tls().unwrap().version), (200, TlsVersion::Tls13));
}

/// `openssl s_server`, which answers each request with a page about itself.
struct OpensslServer {
    child: std::process::Child,
    port: u16,
}

impl OpensslServer {
    fn start(name: &str) -> Option<OpensslServer> {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert"])
            .arg(matrix::fixture(&format!("{name}.pem")))
            .arg("-key")
            .arg(matrix::fixture(&format!("{name}.key.pem")))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let output = BufReader::new(child.stdout.take().expect("piped"));
        // "ACCEPT 127.0.0.1:40000".
        let port = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.trim().parse().ok());
        Some(OpensslServer { port: port.expect("it says where it listens"), child })
    }
}

impl Drop for OpensslServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
