//! From a URL to the addresses that are tried, in their order.
//!
//! Called by `dial`. What is asked of a resolver goes through the net; the order is core's `dial`.

use crate::net::Net;
use entreat_core::{Deadline, Error, Kind, Network, Result, Url, dial};
use std::net::SocketAddr;

/// The addresses of the URL's host, in the order in which they are tried. Never empty.
pub(crate) async fn addresses<N: Net>(
    net: &N,
    url: &Url,
    network: &Network,
    deadline: Deadline,
) -> Result<Vec<SocketAddr>> {
    let found = net.resolve(url.host(), url.port(), deadline).await?;
    let wanted: Vec<_> = found.iter().filter(|address| network.family.includes(address)).copied().collect();
    match dial::order(&wanted) {
        none if none.is_empty() => Err(none_of_family(url.host(), network.family)),
        ordered => Ok(ordered),
    }
}

fn none_of_family(host: &str, family: dial::Family) -> Error {
    let family = match family {
        dial::Family::Any => "an address",
        dial::Family::V4 => "an IPv4 address",
        dial::Family::V6 => "an IPv6 address",
    };
    Error::new(Kind::Resolve).expected(family).seen(format!("none for {host}"))
}
