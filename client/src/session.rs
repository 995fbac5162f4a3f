//! What the requests of one client share, and the journey of one request.
//!
//! [`Session::deliver`] is that journey, the same for every net: prepare, exchange, judge, and again where a redirect
//! or the rules for retries say so. What each step decides is core's `exchange`; how bytes travel is `engine`. The
//! faces are `client` and `aio`.

use crate::asking::Asking;
use crate::body::Body;
use crate::consent;
use crate::engine::{Engine, Outgoing};
use crate::environment;
use crate::login::{Known, Logins};
use crate::mock::Transport;
use crate::net::Net;
use crate::rare::rarely;
use crate::rates::Rates;
use crate::request::Request;
use crate::response::{Past, Redirect, RequestHead, Response};
use crate::retries::Retries;
use crate::trace;
use entreat_core::exchange::{self, BodyFraming, Draft, Judgement};
use entreat_core::policy::cookies::{self, Jar, SharedJar};
use entreat_core::policy::hsts;
use entreat_core::policy::proxy::Environment;
use entreat_core::policy::redirect;
use entreat_core::policy::retry::Budget;
use entreat_core::route::{self, PROXY_AUTHORIZATION, Proxy};
use entreat_core::{
    Config, Deadlines, Error, Headers, Kind, Redirecting, ResponseHead, Result, Scheme, Settings, Url,
};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

/// Settings, cookies and connections. Cheap to clone; clones share everything.
pub struct Session<N: Net>(Arc<Shared<N>>);

struct Shared<N: Net> {
    engine: Arc<Engine<N>>,
    config: Config,
    settings: Settings,
    jar: SharedJar,
    /// Which hosts want TLS, where that is to be remembered.
    hsts: Option<Hosts>,
    known: Known,
    retry_budget: Mutex<Budget>,
    /// How often hosts are asked, where that is limited.
    rates: Option<Rates>,
    /// The proxies that the environment names, read when they are first asked for: at the start, where the client
    /// trusts it.
    environment: OnceLock<Environment>,
    /// No request without settings of its own goes through a proxy.
    goes_straight: bool,
}

/// The hosts that want TLS. Most clients never hear of one, so whether there is any is told without the lock.
#[derive(Default)]
struct Hosts {
    any: AtomicBool,
    store: Mutex<hsts::Store>,
}

impl<N: Net> Session<N> {
    /// A session over `net`.
    ///
    /// # Errors
    /// Settings that contradict themselves.
    pub fn new(net: N, config: Config) -> Result<Session<N>> {
        Session::over(net, config, None)
    }

    /// A session whose exchanges are answered by `transport`, in this process, where there is one.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn over(net: N, config: Config, transport: Option<Box<dyn Transport>>) -> Result<Session<N>> {
        let settings = config.clone().resolve()?;
        let engine = match transport {
            None => Engine::new(net, settings.pool),
            Some(transport) => Engine::in_process(net, settings.pool, transport),
        };
        let retry_budget = Mutex::new(settings.retry_budget);
        let rates = settings.rate_limit.map(Rates::new);
        let jar = settings.jar.clone().unwrap_or_default();
        let hsts = settings.hsts.then(Hosts::default);
        let mut shared = Shared {
            engine,
            config,
            settings,
            jar,
            hsts,
            known: Known::default(),
            retry_budget,
            rates,
            environment: OnceLock::new(),
            goes_straight: true,
        };
        shared.goes_straight = match &shared.settings.proxies {
            _ if shared.engine.is_in_process() => true,
            Some(proxies) => proxies.is_empty(),
            None => !shared.settings.trust_environment || shared.environment().is_empty(),
        };
        Ok(Session(Arc::new(shared)))
    }

    /// What makes and keeps the connections.
    pub fn engine(&self) -> &Arc<Engine<N>> {
        &self.0.engine
    }

    /// Sends a request, again where its rules for retries say so, follows its redirects, and returns when the head of
    /// the answer is there.
    ///
    /// # Errors
    /// Mistakes in the request, before anything is sent; all that the network and the peer can do wrong.
    pub fn deliver(&self, request: Request) -> impl Future<Output = Result<Response<N>>> + Send {
        let span = trace::Call::of(&request);
        span.over(self.journey(request))
    }

    async fn journey(&self, mut request: Request) -> Result<Response<N>> {
        let mut url = self.upgraded(request.check()?.clone())?;
        request.complete().map_err(|error| error.with_url(url.as_str()))?;
        check_source::<N>(&request.body).map_err(|error| error.with_url(url.as_str()))?;
        let settings = self.settings(&request)?;
        let net = &self.0.engine.net;
        let started = net.now();
        let deadlines = Deadlines::start(settings.timeout, started);
        let mut proxy = self.proxy_for(&url, &request, &settings)?;
        let mut history = Vec::new();
        let mut asking = Asking::new();
        let mut logins = Logins::begin(&settings, &request, proxy.as_deref(), &self.0.known);
        let mut retries = Retries::new(net, &settings, &self.0.retry_budget, deadlines);
        loop {
            // Before the request is made, as some say what time it is.
            let queued = self.take_turn(&url, &deadlines).await?;
            let (mut headers, framing) = self
                .prepare(&request, &url, proxy.as_deref(), &settings)
                .map_err(|error| error.with_url(url.as_str()))?;
            asking.ask(&mut headers, &request.body, &settings.messages.expect)?;
            if logins.has_flow() {
                rarely(logins.consult(net, &deadlines, &headers, &url, &request)).await?;
            }
            logins.sign(&mut headers, &url, &request, proxy.as_deref_mut())?;
            let outgoing =
                outgoing(&request, &url, proxy.as_deref(), &headers, framing, &settings, deadlines);
            let (head, mut incoming) = match self.0.engine.exchange(&outgoing).await {
                Ok((head, incoming)) => (head, incoming.behind(queued)),
                Err(error) if logins.judge_refusal(&error) => continue,
                Err(error) => {
                    rarely(retries.after_error(error, &url, &request)).await?;
                    continue;
                }
            };
            self.remember(&url, &head, &settings);
            if asking.is_futile(head.status, &headers, &mut request) {
                rarely(incoming.skip()).await?;
                continue;
            }
            if logins.has_flow() {
                rarely(logins.hear(net, &deadlines, &head, &headers, &url, &request)).await?;
            }
            if logins.judge(&head, &url, &request, proxy.as_deref())? {
                rarely(incoming.skip()).await?;
                continue;
            }
            if retries.concern(head.status)
                && rarely(retries.after_answer(&head, &mut incoming, &url, &request)).await?
            {
                continue;
            }
            let followed = history.len() as u32;
            match exchange::judge(&request.method, &url, &head, followed, &settings.redirects)? {
                Judgement::Deliver => {
                    exchange::check_switch(&head, &headers).map_err(|error| error.with_url(url.as_str()))?;
                    let answered = net.now();
                    let sent = RequestHead { method: request.method, headers };
                    let past = Past { sent, redirects: history, retries: retries.past(), started, answered };
                    return Ok(Response::new(head, url, past, incoming));
                }
                Judgement::Follow(next) => {
                    let answered = net.now();
                    let sent = RequestHead { method: request.method.clone(), headers };
                    rarely(incoming.skip()).await?;
                    let timings = incoming.timings(started, answered);
                    drop(incoming);
                    let strip = next.strip_credentials;
                    let target = self.upgraded(redirected(&mut request, &url, next)?)?;
                    self.ask(&settings, &deadlines, &head, &url, &target, &request).await?;
                    proxy = self.next_proxy(&target, &mut request, &settings, proxy)?;
                    logins.follow(strip, &settings, &request, proxy.as_deref());
                    let from = std::mem::replace(&mut url, target);
                    history.push(Redirect::new(head, from, sent, answered - started, timings));
                }
            }
        }
    }

    /// Waits until the host may be asked, and says how long that took.
    async fn take_turn(&self, url: &Url, deadlines: &Deadlines) -> Result<Duration> {
        let (net, Some(rates)) = (&self.0.engine.net, &self.0.rates) else { return Ok(Duration::ZERO) };
        let passed = rarely(rates.pass(net, url.host(), deadlines.pool(net.now()))).await;
        passed.map_err(|error| error.with_url(url.as_str()))
    }

    /// Lets somebody refuse the redirect that is about to be followed, to `request` at `to`.
    async fn ask(
        &self,
        settings: &Settings,
        deadlines: &Deadlines,
        head: &ResponseHead,
        from: &Url,
        to: &Url,
        request: &Request,
    ) -> Result<()> {
        let Some(hook) = &settings.messages.on_redirect else { return Ok(()) };
        let consent = hook.call(&Redirecting { head, from, to, method: &request.method });
        let given = rarely(consent::given(&self.0.engine.net, consent, deadlines.total()));
        given.await.map_err(|error| error.with_url(from.as_str()))
    }

    /// The fields of the request, with the cookies that go along.
    fn prepare(
        &self,
        request: &Request,
        url: &Url,
        proxy: Option<&Proxy>,
        settings: &Settings,
    ) -> Result<(Headers, BodyFraming)> {
        let cookie = self.cookie_for(url, settings);
        let draft = Draft {
            method: &request.method,
            url,
            headers: &request.headers,
            body: request.body.length(),
            cookie: cookie.as_deref(),
            proxy,
        };
        exchange::prepare(&draft, settings)
    }

    /// Reads or changes the cookies. They are locked meanwhile.
    pub fn with_cookies<T>(&self, act: impl FnOnce(&mut Jar) -> T) -> T {
        act(&mut self.0.jar.lock())
    }

    /// The field Cookie of a request for `url`.
    pub fn cookie_for_url(&self, url: &Url) -> Option<Vec<u8>> {
        self.cookie_for(url, &self.0.settings)
    }

    /// A copy of the cookies; `None` while another thread has them locked, which after a fork is for ever.
    pub fn try_cookies(&self) -> Option<Jar> {
        self.0.jar.try_lock().map(|jar| jar.clone())
    }

    /// The client's settings, or the request's over them.
    fn settings(&self, request: &Request) -> Result<Cow<'_, Settings>> {
        match &request.config {
            None => Ok(Cow::Borrowed(&self.0.settings)),
            Some(config) => Ok(Cow::Owned((**config).clone().or(&self.0.config).resolve()?)),
        }
    }

    /// The proxy of a request with these fields, if any.
    fn proxy_for(&self, url: &Url, request: &Request, settings: &Settings) -> Result<Option<Box<Proxy>>> {
        if self.0.goes_straight && (request.config.is_none() || self.0.engine.is_in_process()) {
            return Ok(None);
        }
        let environment = settings.trust_environment.then(|| self.0.environment());
        let proxy = route::route(url, &request.headers, settings, environment);
        Ok(proxy.map_err(|error| error.with_url(url.as_str()))?.map(Box::new))
    }

    /// The same for the next request, behind a redirect. A Proxy-Authorization that the caller gave was for the proxy
    /// `before`, and for no other.
    fn next_proxy(
        &self,
        url: &Url,
        request: &mut Request,
        settings: &Settings,
        before: Option<Box<Proxy>>,
    ) -> Result<Option<Box<Proxy>>> {
        let proxy = self.proxy_for(url, request, settings)?;
        let Some(before) = before else { return Ok(proxy) };
        let stays = proxy.as_ref().is_some_and(|proxy| proxy.server() == before.server());
        if !stays && request.headers.remove(PROXY_AUTHORIZATION) {
            return self.proxy_for(url, request, settings);
        }
        Ok(proxy)
    }

    fn cookie_for(&self, url: &Url, settings: &Settings) -> Option<Vec<u8>> {
        if !settings.cookies || self.0.jar.is_untouched() {
            return None;
        }
        let mut jar = self.0.jar.lock();
        if jar.is_empty() {
            return None;
        }
        jar.header_for(&facts(url), SystemTime::now())
    }

    /// The URL over TLS, where its host wants that.
    fn upgraded(&self, url: Url) -> Result<Url> {
        match &self.0.hsts {
            Some(hosts) if url.scheme() == Scheme::Http && hosts.cover(&url) => url.with_https(),
            Some(_) | None => Ok(url),
        }
    }

    /// Keeps what an answer says for the requests to come.
    fn remember(&self, url: &Url, head: &ResponseHead, settings: &Settings) {
        if url.scheme() == Scheme::Https
            && let Some(hosts) = &self.0.hsts
            && let Some(field) = head.headers.get("Strict-Transport-Security")
        {
            hosts.note(url, field);
        }
        self.store_cookies(url, head, settings);
    }

    fn store_cookies(&self, url: &Url, head: &ResponseHead, settings: &Settings) {
        if !settings.cookies || !head.headers.contains("Set-Cookie") {
            return;
        }
        let now = SystemTime::now();
        for value in head.headers.get_all("Set-Cookie") {
            self.0.jar.lock().store(&facts(url), value, now);
        }
    }

    /// The cookies.
    pub fn jar(&self) -> &SharedJar {
        &self.0.jar
    }
}

impl Hosts {
    fn cover(&self, url: &Url) -> bool {
        self.any.load(Ordering::Relaxed)
            && self.store.lock().unwrap_or_else(PoisonError::into_inner).covers(url.host(), SystemTime::now())
    }

    fn note(&self, url: &Url, field: &[u8]) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.note(true, url.host(), field, SystemTime::now());
        self.any.store(!store.is_empty(), Ordering::Relaxed);
    }
}

impl<N: Net> Shared<N> {
    fn environment(&self) -> &Environment {
        self.environment.get_or_init(environment::proxies)
    }
}

impl<N: Net> Clone for Session<N> {
    fn clone(&self) -> Session<N> {
        Session(Arc::clone(&self.0))
    }
}

impl<N: Net> std::fmt::Debug for Session<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// What goes out.
fn outgoing<'a>(
    request: &'a Request,
    url: &'a Url,
    proxy: Option<&'a Proxy>,
    headers: &'a Headers,
    framing: BodyFraming,
    settings: &'a Settings,
    deadlines: Deadlines,
) -> Outgoing<'a> {
    Outgoing {
        method: &request.method,
        url,
        proxy,
        headers,
        framing,
        body: &request.body,
        settings,
        deadlines,
        keep_alive: !exchange::ends_connection(&request.headers),
        authority_form: true,
    }
}

/// A body whose pieces are to be waited for needs a net that can.
fn check_source<N: Net>(body: &Body) -> Result<()> {
    if N::SUSPENDS || !body.suspends() {
        return Ok(());
    }
    Err(Error::new(Kind::InvalidBody)
        .expected("a body that a blocking client can send")
        .seen("an asynchronous source")
        .hint("send it by entreat::aio::Client, or give a reader or an iterator"))
}

/// Changes the request as the redirect says and returns where it goes.
fn redirected(request: &mut Request, from: &Url, next: redirect::Next) -> Result<Url> {
    let url = Url::parse(&next.url).map_err(|error| error.with_url(from.as_str()))?;
    request.method = next.method.into();
    if next.drop_body {
        request.body = Body::empty();
    } else {
        request.body.rewind().map_err(|error| error.with_url(from.as_str()))?;
    }
    // Whoever answered never saw the field for the proxy: `next_proxy` decides about that.
    for name in next.drop_headers.iter().filter(|name| **name != PROXY_AUTHORIZATION) {
        request.headers.remove(name);
    }
    Ok(url)
}

fn facts(url: &Url) -> cookies::Facts<'_> {
    cookies::Facts { secure: url.scheme() == Scheme::Https, host: url.host(), path: url.path() }
}
