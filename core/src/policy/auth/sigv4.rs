//! AWS Signature Version 4: a request signed with a secret that never travels.
//!
//! Decides what is signed and how it is written. It is told the time, and where the body is not in memory, that it is
//! not. Checked against the vectors of AWS' own suite (`core/tests/sigv4_suite.rs`). The rules are AWS' page "Create a
//! signed AWS API request":
//!
//! > "CanonicalRequest = HTTPMethod + '\n' + CanonicalURI + '\n' + CanonicalQueryString + '\n' + CanonicalHeaders +
//! > '\n' + SignedHeaders + '\n' + HashedPayload". "StringToSign = Algorithm \n RequestDateTime \n CredentialScope \n
//! > HashedCanonicalRequest". "If you are using a service other than Amazon S3, normalize … and URI-encode twice".

use crate::error::{Error, Kind, Result};
use crate::headers::Headers;
use crate::policy::date;
use percent_encoding::percent_decode;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

/// Whose requests they are, and for what. `Debug` shows neither secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Signer {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
    region: String,
    service: String,
}

/// The request to sign.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path, as it is sent.
    pub path: &'a str,
    /// Its query, as it is sent.
    pub query: &'a str,
    /// Its fields, Host included.
    pub headers: &'a Headers,
    /// Its body, `b""` without one; None where it is read only while it is sent.
    pub body: Option<&'a [u8]>,
    /// It goes over TLS.
    pub secure: bool,
    /// The time to sign it for; servers allow some minutes of difference.
    pub now: SystemTime,
}

/// Not signed: what others on the way, or the engine after this, may change. All other fields are, so that nobody can.
const UNSIGNED: [&str; 13] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];

impl Signer {
    /// Signs with the access key and its secret, for a region and a service (`eu-west-1`, `s3`).
    pub fn new(
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
        region: impl Into<String>,
        service: impl Into<String>,
    ) -> Signer {
        Signer {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            session_token: None,
            region: region.into(),
            service: service.into(),
        }
    }

    /// The token that belongs to temporary credentials.
    pub fn session_token(mut self, token: impl Into<String>) -> Signer {
        self.session_token = Some(token.into());
        self
    }

    /// Refuses what no field could hold.
    ///
    /// # Errors
    /// [`Kind::InvalidHeader`].
    pub fn check(&self) -> Result<()> {
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let token = self.session_token.as_deref().unwrap_or("-");
        if [&self.access_key, &self.region, &self.service].into_iter().all(|text| visible(text))
            && visible(token)
        {
            return Ok(());
        }
        Err(Error::new(Kind::InvalidHeader)
            .expected("an AWS access key, region, service and session token of visible ASCII characters"))
    }

    /// The fields that sign the request, each to be put in the place of one of its name.
    ///
    /// # Errors
    /// [`Kind::UnrewindableBody`] for a body that is not in memory, where it cannot go unsigned: only S3 takes that,
    /// over TLS.
    pub fn sign(&self, facts: &Facts<'_>) -> Result<Headers> {
        let time = timestamp(facts.now);
        let mut added = Headers::new();
        added.set("X-Amz-Date", &time)?;
        if let Some(token) = &self.session_token {
            added.set("X-Amz-Security-Token", token)?;
        }
        let payload = self.payload(facts)?;
        if self.is_s3() {
            added.set("X-Amz-Content-Sha256", &payload)?;
        }
        let (canonical, signed) = self.canonical_request(facts, &added, &payload);
        let scope = format!("{}/{}/{}/aws4_request", &time[..8], self.region, self.service);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let signature = hexadecimal(&hmac(&self.key(&time[..8]), to_sign.as_bytes()));
        let id = &self.access_key;
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}"
        );
        added.set("Authorization", value)?;
        Ok(added)
    }

    fn is_s3(&self) -> bool {
        matches!(self.service.as_str(), "s3" | "s3-object-lambda" | "s3-outposts" | "s3express")
    }

    fn payload(&self, facts: &Facts<'_>) -> Result<String> {
        match (facts.body, facts.headers.get_str("X-Amz-Content-Sha256")) {
            // Whoever streams may have hashed before.
            (_, Some(hash)) => Ok(hash.to_owned()),
            (Some(body), None) => Ok(sha256(body)),
            (None, None) if self.is_s3() && facts.secure => Ok("UNSIGNED-PAYLOAD".to_owned()),
            (None, None) => Err(Error::new(Kind::UnrewindableBody)
                .expected("a body in memory, since AWS asks for its hash before it is sent")
                .hint("set the header X-Amz-Content-Sha256 where the hash is known")),
        }
    }

    /// The canonical request, and the names of the fields that it holds.
    fn canonical_request(&self, facts: &Facts<'_>, added: &Headers, payload: &str) -> (String, String) {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let kept = facts.headers.iter().filter(|(name, _)| !added.contains(name));
        for (name, value) in kept.chain(added.iter()) {
            let name = name.to_ascii_lowercase();
            if !UNSIGNED.contains(&name.as_str()) {
                fields.entry(name).or_default().push(trimmed(value));
            }
        }
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        let signed = names.join(";");
        let lines: String =
            fields.iter().map(|(name, values)| format!("{name}:{}\n", values.join(","))).collect();
        let path = if self.is_s3() { decoded_and_encoded(facts.path, "/") } else { normal_path(facts.path) };
        let query = canonical_query(facts.query);
        (format!("{}\n{path}\n{query}\n{lines}\n{signed}\n{payload}", facts.method), signed)
    }

    /// "DateKey … DateRegionKey … DateRegionServiceKey … SigningKey".
    fn key(&self, day: &str) -> [u8; 32] {
        let secret = format!("AWS4{}", self.secret_key);
        let for_day = hmac(secret.as_bytes(), day.as_bytes());
        let for_region = hmac(&for_day, self.region.as_bytes());
        let for_service = hmac(&for_region, self.service.as_bytes());
        hmac(&for_service, b"aws4_request")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signer { access_key, region, service, .. } = self;
        let mut shown = f.debug_struct("SigV4");
        shown.field("access_key", access_key).field("region", region).field("service", service);
        shown.finish_non_exhaustive()
    }
}

/// `20150830T123600Z`.
fn timestamp(now: SystemTime) -> String {
    let (year, month, day, hour, minute, second) = date::parts(now);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

/// "Remove any leading or trailing white space, convert sequential spaces to a single space".
fn trimmed(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Dots and empty segments resolved as RFC 3986 has it, and encoded once more.
fn normal_path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let ends_open = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    let end = if ends_open && !segments.is_empty() { "/" } else { "" };
    encoded(format!("/{}{end}", segments.join("/")).as_bytes(), "/")
}

/// "Sort … by the encoded parameter names in ascending order". A plus is a space, as AWS reads it.
fn canonical_query(query: &str) -> String {
    let read = |text: &str| decoded_and_encoded(&text.replace('+', " "), "");
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (read(name), read(value)))
        .collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn decoded_and_encoded(text: &str, but: &str) -> String {
    let bytes: Vec<u8> = percent_decode(text.as_bytes()).collect();
    encoded(&bytes, but)
}

/// "URI-encode every byte except the unreserved characters: 'A'-'Z', 'a'-'z', '0'-'9', '-', '.', '_', and '~'".
fn encoded(bytes: &[u8], but: &str) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || but.as_bytes().contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// RFC 2104, with SHA-256.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut padded = [0; BLOCK];
    if key.len() > BLOCK {
        padded[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(padded.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn facts(headers: &Headers) -> Facts<'_> {
        let now = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        Facts { method: "GET", path: "/", query: "", headers, body: Some(b""), secure: false, now }
    }

    fn headers(fields: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        fields.iter().for_each(|(name, value)| headers.append(name, value).unwrap());
        headers
    }

    fn signature(signer: &Signer, facts: &Facts<'_>) -> String {
        let signed = signer.sign(facts).unwrap();
        signed.get_str("Authorization").unwrap().rsplit_once('=').unwrap().1.to_owned()
    }

    #[test]
    fn the_vectors_get_vanilla_and_query_order_of_aws_suite() {
        let signer = Signer::new("AKIDEXAMPLE", SECRET, "us-east-1", "service");
        let given = headers(&[("Host", "example.amazonaws.com"), ("User-Agent", "any"), ("Accept", "*/*")]);
        assert_eq!(
            signature(&signer, &facts(&given)),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        let query = Facts { query: "Param2=value2&Param1=value1", ..facts(&given) };
        assert_eq!(
            signature(&signer, &query),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
    }

    #[test]
    fn paths_are_encoded_twice_but_for_s3() {
        assert_eq!(normal_path("/a%20b/./c/../d//"), "/a%2520b/d/");
        assert_eq!(normal_path("/.."), "/");
        assert_eq!(decoded_and_encoded("/a%20b/./c+d", "/"), "/a%20b/./c%2Bd");
        assert_eq!(canonical_query("b=a+b&a&=%7e"), "=~&a=&b=a%20b");
    }

    #[test]
    fn only_s3_over_tls_takes_a_body_without_its_hash() {
        let given = headers(&[("Host", "a")]);
        let stream = Facts { body: None, ..facts(&given) };
        let s3 = Signer::new("id", "hush", "eu-west-1", "s3").session_token("token");
        let signed = s3.sign(&Facts { secure: true, ..stream }).unwrap();
        assert_eq!(signed.get_str("X-Amz-Content-Sha256"), Some("UNSIGNED-PAYLOAD"));
        let names = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
        assert!(signed.get_str("Authorization").unwrap().contains(names), "{signed:?}");
        assert_eq!(s3.sign(&stream).unwrap_err().kind(), Kind::UnrewindableBody);
    }
}
