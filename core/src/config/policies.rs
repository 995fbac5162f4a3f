//! The knobs of what clients know about hosts: who they are to them, their cookies, that they want TLS, and how often they
//! are asked.

use super::Config;
use crate::policy::auth::Auth;
use crate::policy::cookies::SharedJar;
use crate::policy::rate;
use std::sync::Arc;

impl Config {
    /// How requests prove who sends them. Default: by the user information of their URL, if any.
    ///
    /// A request's own goes before its client's; a client's does not replace an Authorization header that a request
    /// has. Nothing of it follows a redirect to another origin, except that netrc is asked about the new host. Basic
    /// and Bearer without TLS show the secret to everybody on the way.
    pub fn auth(mut self, auth: Auth) -> Config {
        self.auth = Some(Arc::new(auth));
        self
    }

    /// True where this names an [`Auth`], be it [`Auth::Nothing`].
    pub fn has_auth(&self) -> bool {
        self.auth.is_some()
    }

    /// Remember which hosts have said, over TLS, to be reached over TLS alone (RFC 6797), and turn `http` URLs of
    /// theirs into `https` before anything is sent. Default true for a client, in memory and so for its life; the
    /// functions at the crate's root share a client that does not. With false a link to `http` is sent in the clear;
    /// true is in the way where a name has plain HTTP on another port than 80, which becomes https too. Only a
    /// client's counts.
    pub fn hsts(mut self, hsts: bool) -> Config {
        self.hsts = Some(hsts);
        self
    }

    /// How often each host is asked: a client's requests to one, redirects and retries included, wait their turn before they
    /// take a connection, first come, first served, for `Timeout::pool` at most. Default: as often as one likes. One that is
    /// far below what is sent makes a queue that only grows; one far above what a server takes gives 429, which retries with
    /// Retry-After are for. Only a client's counts.
    pub fn rate_limit(mut self, rules: rate::Rules) -> Config {
        self.rate_limit = Some(rules);
        self
    }

    /// Keep cookies in this jar, which other clients may share and the program may look into. Default: one of the
    /// client's own. Only a client's counts.
    pub fn cookie_jar(mut self, jar: SharedJar) -> Config {
        self.jar = Some(jar);
        self
    }
}
