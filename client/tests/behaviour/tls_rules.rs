//! The knobs of TLS: versions, names, pins, lists of revoked certificates, clients' certificates, resumption.

use crate::support::*;
use entreat::net::scripted::{Scripts, Step};
use entreat::{Config, Error, Identity, Kind, Material, Pin, Request, Roots, TlsInfo, TlsRules, TlsVersion};
use entreat_testkit::ca::{Authority, LOOPBACK, Leaf};
use entreat_testkit::matrix::{self, Entity, HOST, Made, plain};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;

const KEEP: [Step; 1] = [Step::Expect];

fn trusting(pem: &str) -> TlsRules {
    TlsRules { roots: Roots::Pem(pem.as_bytes().into()), ..TlsRules::default() }
}

/// A server with that certificate, of one version or both.
fn server(leaf: &Leaf, versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.certificate.clone()], leaf.key())
        .expect("key and certificate belong together");
    Arc::new(config)
}

async fn info<B: TlsBench>(bench: &B, rules: TlsRules, request: Request) -> Result<TlsInfo, Error> {
    let response = bench.session_with(Config::new().tls(rules)).deliver(request).await?;
    Ok(response.tls().expect("the connection is encrypted").clone())
}

async fn refusal<B: TlsBench>(bench: &B, rules: TlsRules, peer: &Peer) -> Error {
    let error = info(bench, rules, peer.https("/")).await.expect_err("it is refused");
    assert!(peer.log.requests().is_empty(), "{error}");
    error
}

fn hint(error: &Error) -> &str {
    error.hint_text().unwrap_or_default()
}

behaviour!(a_response_tells_how_it_was_encrypted, tls, |bench| {
    let authority = Authority::new();
    let leaf = authority.leaf(LOOPBACK);
    for (version, suite) in [(TlsVersion::Tls12, "TLS_ECDHE_ECDSA_"), (TlsVersion::Tls13, "TLS13_AES_256_")] {
        let peer = bench.tls_peers(&leaf, [vec![Step::Expect, ok("")]]);
        let rules = TlsRules { max_version: version, ..trusting(authority.pem()) };
        let info = info(bench, rules, peer.https("/")).await.unwrap();
        assert_eq!((info.version, info.resumed), (version, false));
        assert!(info.cipher_suite.starts_with(suite), "{}", info.cipher_suite);
        assert_eq!(info.peer_certificates, [leaf.certificate.to_vec()]);
        assert_eq!(
            (info.alpn.as_deref(), info.server_name.as_deref()),
            (Some("http/1.1"), Some("localhost"))
        );
    }
});

behaviour!(a_response_over_plain_http_tells_of_no_encryption, |bench| {
    let peer = bench.peer([Step::Expect, ok("")]);
    let response = bench.session().deliver(peer.get("/")).await.unwrap();
    assert_eq!(response.tls(), None);
});

behaviour!(versions_outside_the_bounds_are_refused, tls, |bench| {
    let authority = Authority::new();
    let leaf = authority.leaf(LOOPBACK);
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    let newest = TlsRules { min_version: TlsVersion::Tls13, ..trusting(authority.pem()) };
    let oldest = TlsRules { max_version: TlsVersion::Tls12, ..trusting(authority.pem()) };
    for (rules, theirs, fits) in
        [(&newest, old, false), (&newest, new, true), (&oldest, new, false), (&oldest, old, true)]
    {
        let peer = bench.tls_peer_by(server(&leaf, &[theirs]), [Step::Expect, ok("")]);
        if fits {
            assert!(info(bench, rules.clone(), peer.https("/")).await.is_ok());
        } else {
            let error = refusal(bench, rules.clone(), &peer).await;
            assert!(error.kind() == Kind::Tls && hint(&error).contains("min_version"), "{error}");
        }
    }
});

/// A ServerHello of that version: a fixed random number, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
fn server_hello(minor: u8) -> Vec<u8> {
    let hello = [&[3, minor][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let handshake = [&[2, 0, 0, hello.len() as u8][..], &hello].concat();
    [&[22, 3, minor, 0, handshake.len() as u8][..], &handshake].concat()
}

behaviour!(servers_of_broken_versions_are_refused, tls, |bench| {
    let alert = vec![21, 3, 1, 0, 2, 2, 70];
    for answer in [server_hello(0), server_hello(1), server_hello(2), alert] {
        let peer = bench.peer([Step::Send(answer), Step::Hold]);
        let error = refusal(bench, TlsRules::default(), &peer).await;
        assert!(error.kind() == Kind::Tls && hint(&error).contains("broken"), "{error}");
    }
});

behaviour!(a_server_without_a_common_cipher_says_so, tls, |bench| {
    let peer = bench.peer([Step::Send(vec![21, 3, 3, 0, 2, 2, 40]), Step::Hold]);
    let error = refusal(bench, TlsRules::default(), &peer).await;
    assert!(hint(&error).contains("in common"), "{error}");
});

behaviour!(roots_may_stand_beside_others, tls, |bench| {
    let (one, other) = (Authority::new(), Authority::new());
    let peer = bench.tls_peer_by(other.leaf(LOOPBACK).server(&[]), [Step::Expect, ok("")]);
    let der = Material::from(&other.der()[..]);
    for extra in [Material::from(other.pem()), der] {
        let rules = TlsRules { extra_roots: vec![extra], ..trusting(one.pem()) };
        assert!(info(bench, rules, peer.https("/")).await.is_ok());
    }
    let beside_the_system = TlsRules { extra_roots: vec![other.pem().into()], ..TlsRules::default() };
    assert!(info(bench, beside_the_system, peer.https("/")).await.is_ok());
});

behaviour!(pins_are_asked_beside_all_else, tls, |bench| {
    let authority = Authority::new();
    let leaf = authority.leaf(LOOPBACK);
    let peer = bench.tls_peer_by(leaf.server(&[]), [Step::Expect, ok("")]);
    let wrong = vec![Pin::Sha256([0; 32]), Pin::Spki([0; 32]), Pin::Sha1([0; 20])];
    for pin in right_pins(&leaf) {
        let pins = [wrong.clone(), vec![pin]].concat();
        let rules = TlsRules { pins: pins.clone(), ..trusting(authority.pem()) };
        assert!(info(bench, rules, peer.https("/")).await.is_ok(), "{pin}");
        let untrusted = TlsRules { pins, ..trusting(Authority::new().pem()) };
        let error = info(bench, untrusted, peer.https("/")).await.unwrap_err();
        assert!(hint(&error).contains("no trusted root"), "{error}");
    }
    let rules = TlsRules { pins: wrong, ..trusting(authority.pem()) };
    let error = info(bench, rules, peer.https("/")).await.unwrap_err();
    assert_eq!(
        (error.kind(), hint(&error)),
        (Kind::InvalidCertificate, "it is none of those that were pinned")
    );
});

behaviour!(pins_alone_decide_where_any_certificate_is_accepted, tls, |bench| {
    let leaf = Authority::new().leaf(&["other.test"]);
    let peer = bench.tls_peer_by(leaf.server(&[]), [Step::Expect, ok("")]);
    let any = |pin| TlsRules { pins: vec![pin], accept_any_certificate: true, ..TlsRules::default() };
    for pin in right_pins(&leaf) {
        assert!(info(bench, any(pin), peer.https("/")).await.is_ok(), "{pin}");
    }
    let error = info(bench, any(Pin::Sha256([0; 32])), peer.https("/")).await.unwrap_err();
    assert!(hint(&error).contains("pinned"), "{error}");
});

/// As other programs would compute them.
fn right_pins(leaf: &Leaf) -> Vec<Pin> {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
    let key = webpki::EndEntityCert::try_from(&leaf.certificate).unwrap().subject_public_key_info();
    let colons = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    let base64 = {
        let text = digest(&SHA256, &key);
        let mut pin = [0; 32];
        pin.copy_from_slice(text.as_ref());
        Pin::Spki(pin).to_string()
    };
    let certificate = digest(&SHA256, &leaf.certificate);
    let short = digest(&SHA1_FOR_LEGACY_USE_ONLY, &leaf.certificate);
    [base64, colons(certificate.as_ref()), colons(short.as_ref())]
        .map(|text| Pin::parse(&text).unwrap())
        .to_vec()
}

/// A server below an authority below a root, whose serial number is 7 as the authority's is 8.
fn chain_with_serials() -> (Entity, Entity, Made) {
    let root = Entity::root("root", &plain);
    let authority = root.authority("authority", &|params| params.serial_number = Some(8u64.into()));
    let leaf = authority.server(&[HOST], &|params| params.serial_number = Some(7u64.into()));
    (root, authority, leaf)
}

behaviour!(what_is_revoked_is_refused, tls, |bench| {
    let (root, authority, leaf) = chain_with_serials();
    let config = shown(&[&leaf, &authority.made], &leaf);
    let peer = bench.tls_peer_by(config, [Step::Expect, ok("")]);
    let lists = |above: String, below: String| vec![above.as_str().into(), below.as_str().into()];
    let (none, late) = (4000, 2021);
    for (crls, hint_part) in [
        (lists(root.revocation_list(&[1], none), authority.revocation_list(&[2], none)), None),
        (lists(root.revocation_list(&[], none), authority.revocation_list(&[7], none)), Some("revoked")),
        (lists(root.revocation_list(&[8], none), authority.revocation_list(&[], none)), Some("revoked")),
        (
            lists(root.revocation_list(&[], none), authority.revocation_list(&[], late)),
            Some("has expired: fetch"),
        ),
        (vec![root.revocation_list(&[], none).as_str().into()], Some("covers it")),
    ] {
        let rules = TlsRules { crls, server_name: Some(HOST.into()), ..trusting(&root.made.pem()) };
        let outcome = info(bench, rules, peer.https("/")).await;
        assert_eq!(outcome.is_ok(), hint_part.is_none(), "{outcome:?}");
        if let (Err(error), Some(part)) = (outcome, hint_part) {
            assert!(hint(&error).contains(part) && error.kind() == Kind::InvalidCertificate, "{error}");
        }
    }
});

behaviour!(what_no_list_covers_may_be_accepted, tls, |bench| {
    let (root, authority, leaf) = chain_with_serials();
    let peer = bench.tls_peer_by(shown(&[&leaf, &authority.made], &leaf), [Step::Expect, ok("")]);
    let rules = |revoked: &[u64]| TlsRules {
        crls: vec![authority.revocation_list(revoked, 4000).as_str().into()],
        accept_unknown_revocation: true,
        server_name: Some(HOST.into()),
        ..trusting(&root.made.pem())
    };
    assert!(info(bench, rules(&[]), peer.https("/")).await.is_ok());
    let error = info(bench, rules(&[7]), peer.https("/")).await.unwrap_err();
    assert!(hint(&error).contains("revoked"), "{error}");
});

behaviour!(what_is_no_list_of_revoked_certificates_is_refused, tls, |bench| {
    let authority = Authority::new();
    let peer = bench.tls_peers(&authority.leaf(LOOPBACK), [vec![]]);
    for crl in [Material::from("nothing"), Material::File("/nonexistent".into()), authority.pem().into()] {
        let rules = TlsRules { crls: vec![crl], ..trusting(authority.pem()) };
        assert_eq!(refusal(bench, rules, &peer).await.kind(), Kind::InvalidConfig);
    }
});

fn shown(chain: &[&Made], leaf: &Made) -> Arc<ServerConfig> {
    let mut case = matrix::cases().remove(0);
    case.chain = chain.iter().map(|made| made.certificate.clone()).collect();
    case.key = leaf.key.clone();
    case.server()
}

behaviour!(the_name_that_is_sent_and_the_one_that_is_verified_may_differ, tls, |bench| {
    let authority = Authority::new();
    let peer = bench.tls_peer_by(authority.leaf(&["verified.test"]).server(&[]), [Step::Expect, ok("")]);
    let rules = |sent: Option<&str>, verified: Option<&str>| TlsRules {
        server_name: sent.map(Arc::from),
        verify_name: verified.map(Arc::from),
        ..trusting(authority.pem())
    };
    let verified = Some("verified.test");
    for (sent, rules) in [("verified.test", rules(verified, None)), ("localhost", rules(None, verified))] {
        let info = info(bench, rules, peer.https("/")).await.unwrap();
        assert_eq!(info.server_name.as_deref(), Some(sent));
    }
    for rules in [rules(None, None), rules(Some("sent.test"), None), rules(verified, Some("other.test"))] {
        let error = info(bench, rules, peer.https("/")).await.unwrap_err();
        assert!(hint(&error).contains("another host"), "{error}");
    }
    let hidden = TlsRules { send_server_name: false, ..rules(verified, None) };
    assert_eq!(info(bench, hidden, peer.https("/")).await.unwrap().server_name, None);
    let error = info(bench, rules(Some("no name"), None), peer.https("/")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidConfig);
});

behaviour!(protocols_are_offered_as_asked, tls, |bench| {
    let authority = Authority::new();
    let leaf = authority.leaf(LOOPBACK);
    let offer = |names: &[&str]| TlsRules {
        alpn: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..trusting(authority.pem())
    };
    let peer = bench.tls_peer_by(leaf.server(&["private/1", "http/1.1"]), [Step::Expect, ok("")]);
    let picked = info(bench, offer(&["http/1.1", "private/1"]), peer.https("/")).await.unwrap();
    assert_eq!(picked.alpn.as_deref(), Some("private/1"));
    assert_eq!(info(bench, offer(&[]), peer.https("/")).await.unwrap().alpn, None);
    let error = info(bench, offer(&["other"]), peer.https("/")).await.unwrap_err();
    assert!(hint(&error).contains("tls.alpn"), "{error}");
});

behaviour!(a_session_is_resumed_under_the_same_rules_only, tls, |bench| {
    let authority = Authority::new();
    let rules = trusting(authority.pem());
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let peer = bench.tls_peer_by(authority.leaf(LOOPBACK).server(&[]), [KEEP[0].clone(), ok("")]);
        let rules = TlsRules { max_version: version, ..rules.clone() };
        let session = bench.session_with(Config::new().tls(rules.clone()));
        let other = TlsRules { key_log: false, ..rules };
        let mut resumed = Vec::new();
        for request in
            [peer.https("/1"), peer.https("/2"), peer.https("/3").configure(move |config| config.tls(other))]
        {
            let mut response = session.deliver(request).await.unwrap();
            response.incoming().read_to_end().await.unwrap();
            let info = response.tls().unwrap();
            assert_eq!(info.peer_certificates.len(), 1);
            resumed.push(info.resumed);
        }
        assert_eq!(resumed, [false, true, false], "{version}");
    }
});

behaviour!(a_body_that_ends_with_the_connection_needs_a_good_bye_in_every_version, tls, |bench| {
    let authority = Authority::new();
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        for (polite, kind) in [(true, None), (false, Some(Kind::ClosedEarly))] {
            let script = vec![Step::Expect, Step::send("HTTP/1.1 200 OK\r\n\r\nall?")];
            let peer = bench.tls_peer_for(&authority.leaf(LOOPBACK), polite, Scripts::All(script));
            let rules = TlsRules { min_version: version, max_version: version, ..trusting(authority.pem()) };
            let outcome = fetch(&bench.session_with(Config::new().tls(rules)), peer.https("/")).await;
            assert_eq!(outcome.err().map(|error| error.kind()), kind, "{version}");
        }
    }
});

/// A server that wants certificates signed by this one.
fn demanding(leaf: &Leaf, authority: &CertificateDer<'static>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).expect("it is a certificate");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key: PrivateKeyDer<'static> = PrivatePkcs8KeyDer::from(leaf.key().secret_der().to_vec()).into();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_client_cert_verifier(verifier.build().expect("there is a root"))
        .with_single_cert(vec![leaf.certificate.clone()], key)
        .expect("key and certificate belong together");
    Arc::new(config)
}

behaviour!(a_client_shows_its_certificate_where_it_is_asked_for, tls, |bench| {
    let (servers, clients) = (Authority::new(), Authority::new());
    let client = clients.leaf(&["client"]);
    let config = demanding(&servers.leaf(LOOPBACK), clients.der());
    let peer = bench.tls_peer_by(config, [Step::Expect, ok("known")]);
    let both = format!("{}{}", client.key_pem, client.certificate_pem);
    let (certificate, key) = (tempfile(&client.certificate_pem), tempfile(&client.key_pem));
    let files = Identity::files(certificate.path(), Some(key.path().to_owned()));
    for identity in [Identity::bytes(&both), files] {
        for max_version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let identity = Some(identity.clone());
            let rules = TlsRules { identity, max_version, ..trusting(servers.pem()) };
            let session = bench.session_with(Config::new().tls(rules));
            assert_eq!(fetch(&session, peer.https("/")).await.unwrap().text(), "known");
        }
    }
    let stranger = Authority::new().leaf(&["stranger"]);
    let stranger = Identity::bytes(format!("{}{}", stranger.key_pem, stranger.certificate_pem));
    for identity in [None, Some(stranger)] {
        for max_version in [TlsVersion::Tls12, TlsVersion::Tls13] {
            let rules = TlsRules { identity: identity.clone(), max_version, ..trusting(servers.pem()) };
            let error = failure(&bench.session_with(Config::new().tls(rules)), peer.https("/")).await;
            assert!(hint(&error).contains("client"), "{error}");
        }
    }
});

behaviour!(a_client_without_the_right_passphrase_asks_nobody, tls, |bench| {
    let authority = Authority::new();
    let peer = bench.tls_peers(&authority.leaf(LOOPBACK), [vec![]]);
    let locked = Identity::files(matrix::fixture("client.p12"), None);
    for (identity, part) in
        [(locked.clone(), "no passphrase was given"), (locked.passphrase("wrong"), "the passphrase is wrong")]
    {
        let rules = TlsRules { identity: Some(identity), ..trusting(authority.pem()) };
        let error = refusal(bench, rules, &peer).await;
        assert!(error.kind() == Kind::InvalidConfig && hint(&error).contains(part), "{error}");
        assert!(!format!("{error:?}").contains("wrong\"") && peer.log.connections() == 0);
    }
});
