//! The scheme Basic: RFC 7617.
//!
//! Decides how user and password become one field. Whether they are sent at all is `auth`.
//!
//! > Section 2: "Furthermore, a user-id containing a colon character is invalid, as the first colon in a
//! > user-pass string separates user-id and password from one another". "The user-id and password MUST NOT
//! > contain any control characters". Without a charset parameter the encoding is undefined; the only value
//! > that section 2.1 allows is UTF-8.

use super::Credentials;
use crate::error::{Error, Kind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How letters become bytes, and how strict to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Which bytes letters beyond ASCII become.
    pub charset: Charset,
    /// Refuse a colon in the user's name, and control characters. Default true.
    pub strict: bool,
}

/// The two encodings that servers expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// What RFC 7617 lets servers ask for, and browsers send.
    Utf8,
    /// What requests sends.
    Latin1,
}

impl Rules {
    /// The modern clients' rules.
    pub const fn modern() -> Rules {
        Rules { charset: Charset::Utf8, strict: true }
    }

    /// The rules of requests 2.34.
    pub const fn requests() -> Rules {
        Rules { charset: Charset::Latin1, strict: false }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::modern()
    }
}

/// The value of the Authorization or Proxy-Authorization field.
///
/// # Errors
/// [`Kind::InvalidHeader`] where the rules are strict and the RFC forbids a character, or where a
/// letter is not in the charset. The message never shows the password.
pub fn authorization(rules: &Rules, credentials: &Credentials) -> Result<String> {
    let Credentials { user, password } = credentials;
    if rules.strict && user.contains(':') {
        return Err(refused("a user name without a colon, which would begin the password"));
    }
    if rules.strict && (user.contains(char::is_control) || password.contains(char::is_control)) {
        return Err(refused("a user name and a password without control characters"));
    }
    let pair = format!("{user}:{password}");
    let bytes = match rules.charset {
        Charset::Utf8 => pair.into_bytes(),
        Charset::Latin1 => latin1(&pair).ok_or_else(|| {
            refused("a user name and a password in ISO 8859-1").hint("encode them as bytes in UTF-8")
        })?,
    };
    Ok(format!("Basic {}", STANDARD.encode(bytes)))
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|letter| u8::try_from(letter).ok()).collect()
}

fn refused(expected: &'static str) -> Error {
    Error::new(Kind::InvalidHeader).expected(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rfcs_examples() {
        let modern =
            |user, password| authorization(&Rules::modern(), &Credentials::new(user, password)).unwrap();
        assert_eq!(modern("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(modern("test", "123\u{a3}"), "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn requests_sends_latin1_and_lets_colons_pass() {
        let requests = |user, password| authorization(&Rules::requests(), &Credentials::new(user, password));
        assert_eq!(requests("test", "123\u{a3}").unwrap(), "Basic dGVzdDoxMjOj");
        assert_eq!(requests("a:b", "c").unwrap(), "Basic YTpiOmM=");
        assert_eq!(requests("\u{20ac}", "c").unwrap_err().kind(), Kind::InvalidHeader);
    }

    #[test]
    fn what_the_rfc_forbids_is_refused_without_showing_it() {
        for (user, password) in [("a:b", "hush"), ("a\n", "hush"), ("a", "hush\0")] {
            let error = authorization(&Rules::modern(), &Credentials::new(user, password)).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidHeader);
            assert!(!error.to_string().contains("hush"));
        }
    }
}
