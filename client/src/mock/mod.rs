//! Answers without a network: a [`Mock`] of routes and replies, or any [`Transport`] of a program's own.
//!
//! It stands where connections would: redirects, cookies, credentials, retries, time-outs, decoding and limits are the
//! client's own, and do what they do over a network. Nothing is resolved, dialled, encrypted or sent through a proxy. The
//! engine's side is `in_process`.
//!
//! ```
//! use entreat::mock::{Mock, Reply};
//! use entreat::{Client, Config, Request};
//!
//! let mock = Mock::new();
//! mock.on("POST", "/users").reply(Reply::status(201).header("Location", "/users/1"));
//! mock.on("GET", "https://example.org/users/1").reply(Reply::text("John"));
//!
//! let client = Client::with_transport(mock.clone(), Config::new())?;
//! let made = client.send(Request::post("https://example.org/users").form([("name", "John")]))?;
//! assert_eq!(made.status(), 201);
//! assert_eq!(client.get("https://example.org/users/1")?.text()?, "John");
//! assert_eq!(mock.requests()[0].text(), "name=John");
//! mock.assert_all_used();
//! # Ok::<(), entreat::Error>(())
//! ```

mod reply;
mod route;
mod sent;

pub use reply::Reply;
pub use route::Route;
pub use sent::Sent;

use entreat_core::{Error, Kind};
use route::Rule;
use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What answers requests in the place of a network, in this process. A closure from [`Sent`] to [`Reply`] is one.
pub trait Transport: Send + Sync + 'static {
    /// Answers one exchange. Redirects and retries are exchanges of their own. Must not wait: [`Reply::delay`] does.
    fn exchange(&self, sent: &Sent) -> Reply;

    /// The same for a transport that has to wait, under a client whose requests are futures; the read time-out bounds it.
    /// This is what clients call. Default: what [`Transport::exchange`] answers at once.
    fn answer<'a>(&'a self, sent: &'a Sent) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(ready(self.exchange(sent)))
    }
}

impl<F: Fn(&Sent) -> Reply + Send + Sync + 'static> Transport for F {
    fn exchange(&self, sent: &Sent) -> Reply {
        self(sent)
    }
}

/// Routes with their replies, and what was sent to them. Clones share everything: keep one, give the client another.
#[derive(Clone, Default)]
pub struct Mock(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    sent: Vec<Sent>,
}

impl Mock {
    /// Without routes: each request is an error.
    pub fn new() -> Mock {
        Mock::default()
    }

    /// Adds a route for requests of `method`, `*` for any, to `url`.
    ///
    /// `url` is a path (`/users`) at any host, or a whole URL; without a query it stands for all of them; a `*` at its end
    /// stands for anything. Of several routes that match, the first one that is not used up answers. Without a
    /// [`Route::reply`] the answer is an empty 200.
    pub fn on(&self, method: &str, url: &str) -> Route {
        let mut state = self.state();
        state.rules.push(Rule::new(method, url));
        Route { mock: self.clone(), index: state.rules.len() - 1 }
    }

    /// What was sent, in order; requests that no route answered, too.
    pub fn requests(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// Forgets what was sent, and counts anew; routes stay.
    pub fn reset(&self) {
        let mut state = self.state();
        state.sent.clear();
        state.rules.iter_mut().for_each(|rule| rule.calls = 0);
    }

    /// Asserts that each route was asked: for each of its replies, and as often as [`Route::times`] says.
    ///
    /// # Panics
    /// With the routes that were not.
    #[track_caller]
    pub fn assert_all_used(&self) {
        let state = self.state();
        let idle: Vec<_> = state.rules.iter().filter_map(Rule::shortfall).collect();
        drop(state);
        assert!(idle.is_empty(), "routes of the mock that were not used: {}", idle.join("; "));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step; a test that panicked elsewhere may still look at what was sent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Mock {
    fn exchange(&self, sent: &Sent) -> Reply {
        let mut state = self.state();
        state.sent.push(sent.clone());
        let found = state.rules.iter_mut().find(|rule| rule.matches(sent));
        if let Some(rule) = found {
            rule.sent.push(sent.clone());
            let answer = rule.next();
            // The program's own code runs without the lock: it may look at the mock.
            drop(state);
            return answer.reply(sent);
        }
        let known: Vec<_> = state.rules.iter().map(Rule::to_string).collect();
        Reply::error(
            Error::new(Kind::InvalidConfig)
                .expected("a route of the mock that is not used up")
                .seen(format!("{} {}", sent.method(), sent.url()))
                .hint(format!("its routes: {}", known.join("; "))),
        )
    }
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_list().entries(state.rules.iter().map(Rule::to_string)).finish()
    }
}

#[cfg(test)]
mod tests;
