//! The knobs of those who want to be told, or to be asked: of what is heard before an answer, of redirects, of retries.
//!
//! Decides nothing, and calls nobody: the engine does, at the place where the thing is about to happen.

use super::Config;
use crate::error::{Error, Result};
use crate::response::ResponseHead;
use crate::url::Url;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A redirect that is about to be followed.
#[derive(Debug, Clone, Copy)]
pub struct Redirecting<'a> {
    /// The answer that is one.
    pub head: &'a ResponseHead,
    /// Where it came from.
    pub from: &'a Url,
    /// Where the next request goes.
    pub to: &'a Url,
    /// Its method.
    pub method: &'a str,
}

/// A request that is about to be sent once more, after a wait.
#[derive(Debug, Clone, Copy)]
pub struct Retrying<'a> {
    /// Which attempt it will be: 2 is the first retry.
    pub attempt: u32,
    /// How long is waited before.
    pub wait: Duration,
    /// The method of the request.
    pub method: &'a str,
    /// Where it goes.
    pub url: &'a Url,
    /// The status of the answer that is thrown away, where there was one.
    pub status: Option<u16>,
    /// What went wrong, where there was no answer.
    pub error: Option<&'a Error>,
}

/// Somebody who is told of the heads of informational responses.
#[derive(Clone)]
pub struct Hook(Arc<dyn Fn(&ResponseHead) + Send + Sync>);

/// Somebody who is asked about redirects.
#[derive(Clone)]
pub struct RedirectHook(Arc<AskRedirect>);

type AskRedirect = dyn Fn(&Redirecting<'_>) -> Consent + Send + Sync;

/// Somebody who is asked about retries.
#[derive(Clone)]
pub struct RetryHook(Arc<AskRetry>);

type AskRetry = dyn Fn(&Retrying<'_>) -> Consent + Send + Sync;

/// What somebody who is asked says: an error is a refusal.
pub enum Consent {
    /// At once.
    Now(Result<()>),
    /// To be waited for.
    Later(Pin<Box<dyn Future<Output = Result<()>> + Send>>),
}

impl Config {
    /// Called with the head of each informational response (RFC 9110 section 15.2), 100 and 103 Early Hints among
    /// them.
    ///
    /// * Default: none: 100, 102 and 103 are passed over
    /// * Why: few programs use them
    /// * Extremes: runs in the middle of the exchange: a slow one delays it. More than 64 before one answer are an
    ///   error. 101 is delivered where the request had `Upgrade`, an error elsewhere
    pub fn on_informational(self, hook: impl Fn(&ResponseHead) + Send + Sync + 'static) -> Config {
        self.messages(|knobs| knobs.on_informational = Some(Hook(Arc::new(hook))))
    }

    /// Called before each redirect is followed. It may refuse: its error is that of the request. It is not asked about
    /// redirects that the rules do not follow.
    ///
    /// * Default: none
    /// * Why: to log, count, or refuse
    /// * Extremes: runs in the middle of the exchange: a slow one delays it
    pub fn on_redirect(
        self,
        hook: impl Fn(&Redirecting<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Config {
        let ask = move |next: &Redirecting<'_>| Consent::Now(hook(next));
        self.messages(|knobs| knobs.on_redirect = Some(RedirectHook(Arc::new(ask))))
    }

    /// As [`Config::on_redirect`], by a hook that is awaited: for asynchronous clients, with which it takes the place of that
    /// one. The time-out `total` goes on meanwhile.
    ///
    /// * Default: none
    /// * Why: to ask somebody who has to be waited for
    /// * Extremes: a blocking client refuses to follow, where the future is not ready at once
    pub fn on_redirect_async<F: Future<Output = Result<()>> + Send + 'static>(
        self,
        hook: impl Fn(&Redirecting<'_>) -> F + Send + Sync + 'static,
    ) -> Config {
        let ask = move |next: &Redirecting<'_>| Consent::Later(Box::pin(hook(next)));
        self.messages(|knobs| knobs.on_redirect = Some(RedirectHook(Arc::new(ask))))
    }

    /// Called before each wait for a retry. It may refuse: its error is that of the request. It is not asked about
    /// failures that the rules do not retry.
    ///
    /// * Default: none
    /// * Why: to log, count, or refuse
    /// * Extremes: runs in the middle of the exchange: a slow one delays it
    pub fn on_retry(self, hook: impl Fn(&Retrying<'_>) -> Result<()> + Send + Sync + 'static) -> Config {
        let ask = move |next: &Retrying<'_>| Consent::Now(hook(next));
        self.messages(|knobs| knobs.on_retry = Some(RetryHook(Arc::new(ask))))
    }

    /// As [`Config::on_retry`], by a hook that is awaited: for asynchronous clients, with which it takes the place of that one.
    /// The time-out `total` goes on meanwhile.
    ///
    /// * Default: none
    /// * Why: to ask somebody who has to be waited for
    /// * Extremes: a blocking client refuses to retry, where the future is not ready at once
    pub fn on_retry_async<F: Future<Output = Result<()>> + Send + 'static>(
        self,
        hook: impl Fn(&Retrying<'_>) -> F + Send + Sync + 'static,
    ) -> Config {
        let ask = move |next: &Retrying<'_>| Consent::Later(Box::pin(hook(next)));
        self.messages(|knobs| knobs.on_retry = Some(RetryHook(Arc::new(ask))))
    }
}

impl Hook {
    /// Tells it.
    pub fn call(&self, head: &ResponseHead) {
        (self.0)(head);
    }
}

impl RedirectHook {
    /// Asks it.
    pub fn call(&self, next: &Redirecting<'_>) -> Consent {
        (self.0)(next)
    }
}

impl RetryHook {
    /// Asks it.
    pub fn call(&self, next: &Retrying<'_>) -> Consent {
        (self.0)(next)
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl fmt::Debug for RedirectHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedirectHook")
    }
}

impl fmt::Debug for RetryHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetryHook")
    }
}
