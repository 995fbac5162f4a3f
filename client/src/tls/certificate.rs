//! What a certificate says of itself (RFC 5280 section 4.1), as far as webpki does not tell.
//!
//! webpki builds and verifies chains, and keeps what it read to itself. `verify` asks here for what it leaves out:
//! what keys may be used for, how long they are, whether an extension is there twice, and everything about roots.

use super::der::{self, BIT_STRING, BOOLEAN, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

/// A certificate, read but not judged.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    /// 1 or 3; nothing else is in use.
    pub(super) version: u32,
    /// The distinguished names, whole elements.
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    /// Seconds since 1970.
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    /// The SubjectPublicKeyInfo, the whole element.
    pub(super) public_key_info: &'a [u8],
    /// Inside of it: the content of the algorithm's identifier, and the key.
    pub(super) key_algorithm: &'a [u8],
    pub(super) key: &'a [u8],
    extensions: Vec<Extension<'a>>,
}

#[derive(Debug)]
struct Extension<'a> {
    identifier: &'a [u8],
    critical: bool,
    value: &'a [u8],
}

/// The purposes of a key (RFC 5280 section 4.2.1.3), as bits: the first one of the standard is the highest here.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyUsage(u8);

impl KeyUsage {
    pub(super) fn may_sign_handshakes(self) -> bool {
        self.0 & 0x80 != 0
    }

    pub(super) fn may_sign_certificates(self) -> bool {
        self.0 & 0x04 != 0
    }
}

/// What the extended key usage allows (RFC 5280 section 4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Nothing is said.
    Unsaid,
    /// Servers, by name.
    Server,
    /// `anyExtendedKeyUsage`.
    Any,
    Other,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate of version 1 or 3.
    pub(super) fn read(der: &'a [u8]) -> Option<Certificate<'a>> {
        let mut signed = Reader::new(der).nested(SEQUENCE)?.nested(SEQUENCE)?;
        let version = match signed.optional(der::context(0)) {
            Some(version) => Reader::new(version).number()? + 1,
            None => 1,
        };
        signed.expect(INTEGER)?;
        signed.expect(SEQUENCE)?;
        let issuer = signed.element()?.whole;
        let mut validity = signed.nested(SEQUENCE)?;
        let subject = signed.element()?.whole;
        let public_key_info = signed.element()?;
        let mut inside = Reader::new(public_key_info.content);
        let key_algorithm = inside.expect(SEQUENCE)?;
        // The first byte counts unused bits: none, in any key.
        let key = inside.expect(BIT_STRING)?.strip_prefix(&[0])?;
        let mut extensions = Vec::new();
        while let Some(element) = signed.element() {
            if element.tag == der::context(3) {
                extensions = read_extensions(element.content)?;
            }
        }
        Some(Certificate {
            version,
            issuer,
            subject,
            not_before: read_time(&mut validity)?,
            not_after: read_time(&mut validity)?,
            public_key_info: public_key_info.whole,
            key_algorithm,
            key,
            extensions,
        })
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// Some extension is there twice, which RFC 5280 section 4.2 forbids: which of the two would count?
    pub(super) fn repeats_an_extension(&self) -> bool {
        let mut seen = std::collections::HashSet::new();
        !self.extensions.iter().all(|extension| seen.insert(extension.identifier))
    }

    /// Some critical extension is none that anybody here understands.
    pub(super) fn has_unknown_critical_extension(&self) -> bool {
        // id-ce: subject key, key usage, alternative names, basic and name constraints, CRLs, policies, authority key,
        // policy constraints, extended key usage, inhibitAnyPolicy.
        const KNOWN: [u8; 13] = [14, 15, 17, 18, 19, 30, 31, 32, 33, 35, 36, 37, 54];
        self.extensions.iter().any(|extension| match extension.identifier {
            [0x55, 0x1d, number] => extension.critical && !KNOWN.contains(number),
            _ => extension.critical,
        })
    }

    pub(super) fn has_names(&self) -> bool {
        self.extension(17).is_some_and(|names| names.len() > 2)
    }

    /// The basic constraints: whether it is an authority, and how many more may stand below it (section 4.2.1.9).
    pub(super) fn authority(&self) -> Option<(bool, Option<u32>)> {
        let mut constraints = Reader::new(self.extension(19)?).nested(SEQUENCE)?;
        let is_authority = constraints.optional(BOOLEAN).is_some_and(|value| value != [0]);
        Some((is_authority, constraints.optional(INTEGER).and_then(der::small_number)))
    }

    pub(super) fn key_usage(&self) -> Option<KeyUsage> {
        // The first byte counts unused bits at the end.
        let bits = Reader::new(self.extension(15)?).expect(BIT_STRING);
        Some(KeyUsage(bits.and_then(|bits| bits.get(1)).copied().unwrap_or_default()))
    }

    pub(super) fn purpose(&self) -> Purpose {
        const SERVER: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 1];
        const ANY: [u8; 4] = [0x55, 0x1d, 37, 0];
        let Some(value) = self.extension(37) else { return Purpose::Unsaid };
        let mut found = Purpose::Other;
        let Some(mut purposes) = Reader::new(value).nested(SEQUENCE) else { return found };
        while let Some(purpose) = purposes.expect(OBJECT_IDENTIFIER) {
            match purpose {
                _ if purpose == SERVER => return Purpose::Server,
                _ if purpose == ANY => found = Purpose::Any,
                _ => {}
            }
        }
        found
    }

    /// How many bits the modulus of an RSA key has; `None` for other keys.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        // 1.2.840.113549.1.1: .1 is rsaEncryption, .10 is id-RSASSA-PSS.
        const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
        match Reader::new(self.key_algorithm).expect(OBJECT_IDENTIFIER)? {
            [arc @ .., 1 | 10] if *arc == RSA => {}
            _ => return None,
        }
        let modulus = Reader::new(self.key).nested(SEQUENCE)?.expect(INTEGER)?;
        let start = modulus.iter().position(|byte| *byte != 0)?;
        let digits = &modulus[start..];
        Some(digits.len() * 8 - digits[0].leading_zeros() as usize)
    }

    /// The content of the extension with that number under id-ce (2.5.29).
    fn extension(&self, number: u8) -> Option<&'a [u8]> {
        let found = self.extensions.iter().find(|extension| extension.identifier == [0x55, 0x1d, number]);
        found.map(|extension| extension.value)
    }
}

fn read_extensions(bytes: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut list = Reader::new(bytes).nested(SEQUENCE)?;
    let mut extensions = Vec::new();
    while !list.is_empty() {
        let mut extension = list.nested(SEQUENCE)?;
        extensions.push(Extension {
            identifier: extension.expect(OBJECT_IDENTIFIER)?,
            critical: extension.optional(BOOLEAN).is_some_and(|value| value != [0]),
            value: extension.expect(OCTET_STRING)?,
        });
    }
    Some(extensions)
}

/// A UTCTime or GeneralizedTime in RFC 5280's form (section 4.1.2.5), as seconds since 1970; earlier ones are 0.
fn read_time(reader: &mut Reader<'_>) -> Option<u64> {
    let element = reader.element()?;
    let text = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match element.tag {
        0x17 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = year.parse::<i64>().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let field = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    if rest.len() != 10 {
        return None;
    }
    let days = days_since_1970(year, field(0)?, field(2)?);
    let seconds = ((days * 24 + field(4)?) * 60 + field(6)?) * 60 + field(8)?;
    Some(u64::try_from(seconds).unwrap_or(0))
}

/// Days in the Gregorian calendar, counted from March on, so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let days_before_month = (153 * ((month + 9) % 12) + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<u64> {
        let element = [&[tag, text.len() as u8], text.as_bytes()].concat();
        read_time(&mut Reader::new(&element))
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(seconds(0x17, "700101000001Z"), Some(1));
        assert_eq!(seconds(0x17, "240301000000Z"), Some(1_709_251_200));
        assert_eq!(seconds(0x18, "20240301000000Z"), Some(1_709_251_200));
        assert_eq!(seconds(0x18, "40960101000000Z"), Some(67_090_118_400));
        assert_eq!(seconds(0x17, "500101000000Z"), Some(0));
        for malformed in ["", "Z", "24030100000Z", "2403010000é0Z", "240301000000"] {
            assert_eq!(seconds(0x17, malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_certificate_tells_what_it_is_for() {
        let authority = entreat_testkit::ca::Authority::new();
        let certificate = Certificate::read(authority.der()).unwrap();
        assert_eq!((certificate.version, certificate.authority()), (3, Some((true, None))));
        assert!(certificate.is_self_issued() && certificate.key_usage().unwrap().may_sign_certificates());
        assert_eq!((certificate.purpose(), certificate.rsa_bits()), (Purpose::Unsaid, None));
        let leaf = authority.leaf(&["a.test"]);
        let leaf = Certificate::read(&leaf.certificate).unwrap();
        assert!(leaf.has_names() && !leaf.repeats_an_extension() && !leaf.has_unknown_critical_extension());
        assert!(leaf.key_usage().unwrap().may_sign_handshakes());
        assert_eq!((leaf.purpose(), leaf.issuer), (Purpose::Server, certificate.subject));
    }

    #[test]
    fn a_certificate_cut_short_is_none() {
        let der = entreat_testkit::ca::Authority::new().der().clone();
        assert!((0..der.len()).all(|end| Certificate::read(&der[..end]).is_none()));
    }
}
