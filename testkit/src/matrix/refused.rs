//! What must be refused, and why: the hint says it.

use super::entity::{Entity, Made, Twist, dns_name, extension, named, plain, self_signed};
use super::{Case, HOST, from_fixture};
use rcgen::{
    BasicConstraints, CidrSubnet, DistinguishedName, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use std::net::{IpAddr, Ipv4Addr};

const CONSTRAINED: &str = "name constraints do not allow";
const NO_NAMES: &str = "a common name is no host name";
const OTHER_HOST: &str = "another host";
const UNTRUSTED: &str = "no trusted root signed it";
const SELF_SIGNED: &str = "self-signed";

pub(super) fn cases() -> Vec<Case> {
    [
        dates(),
        trust(),
        names(),
        purposes(),
        authorities(),
        roots(),
        constraints(),
        algorithms(),
        forms(),
        own_roots(),
    ]
    .concat()
}

fn dates() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let case = |name, twist: Twist<'_>| Case::new(name, &[&root.made], &root.server(&[HOST], twist), &[]);
    let below = |name, twist: Twist<'_>| {
        let authority = root.authority("authority", twist);
        Case::new(name, &[&root.made], &authority.server(&[HOST], &plain), &[&authority.made])
    };
    vec![
        case("expired", &|params| params.not_after = date_time_ymd(2000, 1, 1)).refused("it has expired"),
        case("not valid yet", &|params| params.not_before = date_time_ymd(4000, 1, 1))
            .refused("not valid yet"),
        case("never valid", &|params| {
            params.not_before = date_time_ymd(2030, 1, 1);
            params.not_after = date_time_ymd(2010, 1, 1);
        })
        .refused("ends before it begins"),
        below("an authority that has expired", &|params| params.not_after = date_time_ymd(2000, 1, 1))
            .refused("it has expired"),
        below("an authority that is not valid yet", &|params| params.not_before = date_time_ymd(4000, 1, 1))
            .refused("not valid yet"),
    ]
}

fn trust() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let stranger = Entity::root("stranger", &plain);
    let namesake = Entity::root("root", &plain);
    let authority = root.authority("authority", &plain);
    let leaf = authority.server(&[HOST], &plain);
    let case = |name, leaf: &Made, others: &[&Made]| Case::new(name, &[&root.made], leaf, others);
    let mut tampered = root.server(&[HOST], &plain);
    tampered.certificate = changed_at_the_end(&tampered.certificate);
    let other_key = Case {
        key: stranger.made.key.clone(),
        ..case("the key of another certificate", &leaf, &[&authority.made])
    };
    let no_key = Case { key: None, ..case("no key at all", &leaf, &[&authority.made]) };
    vec![
        case("an unknown root", &stranger.server(&[HOST], &plain), &[]).refused(UNTRUSTED),
        case("an unknown root, sent along", &stranger.server(&[HOST], &plain), &[&stranger.made])
            .refused(UNTRUSTED),
        case("a root of the same name with another key", &namesake.server(&[HOST], &plain), &[])
            .refused(UNTRUSTED),
        case("an authority that is not sent", &leaf, &[]).refused(UNTRUSTED),
        case("self-signed", &self_signed(&[HOST], &plain), &[]).refused(SELF_SIGNED),
        case(
            "self-signed, and an authority",
            &self_signed(&[HOST], &|params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
            &[],
        )
        .refused(SELF_SIGNED),
        case(
            "self-signed with the root's name",
            &self_signed(&[HOST], &|params| {
                params.distinguished_name = named("root");
            }),
            &[],
        )
        .refused(SELF_SIGNED),
        case("a signature that is wrong", &tampered, &[]).refused(UNTRUSTED),
        other_key.refused("does not hold the certificate's key"),
        no_key.refused("does not hold the certificate's key"),
    ]
}

fn changed_at_the_end(certificate: &[u8]) -> rustls::pki_types::CertificateDer<'static> {
    let mut bytes = certificate.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.into()
}

fn names() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let case = |name, host, names: &[&str]| {
        let leaf = root.server(names, &plain);
        Case::new(name, &[&root.made], &leaf, &[]).host(host).refused(OTHER_HOST)
    };
    let common = |name, host, common_name: &'static str, twist: Twist<'_>| {
        let leaf = root.server(&[], &|params| {
            params.distinguished_name = named(common_name);
            twist(params);
        });
        Case::new(name, &[&root.made], &leaf, &[]).host(host).refused(NO_NAMES)
    };
    let address_as_name = root.server(&[], &|params| params.subject_alt_names = vec![dns_name("127.0.0.1")]);
    vec![
        case("another host", HOST, &["other.test"]),
        case("a host that ends the same", HOST, &["ww.site.test", "w.site.test", "site.test"]),
        case("a host that begins the same", HOST, &["www.site.test.evil.test"]),
        case("a wildcard for two labels", "a.b.site.test", &["*.site.test"]),
        case("a wildcard for no label", "site.test", &["*.site.test"]),
        case("a wildcard for part of a label", HOST, &["w*w.site.test"]),
        case("a wildcard at a label's end", HOST, &["www*.site.test"]),
        case("a wildcard at a label's beginning", HOST, &["*www.site.test"]),
        case("a wildcard in the middle", HOST, &["www.*.test"]),
        case("a wildcard at the end", HOST, &["www.site.*"]),
        case("two wildcards", HOST, &["*.*.test"]),
        case("a wildcard alone", "localhost", &["*"]),
        case("a wildcard for a top-level domain", "site.test", &["*.test"]),
        case("a wildcard inside an international label", "xn--bcher-kva.test", &["xn--*.test"]),
        case("a wildcard for addresses", "127.0.0.1", &["*.0.0.1"]),
        case("another address", "127.0.0.1", &["127.0.0.2"]),
        case("another IPv6 address", "::1", &["::2"]),
        case("a NUL behind the host", HOST, &["www.site.test\0.evil.test"]),
        case("a space before the host", HOST, &[" www.site.test"]),
        case("a name beside the address asked for", "127.0.0.1", &["localhost"]),
        common("a common name alone", HOST, HOST, &plain),
        common("an address as the common name", "127.0.0.1", "127.0.0.1", &plain),
        common("an empty list of names", HOST, HOST, &|params| {
            params.custom_extensions.push(extension(17, false, &[0x30, 0]));
        }),
        Case::new("an address as a host name", &[&root.made], &address_as_name, &[])
            .host("127.0.0.1")
            .refused(OTHER_HOST),
        case("a common name beside names of others", HOST, &["other.test"]),
    ]
}

fn purposes() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let case = |name, hint, twist: Twist<'_>| {
        Case::new(name, &[&root.made], &root.server(&[HOST], twist), &[]).refused(hint)
    };
    let clients = root.authority("clients", &|params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    vec![
        case("for clients only", "another purpose", &|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }),
        case("for code and mail", "another purpose", &|params| {
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::CodeSigning, ExtendedKeyUsagePurpose::EmailProtection];
        }),
        case("for any purpose, servers not named", "another purpose", &|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any];
        }),
        Case::new(
            "an authority for clients only",
            &[&root.made],
            &clients.server(&[HOST], &plain),
            &[&clients.made],
        )
        .refused("another purpose"),
        case("a key that may not sign", "does not allow digital signatures", &|params| {
            params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
        }),
        case("a key for encipherment only", "does not allow digital signatures", &|params| {
            params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        }),
        case("a key that may sign certificates, of no authority", "it is no authority", &|params| {
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }),
        case("an authority as a server", "an authority's certificate", &|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }),
    ]
}

fn authorities() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let below = |name, hint, twist: Twist<'_>| {
        let authority = root.authority("authority", twist);
        Case::new(name, &[&root.made], &authority.server(&[HOST], &plain), &[&authority.made]).refused(hint)
    };
    let shallow =
        root.authority("shallow", &|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    let deeper = shallow.authority("deeper", &plain);
    let too_deep = Case::new(
        "a path longer than its authority allows",
        &[&root.made],
        &deeper.server(&[HOST], &plain),
        &[&deeper.made, &shallow.made],
    );
    vec![
        below("signed by what is no authority", "lack CA", &|params| params.is_ca = IsCa::ExplicitNoCa),
        below("signed by what says nothing of authority", "lack CA", &|params| params.is_ca = IsCa::NoCa),
        below("an authority that may not sign certificates", "does not allow that", &|params| {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
        }),
        below("an authority with an unknown critical extension", "not understood", &|params| {
            params.custom_extensions.push(extension(99, true, &[5, 0]));
        }),
        below("an authority with an extension that is there twice", "there twice", &|params| {
            let policies = extension(32, false, &[0x30, 0]);
            params.custom_extensions.extend([policies.clone(), policies]);
        }),
        too_deep.refused("longer than"),
        long_chain(&root),
    ]
}

/// Longer than any chain needs to be.
fn long_chain(root: &Entity) -> Case {
    let mut chain = vec![root.authority("0", &plain)];
    for number in 1..12 {
        let next = chain[number - 1].authority(&number.to_string(), &plain);
        chain.push(next);
    }
    let leaf = chain[11].server(&[HOST], &plain);
    let others: Vec<&Made> = chain.iter().map(|authority| &authority.made).collect();
    Case::new("a chain of twelve authorities", &[&root.made], &leaf, &others).refused("too long")
}

/// What a root's own certificate says counts as well.
fn roots() -> Vec<Case> {
    let case = |name, hint, twist: Twist<'_>| {
        let root = Entity::root("root", twist);
        let authority = root.authority("authority", &plain);
        Case::new(name, &[&root.made], &authority.server(&[HOST], &plain), &[&authority.made]).refused(hint)
    };
    vec![
        case("a root that has expired", "the root that signed it has expired", &|params| {
            params.not_after = date_time_ymd(2000, 1, 1);
        }),
        case("a root that is not valid yet", "the root that signed it is not valid yet", &|params| {
            params.not_before = date_time_ymd(4000, 1, 1);
        }),
        case("a root that is no authority", "lack CA", &|params| params.is_ca = IsCa::ExplicitNoCa),
        case("a root that says nothing of authority", "lack CA", &|params| params.is_ca = IsCa::NoCa),
        case("a root that may not sign certificates", "does not allow that", &|params| {
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        }),
        case("a root for clients only", "another purpose", &|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }),
        case("a path longer than its root allows", "longer than", &|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        }),
        case("a root with an unknown critical extension", "not understood", &|params| {
            params.custom_extensions.push(extension(99, true, &[5, 0]));
        }),
    ]
}

fn constraints() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let dns = |name: &str| GeneralSubtree::DnsName(name.into());
    let net = |a, b| {
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), 16))
    };
    let case = |name,
                host: &'static str,
                names: &[&str],
                permitted: Vec<GeneralSubtree>,
                excluded: Vec<GeneralSubtree>| {
        let authority = root.authority("constrained", &|params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: permitted.clone(),
                excluded_subtrees: excluded.clone(),
            });
        });
        let leaf = authority.server(names, &plain);
        Case::new(name, &[&root.made], &leaf, &[&authority.made]).host(host).refused(CONSTRAINED)
    };
    let constrained_root = Entity::root("root", &|params| {
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: vec![dns("other.test")], excluded_subtrees: vec![] });
    });
    let below = constrained_root.server(&[HOST], &plain);
    vec![
        case("a name that is not permitted", HOST, &[HOST], vec![dns("other.test")], vec![]),
        case("a name that is excluded", HOST, &[HOST], vec![], vec![dns("site.test")]),
        case(
            "a name that only ends like a permitted one",
            "evilsite.test",
            &["evilsite.test"],
            vec![dns("site.test")],
            vec![],
        ),
        case(
            "a second name that is not permitted",
            HOST,
            &[HOST, "other.test"],
            vec![dns("site.test")],
            vec![],
        ),
        case(
            "a wildcard that reaches an excluded name",
            "www.site.test",
            &["*.site.test"],
            vec![],
            vec![dns("www.site.test")],
        ),
        case("an address that is not permitted", "127.0.0.1", &["127.0.0.1"], vec![net(10, 0)], vec![]),
        case("an address that is excluded", "127.0.0.1", &["127.0.0.1"], vec![], vec![net(127, 0)]),
        Case::new("a name that its root does not permit", &[&constrained_root.made], &below, &[])
            .refused(CONSTRAINED),
    ]
}

fn algorithms() -> Vec<Case> {
    let case = |name, root, leaf, others: &[&str], hint| {
        let others: Vec<Made> = others.iter().map(|other| from_fixture(other)).collect();
        let others: Vec<&Made> = others.iter().collect();
        Case::new(name, &[&from_fixture(root)], &from_fixture(leaf), &others).refused(hint)
    };
    vec![
        case("signed by SHA-1", "rsa_root", "rsa_sha1", &[], "SHA-1"),
        case("signed by MD5", "rsa_root", "rsa_md5", &[], "MD5"),
        case("an authority signed by SHA-1", "rsa_root", "below_sha1", &["between_sha1"], "SHA-1"),
        case("an RSA key of 1024 bits", "rsa_root", "rsa_1024", &[], "fewer than 2048 bits"),
        case(
            "an authority with an RSA key of 1024 bits",
            "rsa_root",
            "below_short",
            &["between_short"],
            "fewer than 2048 bits",
        ),
        case(
            "a root with an RSA key of 1024 bits",
            "short_root",
            "below_short_root",
            &[],
            "fewer than 2048 bits",
        ),
    ]
}

fn forms() -> Vec<Case> {
    let root = Entity::root("root", &plain);
    let case = |name, hint, twist: Twist<'_>| {
        Case::new(name, &[&root.made], &root.server(&[HOST], twist), &[]).refused(hint)
    };
    let rsa_root = from_fixture("rsa_root");
    let mut rubbish = root.server(&[HOST], &plain);
    rubbish.certificate = b"no certificate".to_vec().into();
    let mut longer = root.server(&[HOST], &plain);
    longer.certificate = [&longer.certificate[..], b"more"].concat().into();
    vec![
        case("an unknown critical extension", "not understood", &|params| {
            params.custom_extensions.push(extension(99, true, &[5, 0]));
        }),
        case("names that are there twice", "there twice", &|params| {
            params.custom_extensions.push(extension(17, false, b"\x30\x0f\x82\x0dwww.site.test"));
        }),
        case("an unknown extension that is there twice", "there twice", &|params| {
            params.custom_extensions.extend([extension(99, false, &[5, 0]), extension(99, false, &[5, 0])]);
        }),
        case("an empty extended key usage", "another purpose", &|params| {
            params.extended_key_usages.clear();
            params.custom_extensions.push(extension(37, false, &[0x30, 0]));
        }),
        case("an empty subject, and no names", NO_NAMES, &|params| {
            params.distinguished_name = DistinguishedName::new();
            params.subject_alt_names.clear();
        }),
        Case::new("version 1", &[&rsa_root], &from_fixture("v1_leaf"), &[]).refused("version 1"),
        Case::new(
            "an authority of version 1",
            &[&rsa_root],
            &from_fixture("below_v1"),
            &[&from_fixture("between_v1")],
        )
        .refused("version 1"),
        Case::new("what is no certificate", &[&root.made], &rubbish, &[]).refused("malformed"),
        Case::new("bytes behind the certificate", &[&root.made], &longer, &[]).refused("malformed"),
    ]
}

/// A server's own certificate among the roots makes it no authority, and its dates and names count as ever.
fn own_roots() -> Vec<Case> {
    let case = |name, hint, names: &[&str], twist: Twist<'_>| {
        let leaf = self_signed(names, twist);
        Case::new(name, &[&leaf], &leaf, &[]).refused(hint)
    };
    let pinned = Entity::root("pinned", &|params| {
        params.is_ca = IsCa::NoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    });
    let one = self_signed(&[HOST], &plain);
    let other = self_signed(&[HOST], &plain);
    vec![
        case("a root itself, expired", "it has expired", &[HOST], &|params| {
            params.not_after = date_time_ymd(2000, 1, 1);
        }),
        case("a root itself, not valid yet", "not valid yet", &[HOST], &|params| {
            params.not_before = date_time_ymd(4000, 1, 1);
        }),
        case("a root itself, of another host", OTHER_HOST, &["other.test"], &plain),
        case("a root itself, with a common name alone", NO_NAMES, &[], &|params| {
            params.distinguished_name = named(HOST);
        }),
        case("a root itself, for clients only", "another purpose", &[HOST], &|params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }),
        Case::new("another certificate than the one among the roots", &[&one], &other, &[])
            .refused(SELF_SIGNED),
        Case::new(
            "signed by a server's certificate among the roots",
            &[&pinned.made],
            &pinned.server(&[HOST], &plain),
            &[],
        )
        .refused("does not allow that"),
        Case::new("a root itself, without its key", &[&one], &Made { key: None, ..one.clone() }, &[])
            .refused("does not hold the certificate's key"),
    ]
}
