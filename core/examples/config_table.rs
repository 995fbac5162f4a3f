//! Writes docs/config.md: the tables in it are made of what the knobs' own documentation says. `make config-table`.
//!
//! A knob is a setter of `Config`, or a field of the rules that one takes. Its comment says `* Default: …`, `* Why: …` and
//! `* Extremes: …`. In docs/config.md a line `<!-- knobs: Config::timeout, Timeout::* -->` names those of a table. The tests
//! compare the file with what comes of this, and each default with the one that `Config` has.

const DOCUMENT: &str = include_str!("../../docs/config.md");

/// What knobs belong to, the line where that begins, and its file.
const SOURCES: [(&str, &str, &str); 15] = [
    ("Config", "impl Config {", include_str!("../src/config.rs")),
    ("Config", "impl Config {", include_str!("../src/config/hooks.rs")),
    ("Config", "impl Config {", include_str!("../src/config/messages.rs")),
    ("Config", "impl Config {", include_str!("../src/config/network.rs")),
    ("Config", "impl Config {", include_str!("../src/config/policies.rs")),
    ("Config", "impl Config {", include_str!("../src/config/proxies.rs")),
    ("Timeout", "pub struct Timeout {", include_str!("../src/deadline.rs")),
    ("RedirectRules", "pub struct Rules {", include_str!("../src/policy/redirect/mod.rs")),
    ("RetryRules", "pub struct Rules {", include_str!("../src/policy/retry.rs")),
    ("PoolRules", "pub struct Rules {", include_str!("../src/pool.rs")),
    ("TlsRules", "pub struct TlsRules {", include_str!("../src/tls.rs")),
    ("SocketOptions", "pub struct SocketOptions {", include_str!("../src/config/network.rs")),
    ("ExpectRules", "pub struct Rules {", include_str!("../src/policy/expect.rs")),
    ("Expansion", "pub struct Expansion {", include_str!("../src/content/expansion.rs")),
    ("HeadLimits", "pub struct HeadLimits {", include_str!("../src/h1/head_parse.rs")),
];

const START: &str = "<!-- knobs: ";
const END: &str = "<!-- end of knobs -->";

struct Knob {
    owner: &'static str,
    name: String,
    /// As a program writes it.
    shown: String,
    default: String,
    why: String,
    extremes: String,
}

fn main() {
    print!("{}", document(&knobs()));
}

/// All of docs/config.md.
fn document(knobs: &[Knob]) -> String {
    let mut made = String::new();
    let mut in_table = false;
    for line in DOCUMENT.lines() {
        if let Some(names) = line.strip_prefix(START) {
            in_table = true;
            let names = names.trim_end_matches("-->").trim();
            made += &format!("{line}\n| knob | default | why | extremes |\n|---|---|---|---|\n");
            names.split(", ").for_each(|name| made += &rows(knobs, name));
        }
        in_table &= line != END;
        if !in_table {
            made += &format!("{line}\n");
        }
    }
    made
}

/// The row of `Owner::name`, or those of all that `Owner::*` has.
fn rows(knobs: &[Knob], wanted: &str) -> String {
    let (owner, name) = wanted.split_once("::").expect("Owner::name");
    let chosen = knobs.iter().filter(|knob| knob.owner == owner && (name == "*" || name == knob.name));
    let rows: String = chosen.map(Knob::row).collect();
    assert!(!rows.is_empty(), "no knob is called {wanted}");
    rows
}

impl Knob {
    fn row(&self) -> String {
        let cell = |text: &String| if text.is_empty() { " |".to_owned() } else { format!(" {text} |") };
        let cells: String = [&self.default, &self.why, &self.extremes].map(cell).concat();
        // Links are the crate's own.
        format!("| `{}` |{cells}\n", self.shown).replace("[`", "`").replace("`]", "`")
    }
}

/// Every knob that there is.
fn knobs() -> Vec<Knob> {
    let mut knobs = Vec::new();
    for (owner, start, text) in SOURCES {
        let inside = text.lines().skip_while(|line| *line != start).skip(1).take_while(|line| *line != "}");
        let mut comment = Vec::new();
        let mut definition = String::new();
        for line in inside {
            if let Some(text) = line.strip_prefix("    ///") {
                comment.push(text.strip_prefix(' ').unwrap_or(text));
                continue;
            }
            definition += line.trim();
            // A setter whose arguments do not fit in one line goes on.
            if definition.starts_with("pub fn ") && !line.ends_with('{') {
                definition.push(' ');
                continue;
            }
            knobs.extend(knob(owner, &definition, &comment));
            comment.clear();
            definition.clear();
        }
    }
    knobs
}

/// The knob that is defined so, if any.
fn knob(owner: &'static str, definition: &str, comment: &[&str]) -> Option<Knob> {
    let (name, shown) = match definition.strip_prefix("pub fn ") {
        None => {
            let (name, _) = definition.strip_prefix("pub ")?.split_once(':')?;
            (name, format!("{owner}::{name}"))
        }
        Some(setter) => {
            let (name, rest) = setter.split_once(['(', '<'])?;
            // What is generic stands before.
            let (_, arguments) = rest.strip_suffix(") -> Config {")?.split_once("self")?;
            let names = arguments.split(", ").filter_map(|argument| Some(argument.split_once(": ")?.0));
            (name, format!("{name}({})", names.collect::<Vec<_>>().join(", ")))
        }
    };
    // `or` joins two of them.
    (name != "or").then(|| {
        let default = item(comment, "* Default: ");
        assert!(!default.is_empty(), "{owner}::{name} does not say \"* Default: …\"");
        let (why, extremes) = (item(comment, "* Why: "), item(comment, "* Extremes: "));
        Knob { owner, name: name.to_owned(), shown, default, why, extremes }
    })
}

/// What stands behind a label, on its own line and on those that go on from it.
fn item(comment: &[&str], label: &str) -> String {
    let mut lines = comment.iter().skip_while(|line| !line.starts_with(label));
    let first = lines.next().map(|line| &line[label.len()..]);
    let more = lines.map_while(|line| line.strip_prefix("  "));
    first.into_iter().chain(more).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use entreat_core::Config;
    use std::fmt::Debug;

    #[test]
    fn the_tables_say_what_the_knobs_say() {
        let made = document(&knobs());
        let differing = made.lines().zip(DOCUMENT.lines()).find(|(made, written)| made != written);
        assert!(made == DOCUMENT, "run `make config-table`: {differing:?}");
    }

    #[test]
    fn every_knob_stands_in_a_table() {
        for knob in knobs() {
            assert!(DOCUMENT.contains(&knob.row()), "{}::{} is in no table", knob.owner, knob.name);
        }
    }

    #[test]
    fn every_file_of_knobs_is_read() {
        let parts = SOURCES[0].2.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        assert_eq!(parts.collect::<Vec<_>>(), ["hooks", "messages", "network", "policies", "proxies"]);
    }

    macro_rules! values {
        ($($owner:literal: $rules:expr, $($field:ident)+;)*) => {
            vec![$($((concat!($owner, "::", stringify!($field)), show(&$rules.$field)),)+)*]
        };
    }

    #[test]
    fn the_defaults_are_those_of_config() {
        let settings = Config::new().resolve().unwrap();
        let (network, expect) = (&settings.network, &settings.messages.expect);
        let mut values = values! {
            "Config": settings, decompress cookies hsts trust_environment max_body proxies proxy_headers auth;
            "Timeout": settings.timeout, connect read write pool total;
            "RedirectRules": settings.redirects, follow limit allow_downgrade style;
            "RetryRules": settings.retries, total connect read status statuses methods backoff max_backoff jitter;
            "RetryRules": settings.retries, retry_after max_retry_after;
            "PoolRules": settings.pool, idle_per_origin idle_total idle_timeout max_age per_origin total;
            "TlsRules": settings.tls, extra_roots accept_any_certificate pins crls accept_unknown_revocation;
            "TlsRules": settings.tls, identity min_version max_version server_name verify_name;
            "TlsRules": settings.tls, send_server_name key_log;
            "SocketOptions": network.socket, nodelay send_buffer receive_buffer user_timeout raw;
            "Config": network, resolver local_address interface unix_socket;
            "ExpectRules": expect, from wait;
            "Expansion": settings.messages.expansion, ratio;
            "HeadLimits": settings.head_limits, fields;
        };
        values.extend([
            ("Config::happy_eyeballs", show(&network.stagger)),
            ("Config::dns_cache", show(&network.cache)),
            ("Config::address_family", format!("Family::{:?}", network.family)),
            ("Config::guard", format!("Guard::{:?}", network.guard.guard)),
            ("Config::guard_allow", show(&network.guard.allow)),
            ("HeadLimits::bytes", format!("{} KiB", settings.head_limits.bytes >> 10)),
            ("Expansion::free", format!("{} MiB", settings.messages.expansion.free >> 20)),
        ]);
        let knobs = knobs();
        for (name, value) in values {
            let (owner, field) = name.split_once("::").unwrap();
            let knob = knobs.iter().find(|knob| knob.owner == owner && knob.name == field).expect(name);
            let told = knob.default.replace('`', "");
            // What nothing is set for is told in words.
            let words = ["true", "false", "0"].iter().all(|word| !told.starts_with(word));
            assert!(
                told.starts_with(&value) || (value == "none" && words),
                "{name} is {value}, told is {told:?}"
            );
        }
    }

    /// As people write it: `10 s`, `none`, `408, 429`.
    fn show(value: &impl Debug) -> String {
        let text = format!("{value:?}");
        let text = text.strip_prefix("Some(").and_then(|text| text.strip_suffix(')')).unwrap_or(&text);
        let text = text.trim_matches(['[', ']']).replace('"', "");
        let number = text.trim_end_matches(['m', 's']);
        match (text.as_str(), &text[number.len()..]) {
            ("None" | "", _) => "none".to_owned(),
            (_, unit @ ("s" | "ms")) if number.parse::<f64>().is_ok() => format!("{number} {unit}"),
            (text, _) => text.to_owned(),
        }
    }
}
