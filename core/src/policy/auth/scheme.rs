//! Who a program is, as it says so once: the scheme and its secrets, as a value of `Config`.
//!
//! Decides nothing: how each scheme writes its field is its own file, and the rounds are the engine's. `Debug` shows
//! the scheme and the user, never a secret.

use super::{Credentials, basic, bearer, digest, sigv4};
use crate::error::{Error, Kind, Result};
use crate::headers::Headers;
use crate::response::ResponseHead;
use crate::url::Url;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};

/// How requests prove who sends them.
///
/// ```
/// use entreat_core::Config;
/// use entreat_core::policy::auth::Auth;
/// let config = Config::new().auth(Auth::digest("user", "secret"));
/// assert!(!format!("{config:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub enum Auth {
    /// Not at all: for a request whose client does.
    Nothing,
    /// RFC 7617, at once: the server need not ask.
    Basic(Credentials, basic::Rules),
    /// RFC 6750: a token, at once.
    Bearer(String),
    /// RFC 7616: answers a server's challenge, and from then on its own knowledge of it.
    Digest(Credentials, digest::Rules),
    /// Basic, with what the file netrc has for each host: `NETRC` or `~/.netrc`, or the one named here.
    Netrc(Option<PathBuf>),
    /// AWS Signature Version 4.
    SigV4(Arc<sigv4::Signer>),
    /// A scheme of the program's own.
    Flow(Arc<dyn Flow>),
}

impl Auth {
    /// Basic, in UTF-8.
    pub fn basic(user: impl Into<String>, password: impl Into<String>) -> Auth {
        Auth::Basic(Credentials::new(user, password), basic::Rules::modern())
    }

    /// Basic, in ISO 8859-1, as old servers and requests have it.
    pub fn basic_latin1(user: impl Into<String>, password: impl Into<String>) -> Auth {
        let rules = basic::Rules { charset: basic::Charset::Latin1, ..basic::Rules::modern() };
        Auth::Basic(Credentials::new(user, password), rules)
    }

    /// A bearer token.
    pub fn bearer(token: impl Into<String>) -> Auth {
        Auth::Bearer(token.into())
    }

    /// Digest, with whichever algorithm the server offers.
    pub fn digest(user: impl Into<String>, password: impl Into<String>) -> Auth {
        Auth::Digest(Credentials::new(user, password), digest::Rules::modern())
    }

    /// The user's own netrc.
    pub fn netrc() -> Auth {
        Auth::Netrc(None)
    }

    /// The netrc at `path`.
    pub fn netrc_file(path: impl Into<PathBuf>) -> Auth {
        Auth::Netrc(Some(path.into()))
    }

    /// AWS Signature Version 4.
    pub fn sigv4(signer: sigv4::Signer) -> Auth {
        Auth::SigV4(Arc::new(signer))
    }

    /// A scheme of the program's own.
    pub fn flow(flow: impl Flow + 'static) -> Auth {
        Auth::Flow(Arc::new(flow))
    }

    /// Refuses what no field could hold, before anything is sent.
    ///
    /// # Errors
    /// [`Kind::InvalidHeader`].
    pub fn check(&self) -> Result<()> {
        match self {
            Auth::Basic(credentials, rules) => basic::authorization(rules, credentials).map(drop),
            Auth::Bearer(token) => bearer::authorization(token).map(drop),
            Auth::Digest(credentials, _) if credentials.user.contains(char::is_control) => {
                Err(Error::new(Kind::InvalidHeader).expected("a user name without control characters"))
            }
            Auth::SigV4(signer) => signer.check(),
            Auth::Nothing | Auth::Digest(..) | Auth::Netrc(_) | Auth::Flow(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::Nothing => f.write_str("Nothing"),
            Auth::Basic(credentials, _) => f.debug_tuple("Basic").field(credentials).finish(),
            Auth::Bearer(_) => f.debug_tuple("Bearer").field(&"…").finish(),
            Auth::Digest(credentials, _) => f.debug_tuple("Digest").field(credentials).finish(),
            Auth::Netrc(path) => f.debug_tuple("Netrc").field(path).finish(),
            Auth::SigV4(signer) => signer.fmt(f),
            Auth::Flow(_) => f.write_str("Flow"),
        }
    }
}

/// A scheme of the program's own, such as one that takes several rounds.
pub trait Flow: Send + Sync {
    /// Begins with a request to an origin: once for each request, and anew after a redirect within the origin. A
    /// redirect to another one ends it.
    fn begin(&self) -> Box<dyn Rounds>;
}

/// The rounds of one request. The engine asks, and does what the answer says.
pub trait Rounds: Send {
    /// What to do about the request. `question` is the answer of the server that it may be about, 401 or any other;
    /// there is none before the request is sent for the first time.
    ///
    /// # Errors
    /// Whatever the program makes of a question that it cannot answer: the request fails with it.
    fn answer(&mut self, request: &Asked<'_>, question: Option<&ResponseHead>) -> Result<Reply>;

    /// The same under an asynchronous client, for schemes that have to wait, such as for a token: as `Future::poll`, called
    /// again with the same arguments until it is ready. Unless it is given, `answer` is what is asked.
    ///
    /// # Errors
    /// As [`Rounds::answer`].
    fn poll_answer(
        &mut self,
        _context: &mut Context<'_>,
        request: &Asked<'_>,
        question: Option<&ResponseHead>,
    ) -> Poll<Result<Reply>> {
        Poll::Ready(self.answer(request, question))
    }
}

/// The request that is being sent.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// All its fields, but those of this flow.
    pub headers: &'a Headers,
    /// Its body, where that is in memory; `Some(b"")` without one.
    pub body: Option<&'a [u8]>,
}

/// What a flow decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Send the request with these fields, in the place of those of the same name.
    Send(Headers),
    /// Before the request: send it as it is. After an answer: it is the program's.
    Pass,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_field_could_hold_is_refused_without_showing_it() {
        for auth in [Auth::basic("a:b", "hush"), Auth::bearer("hush\n"), Auth::digest("a\n", "hush")] {
            let error = auth.check().unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidHeader);
            assert!(!error.to_string().contains("hush"));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let signer = sigv4::Signer::new("id", "hush", "eu-west-1", "s3").session_token("hush");
        for auth in
            [Auth::basic("a", "hush"), Auth::bearer("hush"), Auth::digest("a", "hush"), Auth::sigv4(signer)]
        {
            assert!(!format!("{auth:?}").contains("hush"));
        }
    }
}
