//! The knobs of messages: asking before a body, and how far a body may unpack; and who is told or asked (`hooks`).

use super::Config;
use super::hooks::{Hook, RedirectHook, RetryHook};
use crate::content::Expansion;
use crate::error::{Error, Kind, Result};
use crate::policy::expect;
use std::sync::{Arc, LazyLock};

/// What is said about messages; nothing where nothing is set.
#[derive(Debug, Clone, Default)]
pub(super) struct Knobs {
    expect: Option<expect::Rules>,
    pub(super) on_informational: Option<Hook>,
    pub(super) on_redirect: Option<RedirectHook>,
    pub(super) on_retry: Option<RetryHook>,
    expansion: Option<Expansion>,
}

/// How messages are sent and received, none left open.
#[derive(Debug, Clone, Default)]
pub struct Messages {
    /// Whether to ask before a body is sent.
    pub expect: expect::Rules,
    /// Who hears of informational responses.
    pub on_informational: Option<Hook>,
    /// Who is asked before a redirect is followed.
    pub on_redirect: Option<RedirectHook>,
    /// Who is asked before a request is sent once more.
    pub on_retry: Option<RetryHook>,
    /// How far a coded body may unpack.
    pub expansion: Expansion,
}

impl Config {
    /// Whether a request asks before it sends its body (`Expect: 100-continue`), so that a refusal costs no upload. A
    /// request that has the field among its own headers waits in the same way.
    ///
    /// * Default: never asks
    /// * Why: asking before a body costs a round trip, and a second where a server does not know the question. Pays
    ///   where large uploads are often refused
    /// * Extremes: 0 asks before every body; 417 is answered by sending again without asking
    pub fn expect_continue(self, rules: expect::Rules) -> Config {
        self.messages(|knobs| knobs.expect = Some(rules))
    }

    /// How far a coded body may unpack before [`Kind::BodyTooLarge`]: the guard against bombs.
    ///
    /// * Default: 200 bytes for each coded one, once there are 32 MiB
    /// * Why: Apache's ratio for the same guard. Text shrinks to a tenth, seldom to a hundredth; a bomb by a thousand
    ///   and more
    /// * Extremes: at a ratio of 1,032 one layer of gzip passes always; `Expansion::unlimited()` trusts servers with
    ///   the memory
    pub fn expansion(self, limit: Expansion) -> Config {
        self.messages(|knobs| knobs.expansion = Some(limit))
    }

    pub(super) fn messages(mut self, change: impl FnOnce(&mut Knobs)) -> Config {
        change(Arc::make_mut(self.messages.get_or_insert_default()));
        self
    }
}

impl Knobs {
    pub(super) fn or(over: Option<Arc<Knobs>>, base: &Option<Arc<Knobs>>) -> Option<Arc<Knobs>> {
        let (Some(over), Some(base)) = (&over, base) else { return over.or_else(|| base.clone()) };
        Some(Arc::new(Knobs {
            expect: over.expect.or(base.expect),
            on_informational: over.on_informational.clone().or_else(|| base.on_informational.clone()),
            on_redirect: over.on_redirect.clone().or_else(|| base.on_redirect.clone()),
            on_retry: over.on_retry.clone().or_else(|| base.on_retry.clone()),
            expansion: over.expansion.or(base.expansion),
        }))
    }

    /// # Errors
    /// [`Kind::InvalidConfig`], naming the knob.
    pub(super) fn resolve(knobs: Option<Arc<Knobs>>) -> Result<Arc<Messages>> {
        static DEFAULT: LazyLock<Arc<Messages>> = LazyLock::new(Arc::default);
        let Some(knobs) = knobs else { return Ok(Arc::clone(&DEFAULT)) };
        let messages = Messages {
            expect: knobs.expect.unwrap_or_default(),
            on_informational: knobs.on_informational.clone(),
            on_redirect: knobs.on_redirect.clone(),
            on_retry: knobs.on_retry.clone(),
            expansion: knobs.expansion.unwrap_or_default(),
        };
        if messages.expansion.ratio == 0 {
            return Err(Error::new(Kind::InvalidConfig).expected("an expansion ratio above zero"));
        }
        Ok(Arc::new(messages))
    }
}
