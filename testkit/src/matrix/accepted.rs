//! What must be accepted: every kind of key and signature in use, every order of a chain, every form of a name.

use super::entity::{Entity, Made, extension, plain, self_signed};
use super::{Case, HOST, from_fixture};
use rcgen::{
    BasicConstraints, CidrSubnet, DistinguishedName, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use std::net::{IpAddr, Ipv4Addr};

pub(super) fn cases() -> Vec<Case> {
    [keys(), chains(), names(), extensions(), constraints(), own_roots()].concat()
}

fn keys() -> Vec<Case> {
    let kinds = [
        ("a key on P-256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("a key on P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("a key on P-521", &rcgen::PKCS_ECDSA_P521_SHA512),
        ("a key on Ed25519", &rcgen::PKCS_ED25519),
    ];
    let generated = kinds.map(|(name, kind)| {
        let root = Entity::root_with(kind, "root", &plain);
        Case::new(name, &[&root.made], &root.server_with(kind, &[HOST], &plain), &[])
    });
    let fixtures = [
        ("an RSA key of 2048 bits", "rsa_root", "rsa_2048"),
        ("an RSA key of 3072 bits", "rsa_root", "rsa_3072"),
        ("an RSA key of 4096 bits", "rsa_root", "rsa_4096"),
        ("signed by RSA and SHA-384", "rsa_root", "rsa_sha384"),
        ("signed by RSA and SHA-512", "rsa_root", "rsa_sha512"),
        ("signed by RSA-PSS", "rsa_root", "pss_signed"),
        ("a root that signed itself by SHA-1", "sha1_root", "below_sha1_root"),
        ("a root of version 1", "v1_root", "below_v1_root"),
    ];
    let fixtures =
        fixtures.map(|(name, root, leaf)| Case::new(name, &[&from_fixture(root)], &from_fixture(leaf), &[]));
    [&generated[..], &fixtures[..]].concat()
}

fn chains() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let upper = root.authority("upper", &plain);
    let lower = upper.authority("lower", &plain);
    let leaf = lower.server(&[HOST], &plain);
    let stranger = Entity::root("stranger", &plain);
    let case = |name, others: &[&Made]| Case::new(name, &[&root.made], &leaf, others);
    let expired = upper.certified_by(&root, "upper", &|params| params.not_after = date_time_ymd(2000, 1, 1));
    let elsewhere = upper.certified_by(&stranger, "upper", &plain);
    vec![
        Case::new(
            "signed by an authority below the root",
            &[&root.made],
            &upper.server(&[HOST], &plain),
            &[&upper.made],
        ),
        case("two authorities below the root", &[&lower.made, &upper.made]),
        case("a chain in the wrong order", &[&upper.made, &lower.made]),
        case("the root sent along", &[&lower.made, &upper.made, &root.made]),
        case(
            "a certificate sent along that belongs to nobody here",
            &[&stranger.made, &lower.made, &upper.made],
        ),
        case("the same authority sent twice", &[&lower.made, &lower.made, &upper.made]),
        case(
            "an expired certificate of an authority beside a valid one",
            &[&lower.made, &expired, &upper.made],
        ),
        case("cross-signed: the way to a stranger comes first", &[&lower.made, &elsewhere, &upper.made]),
        Case::new(
            "cross-signed: only the other root is trusted",
            &[&stranger.made],
            &leaf,
            &[&lower.made, &upper.made, &elsewhere],
        ),
        Case::new(
            "an authority below a root is trusted, its root is not",
            &[&upper.made],
            &leaf,
            &[&lower.made],
        ),
        Case::new(
            "two roots of the same name and two keys",
            &[&Entity::root("root", &plain).made, &root.made],
            &leaf,
            &[&lower.made, &upper.made],
        ),
        renewed_root(&root, &leaf, &[&lower.made, &upper.made]),
    ]
}

/// The same name and key, and one of the two has expired.
fn renewed_root(root: &Entity, leaf: &Made, others: &[&Made]) -> Case {
    let old = root.certified_by(root, "root", &|params| params.not_after = date_time_ymd(2000, 1, 1));
    Case::new("a root that has expired, and its renewal", &[&old, &root.made], leaf, others)
}

fn names() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let case = |name, host, names: &[&str]| {
        Case::new(name, &[&root.made], &root.server(names, &plain), &[]).host(host)
    };
    let many: Vec<String> = (0..200).map(|number| format!("host-{number}.site.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        case("a wildcard for one label", HOST, &["*.site.test"]),
        case("one of several names", HOST, &["a.test", "*.b.test", HOST]),
        case("capital letters in the certificate", HOST, &["WWW.Site.TEST"]),
        case("capital letters in the host", "WWW.SITE.TEST", &[HOST]),
        case("a dot behind the host", "www.site.test.", &[HOST]),
        case("a dot behind the host, and a wildcard", "www.site.test.", &["*.site.test"]),
        case("an international name", "xn--bcher-kva.test", &["xn--bcher-kva.test"]),
        case("a wildcard for an international name", "xn--bcher-kva.site.test", &["*.site.test"]),
        case("an underscore", "a_b.site.test", &["a_b.site.test"]),
        case("an IPv4 address", "127.0.0.1", &["127.0.0.1"]),
        case("an IPv6 address", "::1", &["::1"]),
        case("the last of 200 names", "host-199.site.test", &many),
        case("a host of one label", "localhost", &["localhost"]),
    ]
}

fn extensions() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let case = |name, twist: super::entity::Twist<'_>| {
        Case::new(name, &[&root.made], &root.server(&[HOST], twist), &[])
    };
    let anything = root.authority("anything", &|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
    });
    let servers = root.authority("servers", &|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let unsaid = root.authority("unsaid", &|params| params.key_usages.clear());
    let below = |name, authority: &Entity| {
        Case::new(name, &[&root.made], &authority.server(&[HOST], &plain), &[&authority.made])
    };
    vec![
        case("no extended key usage", &|params| params.extended_key_usages.clear()),
        case("for servers and clients", &|params| {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }),
        case("no key usage", &|params| params.key_usages.clear()),
        case("key encipherment as well", &|params| {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }),
        case("explicitly no authority", &|params| params.is_ca = IsCa::ExplicitNoCa),
        case("no authority key identifier", &|params| {
            params.use_authority_key_identifier_extension = false;
        }),
        case("an empty subject", &|params| params.distinguished_name = DistinguishedName::new()),
        case("an unknown extension that is not critical", &|params| {
            params.custom_extensions.push(extension(99, false, &[5, 0]));
        }),
        case("a common name that is another host's", &|params| {
            params.distinguished_name = super::entity::named("other.test");
        }),
        below("an authority for any purpose", &anything),
        below("an authority for servers", &servers),
        below("an authority without key usage", &unsaid),
    ]
}

fn constraints() -> Vec<Case> {
    let case = |name, authority: &Entity, root: &Entity, host: &'static str| {
        let leaf = authority.server(&[host], &plain);
        Case::new(name, &[&root.made], &leaf, &[&authority.made]).host(host)
    };
    let root = Entity::root("root", &plain);
    let permitted = |subtree: GeneralSubtree| {
        root.authority("constrained", &|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![subtree.clone()],
                excluded_subtrees: vec![],
            });
        })
    };
    let dns = |name: &str| GeneralSubtree::DnsName(name.into());
    let loopback = CidrSubnet::from_addr_prefix(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8);
    let wildcard = |name, authority: &Entity| {
        Case::new(name, &[&root.made], &authority.server(&["*.site.test"], &plain), &[&authority.made])
    };
    let excluding = root.authority("excluding", &|params| {
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: vec![], excluded_subtrees: vec![dns("other.test")] });
    });
    let shallow = root.authority("shallow", &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    });
    let short_root = Entity::root("short root", &|params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    });
    let below_short_root = short_root.authority("below", &plain);
    vec![
        case("a name that its authority's constraints permit", &permitted(dns("site.test")), &root, HOST),
        wildcard("a wildcard that they permit", &permitted(dns("site.test"))),
        wildcard("a wildcard below a dot that they permit", &permitted(dns(".site.test"))),
        case(
            "an address that they permit",
            &permitted(GeneralSubtree::IpAddress(loopback)),
            &root,
            "127.0.0.1",
        ),
        case("constraints on other kinds of names", &permitted(dns("site.test")), &root, "127.0.0.1"),
        case("a name that they do not exclude", &excluding, &root, HOST),
        case("a path as long as its authority allows", &shallow, &root, HOST),
        case("a path as long as its root allows", &below_short_root, &short_root, HOST),
    ]
}

/// requests' users pass a server's own certificate as `verify=`.
fn own_roots() -> Vec<Case> {
    let case = |name, leaf: &Made| Case::new(name, &[leaf], leaf, &[]);
    let root = Entity::root("root", &plain);
    vec![
        case("a root itself: self-signed", &self_signed(&[HOST], &plain)),
        case(
            "a root itself: self-signed, and an authority",
            &self_signed(&[HOST], &|params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
        ),
        case(
            "a root itself: self-signed, of few words",
            &self_signed(&[HOST], &|params| {
                params.key_usages.clear();
                params.extended_key_usages.clear();
            }),
        ),
        case("a root itself: signed by somebody unknown", &root.server(&[HOST], &plain)),
        case("a root itself, for an address", &self_signed(&["127.0.0.1"], &plain)).host("127.0.0.1"),
    ]
}
