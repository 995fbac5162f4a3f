//! Which credentials go with a request, and which scheme answers a challenge: RFC 9110 section 11.
//!
//! Decides the source and the scheme; how each scheme writes its field is its own file. Holds no secret
//! longer than a call, asks nobody, reads no file. The engine calls [`choose`] before sending and
//! [`challenges`] on 401 and 407.
//!
//! > "When creating their values, the user agent ought to do so by selecting the challenge with what it
//! > considers to be the most secure auth-scheme that it understands, obtaining credentials from the user as
//! > appropriate" (11.4).

pub mod basic;
pub mod bearer;
mod challenge;
pub mod digest;
pub mod netrc;
mod scheme;
pub mod sigv4;

pub use crate::policy::credentials::Credentials;
pub use challenge::{Challenge, challenges};
pub use scheme::{Asked, Auth, Flow, Reply, Rounds};

/// Who asks: the origin server, or a proxy on the way. They use fields of their own (sections 11.6 and 11.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// 401, WWW-Authenticate, Authorization, Authentication-Info.
    Origin,
    /// 407, Proxy-Authenticate, Proxy-Authorization, Proxy-Authentication-Info.
    Proxy,
}

impl Role {
    /// The status of a challenge.
    pub fn status(self) -> u16 {
        match self {
            Role::Origin => 401,
            Role::Proxy => 407,
        }
    }

    /// The field that holds challenges.
    pub fn challenge_header(self) -> &'static str {
        match self {
            Role::Origin => "WWW-Authenticate",
            Role::Proxy => "Proxy-Authenticate",
        }
    }

    /// The field that answers them.
    pub fn answer_header(self) -> &'static str {
        match self {
            Role::Origin => "Authorization",
            Role::Proxy => "Proxy-Authorization",
        }
    }

    /// The field that follows an accepted answer.
    pub fn info_header(self) -> &'static str {
        match self {
            Role::Origin => "Authentication-Info",
            Role::Proxy => "Proxy-Authentication-Info",
        }
    }
}

/// In which order sources are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Look into netrc at all. Default true: curl users and requests users keep passwords there.
    pub netrc: bool,
    /// An entry in netrc wins over an Authorization field set by hand. Default false; requests does it, and
    /// users who set a token by hand wonder why another is sent.
    pub netrc_over_header: bool,
}

impl Rules {
    /// The modern clients' rules.
    pub const fn modern() -> Rules {
        Rules { netrc: true, netrc_over_header: false }
    }

    /// The rules of requests 2.34.
    pub const fn requests() -> Rules {
        Rules { netrc: true, netrc_over_header: true }
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::modern()
    }
}

/// What there is to choose from, for one request to one origin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// The program gave `auth=`.
    pub has_auth: bool,
    /// The program set Authorization by hand.
    pub has_header: bool,
    /// The URL holds a user name or a password.
    pub url_has_credentials: bool,
    /// netrc has an entry for the host, or a default.
    pub netrc_has_entry: bool,
}

/// Where the credentials come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// `auth=`.
    Auth,
    /// The field that was set by hand stays as it is.
    Header,
    /// The URL's user information.
    Url,
    /// netrc's entry.
    Netrc,
    /// Nowhere: the request goes without.
    Nothing,
}

/// Chooses between sources. What was said for this very request wins over what lies around.
pub fn choose(rules: &Rules, facts: &Facts) -> Decision {
    let netrc = rules.netrc && facts.netrc_has_entry;
    if facts.has_auth {
        Decision::Auth
    } else if facts.has_header && !(rules.netrc_over_header && (facts.url_has_credentials || netrc)) {
        Decision::Header
    } else if facts.url_has_credentials {
        Decision::Url
    } else if netrc {
        Decision::Netrc
    } else {
        Decision::Nothing
    }
}

/// `"…"` with quotes and backslashes escaped (RFC 9110 section 5.6.4).
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_believed_in_order() {
        // (auth, header, url, netrc) → modern, requests
        let table = [
            ((true, true, true, true), Decision::Auth, Decision::Auth),
            ((false, true, true, true), Decision::Header, Decision::Url),
            ((false, true, false, true), Decision::Header, Decision::Netrc),
            ((false, true, false, false), Decision::Header, Decision::Header),
            ((false, false, true, true), Decision::Url, Decision::Url),
            ((false, false, false, true), Decision::Netrc, Decision::Netrc),
            ((false, false, false, false), Decision::Nothing, Decision::Nothing),
        ];
        for ((has_auth, has_header, url_has_credentials, netrc_has_entry), modern, requests) in table {
            let facts = Facts { has_auth, has_header, url_has_credentials, netrc_has_entry };
            assert_eq!(choose(&Rules::modern(), &facts), modern, "{facts:?}");
            assert_eq!(choose(&Rules::requests(), &facts), requests, "{facts:?}");
        }
    }
}
