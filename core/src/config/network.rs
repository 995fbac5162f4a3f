//! The knobs of names, addresses and sockets: how a connection to a host is made. What they mean is decided in `dial`.

use super::Config;
use crate::dial::Family;
use crate::error::{Error, Kind, Result};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What is said about connecting; nothing where nothing is set.
#[derive(Debug, Clone, Default)]
pub(super) struct Knobs {
    stagger: Option<Duration>,
    family: Option<Family>,
}

/// How connections are made, none left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// How long one address is tried before the next one is tried beside it.
    pub stagger: Duration,
    /// Which addresses are tried.
    pub family: Family,
}

impl Default for Network {
    fn default() -> Network {
        Network { stagger: STAGGER, family: Family::Any }
    }
}

impl Config {
    /// How long one address of a host may take before the next one is tried as well (happy eyeballs, RFC 8305).
    ///
    /// Default 250 ms, which the RFC recommends: a dead address costs that once, not the whole time-out. The least is
    /// 10 ms; with so little, hosts that are merely far away are asked at all their addresses at once. With
    /// `Duration::MAX` one address after the other is tried, each until it fails.
    pub fn happy_eyeballs(self, stagger: Duration) -> Config {
        self.network(|knobs| knobs.stagger = Some(stagger))
    }

    /// Which addresses of a host are tried. Default both kinds. With one kind alone, hosts that have none of it cannot
    /// be reached.
    pub fn address_family(self, family: Family) -> Config {
        self.network(|knobs| knobs.family = Some(family))
    }

    fn network(mut self, change: impl FnOnce(&mut Knobs)) -> Config {
        change(Arc::make_mut(self.network.get_or_insert_default()));
        self
    }
}

impl Knobs {
    pub(super) fn or(over: Option<Arc<Knobs>>, base: &Option<Arc<Knobs>>) -> Option<Arc<Knobs>> {
        let (Some(over), Some(base)) = (&over, base) else { return over.or_else(|| base.clone()) };
        Some(Arc::new(Knobs { stagger: over.stagger.or(base.stagger), family: over.family.or(base.family) }))
    }

    /// # Errors
    /// [`Kind::InvalidConfig`], naming the knob.
    pub(super) fn resolve(knobs: Option<Arc<Knobs>>) -> Result<Arc<Network>> {
        static DEFAULT: LazyLock<Arc<Network>> = LazyLock::new(Arc::default);
        let Some(knobs) = knobs else { return Ok(Arc::clone(&DEFAULT)) };
        let default = Network::default();
        let network = Network {
            stagger: knobs.stagger.unwrap_or(default.stagger),
            family: knobs.family.unwrap_or(default.family),
        };
        // RFC 8305 section 8 allows no delay below.
        if network.stagger < Duration::from_millis(10) {
            return Err(invalid("happy_eyeballs of at least 10 ms").seen(format!("{:?}", network.stagger)));
        }
        Ok(Arc::new(network))
    }
}

fn invalid(expected: &'static str) -> Error {
    Error::new(Kind::InvalidConfig).expected(expected)
}

/// RFC 8305 section 8 recommends it.
const STAGGER: Duration = Duration::from_millis(250);
