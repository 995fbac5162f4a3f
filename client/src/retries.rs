//! The retries of one request: waits as long as core's `policy::retry` decides, and keeps count.
//!
//! `session` asks after each failed exchange, and after each answer where retries are asked for at all. Sending once
//! more on a fresh connection where a kept one was stale is no retry, but the engine's affair. What fails while a body
//! is read is not retried: the caller has seen the head, and perhaps some of the body, by then.

use crate::consent;
use crate::incoming::Incoming;
use crate::net::Net;
use crate::random;
use crate::request::Request;
use entreat_core::config::RetryHook;
use entreat_core::policy::retry::{Budget, Decision, Facts, Failure, History, Reason, Rules, decide};
use entreat_core::{Deadlines, Error, ResponseHead, Result, Retrying, Settings, Url};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A failed attempt after which the request was sent again.
#[derive(Debug, Clone)]
pub struct Retried {
    cause: Cause,
    wait: Duration,
}

#[derive(Debug, Clone)]
enum Cause {
    Status(u16),
    Error(Error),
}

impl Retried {
    /// The status of the answer that was thrown away, where there was one.
    pub fn status(&self) -> Option<u16> {
        match &self.cause {
            Cause::Status(status) => Some(*status),
            Cause::Error(_) => None,
        }
    }

    /// What went wrong, where there was no answer.
    pub fn error(&self) -> Option<&Error> {
        match &self.cause {
            Cause::Status(_) => None,
            Cause::Error(error) => Some(error),
        }
    }

    /// How long was waited before the next attempt.
    pub fn wait(&self) -> Duration {
        self.wait
    }
}

/// The retries of one request, redirects included.
pub(crate) struct Retries<'a, N: Net> {
    net: &'a N,
    rules: &'a Rules,
    /// Who is asked.
    hook: Option<&'a RetryHook>,
    budget: &'a Mutex<Budget>,
    deadlines: Deadlines,
    history: History,
    past: Vec<Retried>,
}

impl<'a, N: Net> Retries<'a, N> {
    /// Nothing was sent yet. Requests that ask for no retries do not touch the budget.
    pub(crate) fn new(
        net: &'a N,
        settings: &'a Settings,
        budget: &'a Mutex<Budget>,
        deadlines: Deadlines,
    ) -> Retries<'a, N> {
        let (rules, hook) = (&settings.retries, settings.messages.on_retry.as_ref());
        if rules.total > 0 {
            budget.lock().unwrap_or_else(PoisonError::into_inner).deposit();
        }
        Retries { net, rules, hook, budget, deadlines, history: History::default(), past: Vec::new() }
    }

    /// After an exchange that failed: waits, where the request is to be sent again.
    ///
    /// # Errors
    /// The failure, where it is the outcome: with the number of attempts, and why there is not another one. The refusal of
    /// whoever is asked.
    pub(crate) async fn after_error(&mut self, error: Error, url: &Url, request: &Request) -> Result<()> {
        if self.rules.total == 0 {
            return Err(error);
        }
        let Some(failure) = Failure::of(error.kind()) else { return Err(self.counted(error)) };
        let now = self.net.now();
        match self.decide(failure, request, now) {
            Ok(wait) => {
                self.ask(url, request, wait, None, Some(&error)).await?;
                self.past.push(Retried { cause: Cause::Error(error), wait });
                self.wait(now, wait).await
            }
            Err(reason) => Err(self.counted(explain(error, reason, request.method()))),
        }
    }

    /// After an answer: true where the request is to be sent again, after the wait, and the answer is thrown away.
    ///
    /// # Errors
    /// [`Kind::Interrupted`](entreat_core::Kind) while waiting, or while the rest of the answer is passed over; the refusal of
    /// whoever is asked.
    pub(crate) async fn after_answer(
        &mut self,
        head: &ResponseHead,
        incoming: &mut Incoming<N>,
        url: &Url,
        request: &Request,
    ) -> Result<bool> {
        let failure = Failure::Status(head.status, head.headers.get("Retry-After"));
        let now = self.net.now();
        let Ok(wait) = self.decide(failure, request, now) else { return Ok(false) };
        self.ask(url, request, wait, Some(head.status), None).await?;
        incoming.skip().await?;
        self.past.push(Retried { cause: Cause::Status(head.status), wait });
        self.wait(now, wait).await?;
        Ok(true)
    }

    /// True where an answer of that status may be worth another attempt.
    pub(crate) fn concern(&self, status: u16) -> bool {
        self.rules.total > 0 && self.rules.statuses.contains(&status)
    }

    /// What was tried in vain.
    pub(crate) fn past(self) -> Vec<Retried> {
        self.past
    }

    fn decide(&mut self, failure: Failure<'_>, request: &Request, now: Instant) -> Result<Duration, Reason> {
        let total = self.deadlines.total();
        let facts = Facts {
            failure,
            method: request.method(),
            rewindable: request.body.rewind().is_ok(),
            history: self.history,
            remaining: total.at.map(|at| at.saturating_duration_since(now)),
            random: random::fraction(),
        };
        match decide(self.rules, &facts, SystemTime::now()) {
            Decision::GiveUp(reason) => Err(reason),
            Decision::Retry(wait, history) => {
                self.budget.lock().unwrap_or_else(PoisonError::into_inner).withdraw()?;
                self.history = history;
                Ok(wait)
            }
        }
    }

    /// Lets somebody refuse the retry that was decided on.
    async fn ask(
        &self,
        url: &Url,
        request: &Request,
        wait: Duration,
        status: Option<u16>,
        error: Option<&Error>,
    ) -> Result<()> {
        let Some(hook) = self.hook else { return Ok(()) };
        let retries = self.history.total();
        let next = Retrying { attempt: retries + 1, wait, method: request.method(), url, status, error };
        let given = consent::given(self.net, hook.call(&next), self.deadlines.total());
        // The one that is refused was not made.
        given.await.map_err(|error| error.with_url(url.as_str()).with_retries(retries - 1))
    }

    async fn wait(&self, start: Instant, wait: Duration) -> Result<()> {
        let Some(until) = start.checked_add(wait) else { return Ok(()) };
        self.net.sleep_until(until, self.deadlines.total()).await.map_err(|error| self.counted(error))
    }

    pub(crate) fn counted(&self, error: Error) -> Error {
        error.with_retries(self.history.total())
    }
}

/// The error with the reason why it was the last attempt, where that is news to somebody who asked for retries.
fn explain(error: Error, reason: Reason, method: &str) -> Error {
    let why = match reason {
        Reason::NotPassing | Reason::Exhausted => return error,
        Reason::UnsafeMethod => {
            format!(
                "not retried, as the server may have acted on it: {method} is none of the methods to repeat"
            )
        }
        Reason::UnrewindableBody => "not retried, as its body cannot be sent a second time".to_owned(),
        Reason::TooLong => "not retried, as the wait would outlast the total time-out".to_owned(),
        Reason::OverBudget => "not retried, as the client's budget of retries is spent".to_owned(),
    };
    match error.hint_text().map(str::to_owned) {
        Some(hint) => error.hint(format!("{hint}; {why}")),
        None => error.hint(why),
    }
}
