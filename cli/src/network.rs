//! The options that say how a connection is made: addresses, where it comes from, and a socket in the place of a host.
//!
//! Named as curl names them. What they mean is decided by the crate's `Config`.

use crate::failure::Failure;
use clap::Args;
use entreat::{Config, Family};
use std::net::IpAddr;
use std::path::PathBuf;

#[derive(Debug, Default, Args)]
pub(crate) struct Network {
    /// Connect to IP in the place of HOST
    #[arg(long, value_name = "HOST:PORT:IP")]
    resolve: Vec<String>,

    /// Connect over this socket, whatever the host
    #[arg(long, value_name = "PATH")]
    unix_socket: Option<PathBuf>,

    /// Connect through this network device
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,

    /// Connect from this address of the machine
    #[arg(long, value_name = "ADDR")]
    local_address: Option<IpAddr>,

    /// Connect to IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,

    /// Connect to IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,

    /// Go through a proxy; http:URL for http alone
    #[arg(long = "proxy", value_name = "URL", overrides_with = "no_proxy")]
    proxies: Vec<String>,

    /// Go straight, whatever HTTP_PROXY says
    #[arg(long, overrides_with = "proxies")]
    no_proxy: bool,
}

impl Network {
    /// The settings with these over them.
    pub(crate) fn apply(&self, mut config: Config) -> Result<Config, Failure> {
        if self.no_proxy {
            config = config.no_proxy();
        } else if !self.proxies.is_empty() {
            config = config.proxies(self.proxies.iter().map(|text| proxy(text)).collect());
        }
        for entry in &self.resolve {
            let (host, addresses) = split_entry(entry)
                .ok_or_else(|| Failure::Usage(format!("--resolve needs HOST:PORT:IP, got {entry:?}")))?;
            config = config.resolve_to(host, addresses);
        }
        if let Some(path) = &self.unix_socket {
            config = config.unix_socket(path);
        }
        if let Some(name) = &self.interface {
            config = config.interface(name);
        }
        if let Some(address) = self.local_address {
            config = config.local_address(address);
        }
        Ok(match (self.ipv4, self.ipv6) {
            (true, _) => config.address_family(Family::V4),
            (false, true) => config.address_family(Family::V6),
            (false, false) => config,
        })
    }
}

/// `HOST:PORT` and what stands behind; an IPv6 address as the host is in brackets.
fn split_entry(entry: &str) -> Option<(&str, &str)> {
    let host_end = if entry.starts_with('[') { entry.find("]:")? + 1 } else { entry.find(':')? };
    let port_end = host_end + 1 + entry[host_end + 1..].find(':')?;
    Some((&entry[..port_end], &entry[port_end + 1..]))
}

/// A proxy for everything, or for one scheme as HTTPie has it: `http:http://proxy:3128`.
fn proxy(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((scheme @ ("http" | "https" | "all"), url)) if !url.starts_with("//") => (scheme, url),
        Some(_) | None => ("all", text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_split_behind_the_port() {
        for (entry, split) in [
            ("a:443:127.0.0.1", Some(("a:443", "127.0.0.1"))),
            ("a:443:[::1]:8443,1.1.1.1", Some(("a:443", "[::1]:8443,1.1.1.1"))),
            ("[::1]:80:::2", Some(("[::1]:80", "::2"))),
            ("*:80:1.1.1.1", Some(("*:80", "1.1.1.1"))),
            ("a:443", None),
            ("a", None),
            ("[::1", None),
        ] {
            assert_eq!(split_entry(entry), split, "{entry}");
        }
    }

    #[test]
    fn the_settings_come_from_the_options() {
        let options = Network {
            resolve: vec!["a:443:127.0.0.1:8443".into()],
            ipv4: true,
            local_address: Some(IpAddr::from([127, 0, 0, 1])),
            ..Network::default()
        };
        let network = options.apply(Config::new()).unwrap().resolve().unwrap().network;
        assert_eq!(network.overrides.find("a", 443).unwrap()[0].to_string(), "127.0.0.1:8443");
        assert_eq!((network.family, network.local_address), (Family::V4, options.local_address));
        let wrong = Network { resolve: vec!["a:443".into()], ..Network::default() };
        assert!(matches!(wrong.apply(Config::new()), Err(Failure::Usage(_))));
    }
}
