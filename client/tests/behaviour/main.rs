//! What the engine does, as sentences, each tried over every net: blocking, tokio, nested, and scripted.
//!
//! A test is a generic `async` body over a [`support::Bench`]; `behaviour!` makes four of it. Peers play scripts
//! (`entreat::net::scripted`), in memory or over loopback. Where time matters, the scripted net is exact, and the real
//! ones only have to have waited long enough: nothing here depends on a machine being fast.
//!
//! What can be said without Rust is data, played by Python as well: `cases`.

mod abandoned;
mod auth;
mod bad_input;
mod broken;
mod cancellation;
mod cases;
mod compress;
mod concurrency;
mod connecting;
mod content;
mod cookies;
mod exchange;
mod expect;
mod faces;
mod guard;
mod hsts;
mod limits;
mod multipart;
mod names;
mod proxies;
mod proxies_in_tls;
mod rates;
mod reading;
mod redirects;
mod retries;
mod reuse;
mod runtimes;
#[cfg(unix)]
mod sockets;
mod streams;
mod support;
mod time;
mod timings;
mod tls;
mod tls_matrix;
mod tls_rules;
mod upgrade;
mod upload;
