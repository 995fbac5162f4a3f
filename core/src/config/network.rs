//! The knobs of names, addresses and sockets: how a connection to a host is made. What they mean is decided in `names`,
//! `dial` and `policy::guard`; the options of a socket are set by the engine.

use super::Config;
use crate::dial::Family;
use crate::error::{Error, Kind, Result};
use crate::names::{Overrides, Resolve};
use crate::policy::guard::{self, Guard};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What is said about connecting; nothing where nothing is set.
#[derive(Debug, Clone, Default)]
pub(super) struct Knobs {
    stagger: Option<Duration>,
    family: Option<Family>,
    overrides: Overrides,
    resolver: Option<Arc<dyn Resolve>>,
    cache: Option<Duration>,
    local_address: Option<IpAddr>,
    interface: Option<String>,
    socket: Option<SocketOptions>,
    unix_socket: Option<PathBuf>,
    guard: Option<Guard>,
    allow: Option<Vec<guard::Block>>,
    /// The first mistake among the arguments: it comes back from [`Config::resolve`].
    mistake: Option<Error>,
}

/// How connections are made, none left open.
#[derive(Debug, Clone)]
pub struct Network {
    /// How long one address is tried before the next one is tried beside it.
    pub stagger: Duration,
    /// Which addresses are tried.
    pub family: Family,
    /// Addresses that need no resolver.
    pub overrides: Overrides,
    /// Who is asked for all others; `None` for the system.
    pub resolver: Option<Arc<dyn Resolve>>,
    /// How long an answer of the resolver is kept.
    pub cache: Duration,
    /// Where connections come from.
    pub local_address: Option<IpAddr>,
    /// The device through which they go.
    pub interface: Option<String>,
    /// Options of each TCP socket.
    pub socket: SocketOptions,
    /// The socket in the file system that stands for every host.
    pub unix_socket: Option<PathBuf>,
    /// Which addresses may be connected to.
    pub guard: guard::Rules,
    id: u64,
}

/// Options of a TCP socket, set before it connects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SocketOptions {
    /// Send small pieces at once (TCP_NODELAY).
    ///
    /// * Default: true
    /// * Why: else the end of a request may wait 40 ms for the acknowledgement of its beginning
    /// * Extremes: false saves packets where a request is written in many pieces
    pub nodelay: bool,
    /// Probe connections that say nothing.
    ///
    /// * Default: after 60 s; interval and count are the system's
    /// * Why: a peer that vanished without a word is noticed while a long wait goes on
    /// * Extremes: at least 1 s; `None` never notices
    pub keepalive: Option<Keepalive>,
    /// The kernel's buffer for what goes out (SO_SNDBUF), in bytes.
    ///
    /// * Default: the system's, which grow by need
    /// * Why: a size set here stays
    /// * Extremes: small ones make long ways slow, large ones cost the kernel's memory for each connection
    pub send_buffer: Option<usize>,
    /// The kernel's buffer for what comes in (SO_RCVBUF), in bytes.
    ///
    /// * Default: as `send_buffer`
    /// * Why: as `send_buffer`
    /// * Extremes: as `send_buffer`
    pub receive_buffer: Option<usize>,
    /// How long what was sent may stay without an acknowledgement before the connection is given up (TCP_USER_TIMEOUT;
    /// Linux, Android, Fuchsia).
    ///
    /// * Default: the system's, some 15 minutes
    /// * Why: Linux: gives a connection up whose bytes nobody acknowledges
    /// * Extremes: shorter than a way's worst delay, it breaks good connections
    pub user_timeout: Option<Duration>,
    /// Any other options, set last and in their order (Unix).
    ///
    /// * Default: none
    /// * Why: any other `setsockopt`, as requests-toolbelt's and urllib3's `socket_options` have it (Unix)
    /// * Extremes: what the system does not know is an error when connecting
    pub raw: Vec<RawOption>,
}

/// When and how often a silent connection is probed. What is `None` is the system's: on Linux 75 s and 9 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Keepalive {
    /// Silence before the first probe; in whole seconds.
    pub time: Duration,
    /// Between two probes; in whole seconds.
    pub interval: Option<Duration>,
    /// Unanswered probes after which the connection is broken.
    pub count: Option<u32>,
}

/// One call of `setsockopt`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RawOption {
    /// Such as `SOL_SOCKET`.
    pub level: i32,
    /// Such as `SO_PRIORITY`.
    pub name: i32,
    /// The value, as the system has it in memory.
    pub value: Vec<u8>,
}

impl RawOption {
    /// An option whose value is a C `int`, as most are.
    pub fn int(level: i32, name: i32, value: i32) -> RawOption {
        RawOption { level, name, value: value.to_ne_bytes().into() }
    }
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        let keepalive = Keepalive { time: Duration::from_secs(60), interval: None, count: None };
        SocketOptions {
            nodelay: true,
            keepalive: Some(keepalive),
            send_buffer: None,
            receive_buffer: None,
            user_timeout: None,
            raw: Vec::new(),
        }
    }
}

impl Default for Network {
    fn default() -> Network {
        Network {
            stagger: STAGGER,
            family: Family::Any,
            overrides: Overrides::default(),
            resolver: None,
            cache: CACHE,
            local_address: None,
            interface: None,
            socket: SocketOptions::default(),
            unix_socket: None,
            guard: guard::Rules::default(),
            id: 0,
        }
    }
}

impl Config {
    /// How long one address of a host may take before the next one is tried as well (happy eyeballs, RFC 8305).
    ///
    /// * Default: 250 ms
    /// * Why: RFC 8305 recommends it: a dead address costs that once, not the whole time-out
    /// * Extremes: at least 10 ms: hosts that are merely far away are then asked at all their addresses at once;
    ///   `Duration::MAX` tries one address after the other, each until it fails
    pub fn happy_eyeballs(self, stagger: Duration) -> Config {
        self.network(|knobs| knobs.stagger = Some(stagger))
    }

    /// Which addresses of a host are tried.
    ///
    /// * Default: `Family::Any`
    /// * Why: both kinds, in turn
    /// * Extremes: with `V4` or `V6` alone, hosts that have no such address cannot be reached
    pub fn address_family(self, family: Family) -> Config {
        self.network(|knobs| knobs.family = Some(family))
    }

    /// Connects to `addresses` in the place of a host. `host` is `name`, `name:port`, `*` or `*:port`, and the entry
    /// that says most counts; `addresses` are separated by commas. A request's entries go before its client's. A guard
    /// judges these addresses as all others.
    ///
    /// * Default: none
    /// * Why: as curl's `--resolve`: tries a server before its name leads there. Host field, SNI and the verified name
    ///   stay the URL's; an address with a port of its own replaces the URL's
    /// * Extremes: `*` catches every host, redirects to others included
    ///
    /// ```
    /// # use entreat_core::Config;
    /// let config = Config::new().resolve_to("example.org:443", "127.0.0.1:8443");
    /// # config.resolve().unwrap();
    /// ```
    pub fn resolve_to(self, host: impl AsRef<str>, addresses: impl AsRef<str>) -> Config {
        self.network(|knobs| {
            if let Err(error) = knobs.overrides.add(host.as_ref(), addresses.as_ref()) {
                knobs.mistake.get_or_insert(error);
            }
        })
    }

    /// Who is asked for the addresses of names.
    ///
    /// * Default: the system's, by getaddrinfo
    /// * Why: it knows `/etc/hosts`, search domains and what else the machine is told
    /// * Extremes: a resolver that never answers holds its thread; of more than 64 such look-ups in a process, the
    ///   next ones wait, until their own deadline
    pub fn resolver(self, resolver: Arc<dyn Resolve>) -> Config {
        self.network(|knobs| knobs.resolver = Some(resolver))
    }

    /// How long a resolver's answer is kept.
    ///
    /// * Default: 10 s, of 256 names
    /// * Why: enough for a burst of connections; getaddrinfo does not tell how long an answer holds. Failures are
    ///   never kept, and a host that cannot be reached is asked for anew
    /// * Extremes: zero asks each time; much more keeps sending to servers that have moved
    pub fn dns_cache(self, keep: Duration) -> Config {
        self.network(|knobs| knobs.cache = Some(keep))
    }

    /// The address of this machine that connections come from.
    ///
    /// * Default: the system's choice
    /// * Why: machines with several
    /// * Extremes: only hosts with an address of its family can be reached
    pub fn local_address(self, address: IpAddr) -> Config {
        self.network(|knobs| knobs.local_address = Some(address))
    }

    /// The network device through which connections go, such as `eth0`, whatever the routes say. It may need a
    /// privilege.
    ///
    /// * Default: the routes' choice
    /// * Why: Linux, Android, Fuchsia (SO_BINDTODEVICE); elsewhere refused
    /// * Extremes: a device that does not lead there times out
    pub fn interface(self, name: impl Into<String>) -> Config {
        self.network(|knobs| knobs.interface = Some(name.into()))
    }

    /// Options of each TCP socket.
    ///
    /// * Default: see `SocketOptions`
    pub fn socket(self, options: SocketOptions) -> Config {
        self.network(|knobs| knobs.socket = Some(options))
    }

    /// Sends every request over this socket of the file system, whatever its host: Host field, SNI and the name that a
    /// certificate must have stay the URL's.
    ///
    /// * Default: none
    /// * Why: local daemons. `http+unix://%2Frun%2Fx.sock/path` does so for one URL, with the Host `localhost`
    /// * Extremes: every host of the client is then that socket, so it is refused beside `guard`, `interface` and
    ///   `local_address`
    pub fn unix_socket(self, path: impl AsRef<Path>) -> Config {
        self.network(|knobs| knobs.unix_socket = Some(path.as_ref().to_owned()))
    }

    /// Which addresses may be connected to; what is not let through is [`Kind::BlockedAddress`].
    ///
    /// * Default: `Guard::Off`: most programs talk to their own network
    /// * Why: for URLs that strangers give: private, loopback, link-local and all other special addresses of RFC 6890
    ///   are refused as dialled, whatever name, override or redirect led there, and so are sockets of the file system
    /// * Extremes: a proxy that is named may be anywhere and resolves names by itself: only addresses in the URL are
    ///   judged then
    pub fn guard(self, guard: Guard) -> Config {
        self.network(|knobs| knobs.guard = Some(guard))
    }

    /// Lets an address, or a block such as `10.1.0.0/16`, through the guard.
    ///
    /// * Default: none
    /// * Why: the few inner addresses that are meant to be reached
    /// * Extremes: `0.0.0.0/0` and `::/0` undo the guard
    pub fn guard_allow(self, block: impl AsRef<str>) -> Config {
        self.network(|knobs| match block.as_ref().parse() {
            Ok(block) => knobs.allow.get_or_insert_default().push(block),
            Err(expected) => {
                let seen = format!("guard_allow with {:?}", block.as_ref());
                knobs.mistake.get_or_insert(invalid(expected).seen(seen));
            }
        })
    }

    fn network(mut self, change: impl FnOnce(&mut Knobs)) -> Config {
        change(Arc::make_mut(self.network.get_or_insert_default()));
        self
    }
}

impl Knobs {
    pub(super) fn or(over: Option<Arc<Knobs>>, base: &Option<Arc<Knobs>>) -> Option<Arc<Knobs>> {
        let (Some(over), Some(base)) = (&over, base) else { return over.or_else(|| base.clone()) };
        let over = Knobs::clone(over);
        Some(Arc::new(Knobs {
            stagger: over.stagger.or(base.stagger),
            family: over.family.or(base.family),
            overrides: over.overrides.or(&base.overrides),
            resolver: over.resolver.or_else(|| base.resolver.clone()),
            cache: over.cache.or(base.cache),
            local_address: over.local_address.or(base.local_address),
            interface: over.interface.or_else(|| base.interface.clone()),
            socket: over.socket.or_else(|| base.socket.clone()),
            unix_socket: over.unix_socket.or_else(|| base.unix_socket.clone()),
            guard: over.guard.or(base.guard),
            allow: over.allow.or_else(|| base.allow.clone()),
            mistake: over.mistake.or_else(|| base.mistake.clone()),
        }))
    }

    /// # Errors
    /// [`Kind::InvalidConfig`], naming the knob.
    pub(super) fn resolve(knobs: Option<Arc<Knobs>>) -> Result<Arc<Network>> {
        static DEFAULT: LazyLock<Arc<Network>> = LazyLock::new(Arc::default);
        let Some(knobs) = knobs else { return Ok(Arc::clone(&DEFAULT)) };
        let knobs = Arc::unwrap_or_clone(knobs);
        if let Some(mistake) = knobs.mistake {
            return Err(mistake);
        }
        let default = Network::default();
        let mut network = Network {
            stagger: knobs.stagger.unwrap_or(default.stagger),
            family: knobs.family.unwrap_or(default.family),
            overrides: knobs.overrides,
            resolver: knobs.resolver,
            cache: knobs.cache.unwrap_or(default.cache),
            local_address: knobs.local_address,
            interface: knobs.interface,
            socket: knobs.socket.unwrap_or_default(),
            unix_socket: knobs.unix_socket,
            guard: guard::Rules {
                guard: knobs.guard.unwrap_or_default(),
                allow: knobs.allow.unwrap_or_default(),
            },
            id: 0,
        };
        network.check()?;
        network.id = network.identify();
        Ok(Arc::new(network))
    }
}

impl Network {
    /// A number for where these settings lead: connections made under another are not shared. 0 for the defaults.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// A number for whoever is asked for names.
    pub fn resolver_id(&self) -> usize {
        self.resolver.as_ref().map_or(0, |resolver| Arc::as_ptr(resolver).cast::<()>().addr())
    }

    fn identify(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Not how fast addresses follow each other, or how long they are kept: that leads to the same places.
        (self.family, &self.overrides, self.resolver_id()).hash(&mut hasher);
        (&self.local_address, &self.interface, &self.socket, &self.unix_socket).hash(&mut hasher);
        self.guard.hash(&mut hasher);
        hasher.finish()
    }

    fn check(&self) -> Result<()> {
        // RFC 8305 section 8 allows no delay below.
        if self.stagger < Duration::from_millis(10) {
            return Err(invalid("happy_eyeballs of at least 10 ms").seen(format!("{:?}", self.stagger)));
        }
        if let Some(address) = self.local_address
            && !self.family.includes(&(address, 0).into())
        {
            let expected = "a local_address of the address_family that is asked for";
            return Err(invalid(expected).seen(address.to_string()));
        }
        if let Some(name) = &self.interface {
            check_interface(name)?;
        }
        if let Some(path) = &self.unix_socket {
            self.check_unix_socket(path)?;
        }
        self.socket.check()
    }

    fn check_unix_socket(&self, path: &Path) -> Result<()> {
        let contradicting = [
            ("local_address", self.local_address.is_some()),
            ("interface", self.interface.is_some()),
            ("guard", self.guard.guard == Guard::Public),
        ];
        if let Some((name, _)) = contradicting.iter().find(|(_, set)| *set) {
            return Err(invalid("unix_socket alone").seen(format!("unix_socket and {name}")));
        }
        if cfg!(not(unix)) {
            return Err(invalid("a system that has sockets in its file system for unix_socket"));
        }
        if path.as_os_str().is_empty() {
            return Err(invalid("unix_socket with a path"));
        }
        Ok(())
    }
}

/// IFNAMSIZ is 16 with the NUL at the end.
fn check_interface(name: &str) -> Result<()> {
    if cfg!(not(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))) {
        let hint = "local_address chooses by an address of the device";
        return Err(invalid("a system that binds sockets to devices for interface").hint(hint));
    }
    match name.len() {
        1..16 if name.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
        _ => Err(invalid("interface with a device's name, such as eth0").seen(format!("{name:?}"))),
    }
}

impl SocketOptions {
    fn check(&self) -> Result<()> {
        let second = Duration::from_secs(1);
        if let Some(keepalive) = self.keepalive {
            let interval = keepalive.interval.unwrap_or(second);
            if keepalive.time < second || interval < second || keepalive.count == Some(0) {
                let expected = "keepalive with times of at least 1 s, and a count of at least 1";
                return Err(invalid(expected).seen(format!("{keepalive:?}")));
            }
        }
        if self.send_buffer == Some(0) || self.receive_buffer == Some(0) {
            return Err(invalid("send_buffer and receive_buffer above zero"));
        }
        if self.user_timeout.is_some_and(|limit| limit < Duration::from_millis(1)) {
            return Err(invalid("user_timeout of at least 1 ms"));
        }
        let has_user_timeout = cfg!(any(target_os = "linux", target_os = "android", target_os = "fuchsia"));
        if self.user_timeout.is_some() && !has_user_timeout {
            return Err(invalid("a system that has TCP_USER_TIMEOUT for user_timeout"));
        }
        if cfg!(not(unix)) && !self.raw.is_empty() {
            return Err(invalid("a Unix for raw socket options"));
        }
        Ok(())
    }
}

fn invalid(expected: &'static str) -> Error {
    Error::new(Kind::InvalidConfig).expected(expected)
}

/// RFC 8305 section 8 recommends it.
const STAGGER: Duration = Duration::from_millis(250);

const CACHE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn network(config: Config) -> Arc<Network> {
        config.resolve().unwrap().network
    }

    fn refused(config: Config) -> String {
        let error = config.resolve().unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidConfig, "{error}");
        error.to_string()
    }

    #[test]
    fn a_request_goes_before_its_client_knob_by_knob() {
        let client = Config::new().guard(Guard::Public).resolve_to("a", "1.1.1.1").resolve_to("b", "2.2.2.2");
        let both = network(Config::new().address_family(Family::V4).resolve_to("b", "3.3.3.3").or(&client));
        assert_eq!((both.family, both.guard.guard), (Family::V4, Guard::Public));
        let found = |host| both.overrides.find(host, 80).unwrap()[0].to_string();
        assert_eq!((found("a"), found("b")), ("1.1.1.1:80".into(), "3.3.3.3:80".into()));
    }

    #[test]
    fn connections_are_shared_where_settings_lead_to_the_same_places() {
        let id = |config: Config| network(config).id();
        assert_eq!(id(Config::new()), 0);
        let guarded = id(Config::new().guard(Guard::Public));
        assert_eq!(guarded, id(Config::new().guard(Guard::Public).happy_eyeballs(Duration::from_secs(1))));
        let others = [
            id(Config::new().guard(Guard::Public).guard_allow("10.0.0.0/8")),
            id(Config::new().resolve_to("a", "1.1.1.1")),
            id(Config::new().unix_socket("/x")),
            id(Config::new().address_family(Family::V6)),
            0,
        ];
        for (at, other) in others.iter().enumerate() {
            assert!(*other != guarded && !others[..at].contains(other), "{at}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let v4 = IpAddr::from([127, 0, 0, 1]);
        for (config, word) in [
            (Config::new().happy_eyeballs(Duration::ZERO), "happy_eyeballs"),
            (Config::new().address_family(Family::V6).local_address(v4), "local_address"),
            (Config::new().resolve_to("a", "b"), "resolve_to"),
            (Config::new().guard_allow("10.0.0.0/99"), "guard_allow"),
            (Config::new().interface("0123456789abcdef"), "interface"),
            (Config::new().unix_socket(""), "unix_socket"),
            (Config::new().unix_socket("/x").guard(Guard::Public), "guard"),
            (Config::new().unix_socket("/x").local_address(v4), "local_address"),
        ] {
            let text = refused(config);
            assert!(text.contains(word), "{text}");
        }
    }

    #[test]
    fn socket_options_of_nothing_are_refused() {
        let keepalive = |time, interval, count| {
            let keepalive = Some(Keepalive { time: Duration::from_secs(time), interval, count });
            SocketOptions { keepalive, ..SocketOptions::default() }
        };
        let good = SocketOptions::default();
        for options in [
            keepalive(0, None, None),
            keepalive(1, Some(Duration::ZERO), None),
            keepalive(1, None, Some(0)),
            SocketOptions { send_buffer: Some(0), ..good.clone() },
            SocketOptions { user_timeout: Some(Duration::ZERO), ..good.clone() },
        ] {
            refused(Config::new().socket(options));
        }
        assert_eq!(network(Config::new().socket(keepalive(1, None, Some(1)))).stagger, STAGGER);
    }
}
