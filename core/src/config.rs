//! Every knob once: its default, why, and what breaks at the extremes.
//!
//! One type for both scopes. A client's `Config` fills what a request's leaves open, and [`Config::resolve`] fills
//! what both leave open with the defaults. Reading files that a knob names is the engine's work.

use crate::deadline::Timeout;
use crate::error::{Error, Kind, Result};
use crate::exchange::ACCEPT_ENCODING;
use crate::h1::head_parse::HeadLimits;
use crate::headers::Headers;
use crate::policy::auth::Auth;
use crate::policy::cookies::SharedJar;
use crate::policy::{proxy, rate, redirect, retry};
use crate::pool;
use crate::tls::TlsRules;
use std::sync::{Arc, LazyLock};

mod hooks;
mod messages;
mod network;
mod policies;
mod proxies;

pub use hooks::{Consent, Hook, RedirectHook, Redirecting, RetryHook, Retrying};
pub use messages::Messages;
pub use network::{Keepalive, Network, RawOption, SocketOptions};

/// Settings of a client or of one request. What is not set is inherited, then default.
///
/// ```
/// use entreat_core::{Config, Timeout};
/// use std::time::Duration;
/// let config = Config::new().timeout(Timeout::total(Duration::from_secs(5))).max_body(1 << 20);
/// assert_eq!(config.resolve().unwrap().max_body, Some(1 << 20));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Config {
    timeout: Option<Timeout>,
    redirects: Option<redirect::Rules>,
    retries: Option<retry::Rules>,
    retry_budget: Option<retry::Budget>,
    decompress: Option<bool>,
    cookies: Option<bool>,
    user_agent: Option<Arc<str>>,
    max_body: Option<u64>,
    head_limits: Option<HeadLimits>,
    pool: Option<pool::Rules>,
    tls: Option<Arc<TlsRules>>,
    network: Option<Arc<network::Knobs>>,
    messages: Option<Arc<messages::Knobs>>,
    proxies: Option<Arc<proxy::Map>>,
    trust_environment: Option<bool>,
    proxy_headers: Option<Arc<Headers>>,
    proxy_tls: Option<Arc<TlsRules>>,
    auth: Option<Arc<Auth>>,
    hsts: Option<bool>,
    jar: Option<SharedJar>,
    rate_limit: Option<rate::Rules>,
}

/// All settings of one exchange, none left open.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long each part may take.
    pub timeout: Timeout,
    /// Whether and how redirects are followed.
    pub redirects: redirect::Rules,
    /// Whether and how a request that failed is sent again.
    pub retries: retry::Rules,
    /// The share of retries among the requests. Client scope only: a request cannot change it.
    pub retry_budget: retry::Budget,
    /// Ask for coded bodies and decode them.
    pub decompress: bool,
    /// Keep cookies between requests.
    pub cookies: bool,
    /// The User-Agent field.
    pub user_agent: Arc<str>,
    /// What goes out with every request that says nothing of it itself, behind Host. Made of the two knobs above, here
    /// and not for each request.
    pub standing: Headers,
    /// The largest decoded body; `None` for any.
    pub max_body: Option<u64>,
    /// The largest response head.
    pub head_limits: HeadLimits,
    /// What the pool keeps and allows. Client scope only: a request cannot change it.
    pub pool: pool::Rules,
    /// Whom to trust.
    pub tls: Arc<TlsRules>,
    /// How connections are made.
    pub network: Arc<Network>,
    /// How messages are sent and received.
    pub messages: Arc<Messages>,
    /// The proxies; `None` leaves them to the environment.
    pub proxies: Option<Arc<proxy::Map>>,
    /// Let the environment name proxies.
    pub trust_environment: bool,
    /// Fields for the proxy alone.
    pub proxy_headers: Option<Arc<Headers>>,
    /// Whom to trust as a proxy; `None` for what [`Settings::tls_with_proxy`] makes of `tls`.
    pub proxy_tls: Option<Arc<TlsRules>>,
    /// How requests prove who sends them.
    pub auth: Option<Arc<Auth>>,
    /// Remember which hosts want TLS. Client scope only: a request cannot change it.
    pub hsts: bool,
    /// Where cookies are kept; `None` for a jar of the client's own. Client scope only.
    pub jar: Option<SharedJar>,
    /// How often each host is asked. Client scope only.
    pub rate_limit: Option<rate::Rules>,
}

impl Config {
    /// Nothing set.
    pub fn new() -> Config {
        Config::default()
    }

    /// How long each part of an exchange may take.
    ///
    /// * Default: finite for all but the total, see `Timeout`
    /// * Why: without limits a dead peer hangs a program for ever
    /// * Extremes: `Timeout::NONE` sets none at all, as requests does where nothing is said
    pub fn timeout(mut self, timeout: Timeout) -> Config {
        self.timeout = Some(timeout);
        self
    }

    /// Whether and how redirects are followed.
    ///
    /// * Default: followed, see `RedirectRules`
    /// * Why: as browsers and requests
    pub fn redirects(mut self, rules: redirect::Rules) -> Config {
        self.redirects = Some(rules);
        self
    }

    /// Whether, for what and how far apart a request that failed is sent again. [`retry::Rules::times`] has the waits
    /// and failures that suit most.
    ///
    /// * Default: never
    /// * Why: only the program knows whether it would rather wait or be told
    /// * Extremes: many retries of many clients keep a server down
    pub fn retries(mut self, rules: retry::Rules) -> Config {
        self.retries = Some(rules);
        self
    }

    /// The share of retries among a client's requests, counted over those that may be retried. Only a client's counts.
    ///
    /// * Default: one retry for five requests, ten at once
    /// * Why: whatever the rules say, a server in trouble gets at most a fifth more
    /// * Extremes: 0 forbids retries; `RetryBudget::unlimited()` multiplies the load of a server that fails
    pub fn retry_budget(mut self, budget: retry::Budget) -> Config {
        self.retry_budget = Some(budget);
        self
    }

    /// Ask for coded bodies, and undo their codings.
    ///
    /// * Default: true: asks for gzip and deflate, br and zstd with the features of those names, and undoes them, up
    ///   to 5 in a row with windows of 32 MiB together
    /// * Why: smaller is faster
    /// * Extremes: false delivers bodies as they come. A coding that nobody knows is delivered as it came; one that is
    ///   corrupt or cut short is `Kind::ContentDecoding`. What follows the last member of gzip is ignored, as in curl
    ///   and browsers
    pub fn decompress(mut self, decompress: bool) -> Config {
        self.decompress = Some(decompress);
        self
    }

    /// Keep the cookies that servers set, and send them back.
    ///
    /// * Default: true for a client; false for the functions at the crate's root
    /// * Why: a jar is shared by all requests of its client
    /// * Extremes: false neither keeps nor sends any; a Cookie field of one's own is sent either way
    pub fn cookies(mut self, cookies: bool) -> Config {
        self.cookies = Some(cookies);
        self
    }

    /// The User-Agent field.
    ///
    /// * Default: `entreat/` and the version
    /// * Why: a server's owner can tell who asks; a field of that name goes before it
    /// * Extremes: some servers answer unknown ones otherwise
    pub fn user_agent(mut self, name: impl Into<Arc<str>>) -> Config {
        self.user_agent = Some(name.into());
        self
    }

    /// The largest body, in decoded bytes, that is read before [`Kind::BodyTooLarge`].
    ///
    /// * Default: none: any size
    /// * Why: only the program knows what it asked for
    /// * Extremes: 0 allows no body; a body that announces more is not read at all
    pub fn max_body(mut self, bytes: u64) -> Config {
        self.max_body = Some(bytes);
        self
    }

    /// The largest response head.
    ///
    /// * Default: 256 KiB and 1,000 fields, see `HeadLimits`
    /// * Why: above what real servers send, below what hurts
    pub fn head_limits(mut self, limits: HeadLimits) -> Config {
        self.head_limits = Some(limits);
        self
    }

    /// What the pool keeps, and how many connections there may be. Only a client's counts.
    ///
    /// * Default: see `PoolRules`
    pub fn pool(mut self, rules: pool::Rules) -> Config {
        self.pool = Some(rules);
        self
    }

    /// Whom to trust.
    ///
    /// * Default: the operating system's store, see `TlsRules`
    /// * Why: what the machine trusts
    pub fn tls(mut self, rules: TlsRules) -> Config {
        self.tls = Some(Arc::new(rules));
        self
    }

    /// This, and `base` wherever this leaves a knob open.
    pub fn or(self, base: &Config) -> Config {
        Config {
            timeout: self.timeout.or(base.timeout),
            redirects: self.redirects.or_else(|| base.redirects.clone()),
            retries: self.retries.or_else(|| base.retries.clone()),
            retry_budget: self.retry_budget.or(base.retry_budget),
            decompress: self.decompress.or(base.decompress),
            cookies: self.cookies.or(base.cookies),
            user_agent: self.user_agent.or_else(|| base.user_agent.clone()),
            max_body: self.max_body.or(base.max_body),
            head_limits: self.head_limits.or(base.head_limits),
            pool: self.pool.or(base.pool),
            tls: self.tls.or_else(|| base.tls.clone()),
            network: network::Knobs::or(self.network, &base.network),
            messages: messages::Knobs::or(self.messages, &base.messages),
            proxies: self.proxies.or_else(|| base.proxies.clone()),
            trust_environment: self.trust_environment.or(base.trust_environment),
            proxy_headers: self.proxy_headers.or_else(|| base.proxy_headers.clone()),
            proxy_tls: self.proxy_tls.or_else(|| base.proxy_tls.clone()),
            auth: self.auth.or_else(|| base.auth.clone()),
            hsts: self.hsts.or(base.hsts),
            jar: self.jar.or_else(|| base.jar.clone()),
            rate_limit: self.rate_limit.or(base.rate_limit),
        }
    }

    /// Fills what is open with the defaults.
    ///
    /// # Errors
    /// [`Kind::InvalidTimeout`], [`Kind::InvalidHeader`] for a User-Agent that no header can hold, or
    /// [`Kind::InvalidConfig`] with the knob named.
    pub fn resolve(self) -> Result<Settings> {
        let decompress = self.decompress.unwrap_or(true);
        let user_agent = self.user_agent.unwrap_or_else(|| Arc::from(DEFAULT_USER_AGENT));
        let settings = Settings {
            timeout: self.timeout.unwrap_or_default(),
            redirects: self.redirects.unwrap_or_default(),
            retries: self.retries.unwrap_or_default(),
            retry_budget: self.retry_budget.unwrap_or_default(),
            standing: standing_fields(&user_agent, decompress)?,
            decompress,
            cookies: self.cookies.unwrap_or(true),
            user_agent,
            max_body: self.max_body,
            head_limits: self.head_limits.unwrap_or_default(),
            pool: self.pool.unwrap_or_default(),
            tls: self.tls.unwrap_or_else(|| Arc::clone(&DEFAULT_TLS)),
            network: network::Knobs::resolve(self.network)?,
            messages: messages::Knobs::resolve(self.messages)?,
            proxies: self.proxies,
            trust_environment: self.trust_environment.unwrap_or(true),
            proxy_headers: self.proxy_headers,
            proxy_tls: self.proxy_tls,
            auth: self.auth,
            hsts: self.hsts.unwrap_or(true),
            jar: self.jar,
            rate_limit: self.rate_limit,
        };
        settings.proxies.as_ref().map_or(Ok(()), |proxies| proxies.check())?;
        proxies::check_fields(settings.proxy_headers.as_deref())?;
        settings.timeout.check()?;
        settings.pool.check()?;
        settings.rate_limit.map_or(Ok(()), |rules| rules.check())?;
        settings.tls.check()?;
        settings.auth.as_ref().map_or(Ok(()), |auth| auth.check())?;
        if settings.head_limits.bytes == 0 || settings.head_limits.fields == 0 {
            return Err(Error::new(Kind::InvalidConfig).expected("head_limits above zero"));
        }
        Ok(settings)
    }
}

fn standing_fields(user_agent: &str, decompress: bool) -> Result<Headers> {
    let mut fields = Headers::new();
    fields.append("User-Agent", user_agent)?;
    fields.append("Accept", "*/*")?;
    if decompress {
        fields.append("Accept-Encoding", ACCEPT_ENCODING)?;
    }
    Ok(fields)
}

/// Shared, since settings are made anew for each request that has some of its own.
static DEFAULT_TLS: LazyLock<Arc<TlsRules>> = LazyLock::new(Arc::default);

const DEFAULT_USER_AGENT: &str = concat!("entreat/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_before_its_client_and_both_before_the_default() {
        let client = Config::new().decompress(false).max_body(5);
        let settings = Config::new().max_body(7).or(&client).resolve().unwrap();
        assert_eq!((settings.decompress, settings.max_body, settings.cookies), (false, Some(7), true));
    }

    #[test]
    fn impossible_settings_are_refused() {
        let zero = Timeout { read: Some(std::time::Duration::ZERO), ..Timeout::NONE };
        assert_eq!(Config::new().timeout(zero).resolve().unwrap_err().kind(), Kind::InvalidTimeout);
        let agent = Config::new().user_agent("a\r\nX-Injected: b").resolve();
        assert_eq!(agent.unwrap_err().kind(), Kind::InvalidHeader);
        let limits = HeadLimits { bytes: 0, fields: 1 };
        assert_eq!(Config::new().head_limits(limits).resolve().unwrap_err().kind(), Kind::InvalidConfig);
    }
}
