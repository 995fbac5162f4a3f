//! The routes of a mock: which requests they stand for, and what they answer one after the other.

use super::{Mock, Reply, Sent};
use std::fmt;
use std::sync::Arc;

/// One route of a [`Mock`]; made by [`Mock::on`].
#[derive(Debug, Clone)]
pub struct Route {
    pub(super) mock: Mock,
    pub(super) index: usize,
}

type Condition = Arc<dyn Fn(&Sent) -> bool + Send + Sync>;

/// What a mock knows of a route.
pub(super) struct Rule {
    method: String,
    url: String,
    conditions: Vec<Condition>,
    answers: Vec<Answer>,
    /// How often it answers at most.
    times: Option<usize>,
    pub(super) calls: usize,
    pub(super) sent: Vec<Sent>,
}

/// What a route answers.
#[derive(Clone)]
pub(super) enum Answer {
    Ready(Reply),
    Made(Arc<dyn Fn(&Sent) -> Reply + Send + Sync>),
}

impl Route {
    /// Answers with `reply`. Of several, each is given once, in order, and the last one from then on.
    pub fn reply(self, reply: impl Into<Reply>) -> Route {
        let reply = reply.into();
        self.change(|rule| rule.answers.push(Answer::Ready(reply)))
    }

    /// Answers with what `make` makes of the request: one of the replies, as [`Route::reply`].
    pub fn reply_with(self, make: impl Fn(&Sent) -> Reply + Send + Sync + 'static) -> Route {
        self.change(|rule| rule.answers.push(Answer::Made(Arc::new(make))))
    }

    /// Stands only for requests of which this holds as well.
    pub fn when(self, condition: impl Fn(&Sent) -> bool + Send + Sync + 'static) -> Route {
        self.change(|rule| rule.conditions.push(Arc::new(condition)))
    }

    /// Stands only for requests with that field.
    pub fn with_header(self, name: impl Into<String>, value: impl Into<String>) -> Route {
        let (name, value) = (name.into(), value.into());
        self.when(move |sent| sent.header(&name) == Some(&value))
    }

    /// Answers so many times, and then no longer: the next route that matches does.
    pub fn times(self, times: usize) -> Route {
        self.change(|rule| rule.times = Some(times))
    }

    /// How often it was asked.
    pub fn calls(&self) -> usize {
        self.mock.state().rules[self.index].calls
    }

    /// What it was asked, in order.
    pub fn requests(&self) -> Vec<Sent> {
        self.mock.state().rules[self.index].sent.clone()
    }

    fn change(self, change: impl FnOnce(&mut Rule)) -> Route {
        change(&mut self.mock.state().rules[self.index]);
        self
    }
}

impl Rule {
    pub(super) fn new(method: &str, url: &str) -> Rule {
        Rule {
            method: method.to_owned(),
            url: url.to_owned(),
            conditions: Vec::new(),
            answers: Vec::new(),
            times: None,
            calls: 0,
            sent: Vec::new(),
        }
    }

    pub(super) fn matches(&self, sent: &Sent) -> bool {
        self.times.is_none_or(|times| self.calls < times)
            && (self.method == "*" || self.method == sent.method())
            && self.is_url(sent)
            && self.conditions.iter().all(|condition| condition(sent))
    }

    fn is_url(&self, sent: &Sent) -> bool {
        let (origin, target) = (sent.url().origin(), sent.url().target());
        let whole = match self.url.starts_with('/') || self.url == "*" {
            true => target.clone().into_owned(),
            false => format!("{origin}{target}"),
        };
        if let Some(beginning) = self.url.strip_suffix('*') {
            return whole.starts_with(beginning);
        }
        let seen = match self.url.contains('?') {
            true => whole.as_str(),
            false => whole.split('?').next().unwrap_or(&whole),
        };
        // `http://host` is the same as `http://host/`.
        seen == self.url || (sent.url().path() == "/" && origin == self.url)
    }

    /// Counts a call, and says what answers it.
    pub(super) fn next(&mut self) -> Answer {
        let turn = self.calls.min(self.answers.len().saturating_sub(1));
        self.calls += 1;
        self.answers.get(turn).cloned().unwrap_or_else(|| Answer::Ready(Reply::status(200)))
    }

    /// What it was not asked for yet, in words.
    pub(super) fn shortfall(&self) -> Option<String> {
        let wanted = self.times.unwrap_or(self.answers.len().max(1));
        (self.calls < wanted).then(|| format!("{self}: {} of {wanted} calls", self.calls))
    }
}

impl Answer {
    pub(super) fn reply(self, sent: &Sent) -> Reply {
        match self {
            Answer::Ready(reply) => reply,
            Answer::Made(make) => make(sent),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}
