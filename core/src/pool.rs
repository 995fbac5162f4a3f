//! Which idle connection serves a request. Holds connections as opaque values; no sockets, no clock, no lock.
//!
//! The engine keeps one `Pool` behind a mutex, takes a candidate out, and checks *outside* the lock whether its
//! peer is still there. Newest first, so that connections beyond the need of the hour grow old and are closed. Those in
//! use are counted by `slots`.

use crate::error::{Error, Kind, Result};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::time::{Duration, Instant};

/// How many connections are kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Idle connections kept per origin.
    ///
    /// * Default: 10
    /// * Why: as in requests. The asynchronous clients, Rust's and Python's, keep 1000: [`Rules::for_tasks`]
    /// * Extremes: 0 turns keep-alive off; much more, and servers close what they find too many
    pub idle_per_origin: usize,
    /// Idle connections kept in all.
    ///
    /// * Default: 100
    /// * Why: file descriptors are finite. The asynchronous clients keep 1000
    /// * Extremes: 0 turns keep-alive off
    pub idle_total: usize,
    /// How long an idle connection is kept.
    ///
    /// * Default: 90 s
    /// * Why: below the time-outs of common load balancers and NAT
    /// * Extremes: `None` keeps connections until their peers close them; very short ones connect anew for each
    ///   request
    pub idle_timeout: Option<Duration>,
    /// How old a connection may grow.
    ///
    /// * Default: none
    /// * Why: a healthy connection may serve for ever
    /// * Extremes: short ones notice a change of the DNS sooner, and connect more often
    pub max_age: Option<Duration>,
    /// Connections to one origin at once, in use or idle. Whoever comes when all are in use waits its turn, up to
    /// `Timeout::pool`; a response that is neither read to its end nor dropped keeps its connection.
    ///
    /// * Default: none
    /// * Why: as in requests and curl
    /// * Extremes: 1 makes requests to one origin go one after the other; 0 is refused
    pub per_origin: Option<usize>,
    /// Connections at once in all, in use or idle.
    ///
    /// * Default: none
    /// * Why: a limit that nobody asked for looks like a hang
    /// * Extremes: as `per_origin`; idle connections to other origins are closed to make room
    pub total: Option<usize>,
}

impl Rules {
    /// The defaults of clients whose requests are tasks of one event loop.
    ///
    /// Many answers come in one turn of the loop, and their connections lie idle until the tasks behind them go on: with as
    /// few as for threads most would be closed then, and made anew. More than these are never idle but in programs that
    /// know it.
    pub fn for_tasks() -> Rules {
        Rules { idle_per_origin: 1000, idle_total: 1000, ..Rules::default() }
    }

    /// Refuses limits under which no request could ever be sent.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`], naming the knob.
    pub fn check(&self) -> Result<()> {
        let limits = [("pool.per_origin", self.per_origin), ("pool.total", self.total)];
        match limits.iter().find(|(_, limit)| *limit == Some(0)) {
            Some((name, _)) => {
                let hint = "leave the limit out to allow any number";
                Err(Error::new(Kind::InvalidConfig)
                    .expected(format!("{name} above zero"))
                    .seen("0")
                    .hint(hint))
            }
            None => Ok(()),
        }
    }

    /// When a connection made at `born` that is idle since `since` becomes too old; `None` for never.
    fn ends(&self, born: Instant, since: Instant) -> Option<Instant> {
        let by_idling = self.idle_timeout.and_then(|limit| since.checked_add(limit));
        let by_age = self.max_age.and_then(|limit| born.checked_add(limit));
        match (by_idling, by_age) {
            (Some(idling), Some(age)) => Some(idling.min(age)),
            (one, other) => one.or(other),
        }
    }

    /// True where a request may have to wait for its turn.
    pub fn is_limited(&self) -> bool {
        self.per_origin.is_some() || self.total.is_some()
    }
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            idle_per_origin: 10,
            idle_total: 100,
            idle_timeout: Some(Duration::from_secs(90)),
            max_age: None,
            per_origin: None,
            total: None,
        }
    }
}

/// Idle connections by origin. `T` is whatever the engine calls a connection.
#[derive(Debug)]
pub struct Pool<T> {
    rules: Rules,
    origins: HashMap<Box<str>, Vec<Idle<T>>, BuildHasherDefault<OriginHasher>>,
    idle: usize,
    taken: u64,
}

#[derive(Debug)]
struct Idle<T> {
    connection: T,
    settings: u64,
    since: Instant,
    /// When it becomes too old; `None` for never.
    ends: Option<Instant>,
}

/// What a connection may be reused for: the same origin under the same settings (TLS, proxy).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Scheme, host and port, as [`crate::Url::origin`] gives them.
    pub origin: &'a str,
    /// A number that stands for the settings under which the connection was made.
    pub settings: u64,
}

impl<T> Pool<T> {
    /// An empty pool.
    pub fn new(rules: Rules) -> Pool<T> {
        Pool { rules, origins: HashMap::default(), idle: 0, taken: 0 }
    }

    /// Takes the newest idle connection for `key`. Those found too old go to `expired`: drop them outside the lock.
    pub fn take(&mut self, key: Key<'_>, now: Instant, expired: &mut Vec<T>) -> Option<T> {
        let list = self.origins.get_mut(key.origin)?;
        while let Some(at) = list.iter().rposition(|idle| idle.settings == key.settings) {
            let idle = list.remove(at);
            self.idle -= 1;
            if idle.is_fresh(now) {
                self.taken += 1;
                return Some(idle.connection);
            }
            expired.push(idle.connection);
        }
        None
    }

    /// Keeps `connection`, or gives one back that must be closed instead: this one, or the origin's oldest.
    pub fn put(&mut self, key: Key<'_>, connection: T, born: Instant, now: Instant) -> Option<T> {
        let rules = &self.rules;
        let idle = Idle { connection, settings: key.settings, since: now, ends: rules.ends(born, now) };
        if rules.idle_per_origin == 0 || rules.idle_total == 0 || !idle.is_fresh(now) {
            return Some(idle.connection);
        }
        let total_reached = self.idle >= rules.idle_total;
        if let Some(list) = self.origins.get_mut(key.origin) {
            if list.len() >= rules.idle_per_origin {
                list.push(idle);
                return Some(list.remove(0).connection);
            }
            if !total_reached {
                list.push(idle);
                self.idle += 1;
                return None;
            }
        }
        let evicted = if total_reached { self.evict_oldest() } else { None };
        self.list_for(key.origin).push(idle);
        self.idle += 1;
        evicted
    }

    /// The origin's list. Lists stay when they run empty, as most are filled again soon; but not for ever: whoever
    /// visits millions of hosts has few of them at a time.
    fn list_for(&mut self, origin: &str) -> &mut Vec<Idle<T>> {
        if !self.origins.contains_key(origin) && self.origins.len() >= self.rules.idle_total.saturating_mul(2)
        {
            self.origins.retain(|_, list| !list.is_empty());
        }
        self.origins.entry(origin.into()).or_default()
    }

    /// Takes out all idle connections, to be closed.
    pub fn clear(&mut self) -> Vec<T> {
        self.idle = 0;
        self.origins.drain().flat_map(|(_, list)| list).map(|idle| idle.connection).collect()
    }

    /// Takes out what is too old at `now`, and says when to look again.
    pub fn expire(&mut self, now: Instant) -> (Vec<T>, Option<Instant>) {
        let mut expired = Vec::new();
        for list in self.origins.values_mut() {
            for idle in list.extract_if(.., |idle| !idle.is_fresh(now)) {
                expired.push(idle.connection);
            }
        }
        self.origins.retain(|_, list| !list.is_empty());
        self.idle -= expired.len();
        let next = self.origins.values().flatten().filter_map(|idle| idle.ends).min();
        (expired, next)
    }

    /// Takes out those that are of no use any more.
    pub fn remove_if(&mut self, is_useless: impl Fn(&T) -> bool) -> Vec<T> {
        let mut removed = Vec::new();
        for list in self.origins.values_mut() {
            let useless = list.extract_if(.., |idle| is_useless(&idle.connection));
            removed.extend(useless.map(|idle| idle.connection));
        }
        self.idle -= removed.len();
        removed
    }

    /// How many connections are idle.
    pub fn idle(&self) -> usize {
        self.idle
    }

    /// How many connections were taken since the pool was made.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes out what is in the way of one more connection to `origin`, of which `in_use.0` are in use, the new one
    /// among them, and `in_use.1` of all.
    pub fn make_room(&mut self, origin: &str, in_use: (usize, usize)) -> Vec<T> {
        let mut evicted = Vec::new();
        if let (Some(limit), Some(list)) = (self.rules.per_origin, self.origins.get_mut(origin)) {
            let surplus = (in_use.0 + list.len()).saturating_sub(limit).min(list.len());
            evicted.extend(list.drain(..surplus).map(|idle| idle.connection));
            self.idle -= surplus;
        }
        if let Some(limit) = self.rules.total {
            while in_use.1 + self.idle > limit
                && let Some(connection) = self.evict_oldest()
            {
                evicted.push(connection);
            }
        }
        evicted
    }

    fn evict_oldest(&mut self) -> Option<T> {
        let since = |list: &Vec<Idle<T>>| list.first().map(|idle| idle.since);
        let oldest =
            self.origins.values_mut().filter(|list| !list.is_empty()).min_by_key(|list| since(list))?;
        self.idle -= 1;
        Some(oldest.remove(0).connection)
    }
}

impl<T> Idle<T> {
    fn is_fresh(&self, now: Instant) -> bool {
        self.ends.is_none_or(|end| now < end)
    }
}

/// Eight bytes at a time, by a multiplication: a tenth of the default hasher's cost on a name of 25 bytes. Its lack of a
/// secret does no harm, since the number of origins is bounded.
#[derive(Debug, Default)]
struct OriginHasher(u64);

impl Hasher for OriginHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last));
    }

    /// What ends each text: it needs no bytes.
    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    /// The table goes by the lowest bits, multiplications spread upwards.
    fn finish(&self) -> u64 {
        self.0.rotate_left(32)
    }
}

impl OriginHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'static> = Key { origin: "http://a", settings: 0 };

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made without a clock")]
        Instant::now()
    }

    fn pool(rules: Rules, connections: &[u32]) -> (Pool<u32>, Instant) {
        let (mut pool, now) = (Pool::new(rules), start());
        for connection in connections {
            assert_eq!(pool.put(KEY, *connection, now, now), None);
        }
        (pool, now)
    }

    #[test]
    fn the_newest_connection_is_reused_first() {
        let (mut pool, now) = pool(Rules::default(), &[1, 2]);
        assert_eq!(pool.take(KEY, now, &mut vec![]), Some(2));
        assert_eq!(pool.take(KEY, now, &mut vec![]), Some(1));
        assert_eq!(pool.take(KEY, now, &mut vec![]), None);
    }

    #[test]
    fn other_origins_and_settings_do_not_match() {
        let (mut pool, now) = pool(Rules::default(), &[1]);
        assert_eq!(pool.take(Key { origin: "http://b", settings: 0 }, now, &mut vec![]), None);
        assert_eq!(pool.take(Key { settings: 1, ..KEY }, now, &mut vec![]), None);
        assert_eq!(pool.idle(), 1);
    }

    #[test]
    fn connections_that_idled_too_long_are_handed_out_for_closing() {
        let (mut pool, now) = pool(Rules::default(), &[1, 2]);
        let mut expired = vec![];
        assert_eq!(pool.take(KEY, now + Duration::from_secs(90), &mut expired), None);
        assert_eq!((expired, pool.idle()), (vec![2, 1], 0));
    }

    #[test]
    fn a_connection_past_its_age_is_not_kept() {
        let mut pool = Pool::new(Rules { max_age: Some(Duration::from_secs(5)), ..Rules::default() });
        let born = start();
        assert_eq!(pool.put(KEY, 1, born, born + Duration::from_secs(5)), Some(1));
    }

    #[test]
    fn beyond_the_limit_per_origin_the_oldest_is_closed() {
        let (mut pool, now) = pool(Rules { idle_per_origin: 2, ..Rules::default() }, &[1, 2]);
        assert_eq!(pool.put(KEY, 3, now, now), Some(1));
        assert_eq!(pool.idle(), 2);
    }

    #[test]
    fn beyond_the_total_the_oldest_of_all_is_closed() {
        let (mut pool, now) = pool(Rules { idle_total: 1, ..Rules::default() }, &[1]);
        let later = now + Duration::from_secs(1);
        assert_eq!(pool.put(Key { origin: "http://b", settings: 0 }, 2, now, later), Some(1));
        assert_eq!(pool.idle(), 1);
    }

    #[test]
    fn an_origin_at_its_limit_costs_no_other_its_connection() {
        let mut pool = Pool::new(Rules { idle_per_origin: 1, idle_total: 2, ..Rules::default() });
        let now = start();
        for (origin, connection, closed) in
            [("http://a", 1, None), ("http://b", 2, None), ("http://b", 3, Some(2))]
        {
            assert_eq!(pool.put(Key { origin, settings: 0 }, connection, now, now), closed);
        }
        assert_eq!((pool.idle(), pool.take(KEY, now, &mut vec![])), (2, Some(1)));
    }

    #[test]
    fn origins_that_are_left_behind_are_forgotten() {
        let (mut pool, now) = pool(Rules { idle_total: 10, ..Rules::default() }, &[]);
        for number in 0..1_000 {
            let origin = format!("http://{number}");
            let key = Key { origin: &origin, settings: 0 };
            assert_eq!(pool.put(key, number, now, now), None);
            assert_eq!(pool.take(key, now, &mut vec![]), Some(number));
        }
        assert!(pool.origins.len() <= 20, "{}", pool.origins.len());
    }

    #[test]
    fn expire_says_when_to_look_again() {
        let (mut pool, now) = pool(Rules::default(), &[1]);
        assert_eq!(pool.expire(now), (vec![], Some(now + Duration::from_secs(90))));
        assert_eq!(pool.expire(now + Duration::from_secs(91)), (vec![1], None));
    }

    #[test]
    fn idle_connections_make_room_within_their_origin_and_the_total() {
        let rules = Rules { per_origin: Some(2), total: Some(3), ..Rules::default() };
        let (mut pool, now) = pool(rules, &[1, 2]);
        let other = Key { origin: "http://b", settings: 0 };
        assert_eq!(pool.put(other, 3, now, now + Duration::from_secs(1)), None);
        assert_eq!(pool.make_room("http://c", (1, 1)), [1], "four in all would be one too many");
        assert_eq!(pool.make_room("http://a", (2, 2)), [2], "both of a's own are in use");
        assert_eq!(pool.make_room("http://b", (1, 1)), []);
        assert_eq!(pool.idle(), 1);
    }

    #[test]
    fn limits_that_let_nothing_through_are_refused() {
        for rules in
            [Rules { per_origin: Some(0), ..Rules::default() }, Rules { total: Some(0), ..Rules::default() }]
        {
            assert_eq!(rules.check().unwrap_err().kind(), Kind::InvalidConfig);
        }
    }

    #[test]
    fn no_keep_alive_means_that_nothing_is_kept() {
        let mut pool = Pool::new(Rules { idle_per_origin: 0, ..Rules::default() });
        let now = start();
        assert_eq!(pool.put(KEY, 1, now, now), Some(1));
    }
}
