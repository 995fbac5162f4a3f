//! Digest for the proxy on the way: RFC 7616 with 407, for requests that it reads and for tunnels (CONNECT).
//!
//! Only where the proxy's URL has a user. Basic goes with the proxy's own fields (core's `route`), and this takes its place
//! where the proxy asks for it. Called by `login`.

use super::{Known, ROUNDS, space};
use crate::request::Request;
use entreat_core::policy::auth::{Credentials, Role, digest};
use entreat_core::route::{PROXY_AUTHORIZATION, Proxy};
use entreat_core::{Error, Headers, Kind, ResponseHead, Result, Settings, Url};

/// One journey's answers to one proxy.
pub(super) struct ProxyLogin<'a> {
    known: &'a Known,
    credentials: Credentials,
    space: String,
    rounds: u32,
    answered: Option<digest::Session>,
}

impl<'a> ProxyLogin<'a> {
    /// What can be said to `proxy`, unless the program says it by a field of its own.
    pub(super) fn begin(
        proxy: Option<&Proxy>,
        request: &Request,
        settings: &Settings,
        known: &'a Known,
    ) -> Option<Box<ProxyLogin<'a>>> {
        let proxy = proxy.filter(|proxy| !proxy.server().scheme.is_socks())?;
        let credentials = proxy.server().credentials.clone()?;
        let is_given = |headers: &Headers| headers.contains(PROXY_AUTHORIZATION);
        if is_given(&request.headers) || settings.proxy_headers.as_deref().is_some_and(is_given) {
            return None;
        }
        let space = space(Role::Proxy, proxy.name(), &credentials);
        Some(Box::new(ProxyLogin { known, credentials, space, rounds: 0, answered: None }))
    }

    /// Puts the answer to a challenge that came before into what the proxy is told: with the request, where it reads
    /// that itself, and else with CONNECT.
    ///
    /// # Errors
    /// A body that the proxy wants hashed and that is not in memory.
    pub(super) fn sign(
        &self,
        proxy: &mut Proxy,
        headers: &mut Headers,
        url: &Url,
        request: &Request,
    ) -> Result<()> {
        let forwards = proxy.forwards(url.scheme());
        let (method, target, body) = match forwards {
            true => (&*request.method, url.absolute_target(), request.body.in_memory()),
            false => ("CONNECT", url.authority_target(), Some(&b""[..])),
        };
        let facts = digest::Facts { method, target: &target, body };
        let Some(value) = self.known.answer(&self.space, &self.credentials, &facts)? else { return Ok(()) };
        proxy.authorize(&value)?;
        if forwards { headers.set(PROXY_AUTHORIZATION, value) } else { Ok(()) }
    }

    /// True where the answer `head` of a proxy that reads requests itself asks for another round.
    pub(super) fn judge(&mut self, proxy: &Proxy, head: &ResponseHead, url: &Url) -> bool {
        // What comes through a tunnel is the origin's, whatever it claims.
        proxy.forwards(url.scheme()) && self.takes(head)
    }

    /// True where the proxy refused a tunnel for want of an answer that it can have.
    pub(super) fn judge_refusal(&mut self, error: &Error) -> bool {
        error.kind() == Kind::Proxy && error.answer().is_some_and(|answer| self.takes(&answer.head))
    }

    fn takes(&mut self, head: &ResponseHead) -> bool {
        let rules = digest::Rules::modern();
        let again = self.known.judge(&rules, Role::Proxy, &self.space, head, &mut self.answered);
        self.rounds += u32::from(again);
        again && self.rounds <= ROUNDS
    }
}
