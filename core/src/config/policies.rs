//! The knobs of what clients know about hosts: who they are to them, their cookies, that they want TLS, and how often they
//! are asked.

use super::Config;
use crate::policy::auth::Auth;
use crate::policy::cookies::SharedJar;
use crate::policy::rate;
use std::sync::Arc;

impl Config {
    /// How requests prove who sends them. A request's own goes before its client's; a client's does not replace an
    /// Authorization header that a request has. Nothing of it follows a redirect to another origin, except that netrc
    /// is asked about the new host.
    ///
    /// * Default: none but the user information of a URL
    /// * Why: only the program knows
    /// * Extremes: Basic and Bearer without TLS show the secret to everybody on the way
    pub fn auth(mut self, auth: Auth) -> Config {
        self.auth = Some(Arc::new(auth));
        self
    }

    /// True where this names an [`Auth`], be it [`Auth::Nothing`].
    pub fn has_auth(&self) -> bool {
        self.auth.is_some()
    }

    /// Remember which hosts have said, over TLS, to be reached over TLS alone (RFC 6797), and turn `http` URLs of
    /// theirs into `https` before anything is sent. Only a client's counts.
    ///
    /// * Default: true
    /// * Why: a host that once said over TLS to be reached so alone (RFC 6797) is, for as long as it said and the
    ///   client lives; the functions at the crate's root remember nothing. Hosts with addresses for names are never
    ///   meant
    /// * Extremes: false: links to `http` are sent in the clear. True: `http` on another port of that host becomes
    ///   `https` as well
    pub fn hsts(mut self, hsts: bool) -> Config {
        self.hsts = Some(hsts);
        self
    }

    /// How often each host is asked: a client's requests to one, redirects and retries included, wait their turn
    /// before they take a connection, first come, first served, for `Timeout::pool` at most. Only a client's counts.
    ///
    /// * Default: none; `burst` is 1
    /// * Why: for servers that count, which answer 429 otherwise
    /// * Extremes: below what is sent, the line only grows, until its time-outs; a large `burst` is a limit on the
    ///   average alone; zero is refused
    pub fn rate_limit(mut self, rules: rate::Rules) -> Config {
        self.rate_limit = Some(rules);
        self
    }

    /// Keep cookies in this jar, which other clients may share and the program may look into. Only a client's counts.
    ///
    /// * Default: one of the client's own
    /// * Why: to share it, or to keep it longer. `Client::cookies()` looks into it, loads and saves cookies.txt and
    ///   JSON
    /// * Extremes: cookies are secrets: files are made for their owner alone
    pub fn cookie_jar(mut self, jar: SharedJar) -> Config {
        self.jar = Some(jar);
        self
    }
}
