//! What entreat decides, and nothing that it does: values in, values out.
//!
//! No I/O, clock, environment, file, thread or async here; `core/clippy.toml` enforces that wall. The engine in
//! the crate `entreat` reads sockets and clocks and asks this crate what they mean.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod byte_set;
pub mod config;
pub mod content;
pub mod deadline;
pub mod dial;
pub mod error;
pub mod exchange;
pub mod h1;
pub mod headers;
pub mod multipart;
pub mod names;
pub mod policy;
pub mod pool;
pub mod response;
pub mod route;
pub mod slots;
pub mod socks;
pub mod tls;
pub mod tunnel;
pub mod url;

pub use config::{Config, Keepalive, Network, RawOption, Redirecting, Retrying, Settings, SocketOptions};
pub use deadline::{Deadline, Deadlines, Timeout};
pub use error::{Blame, Error, Kind, Result};
pub use headers::Headers;
pub use response::{ResponseHead, Version};
pub use tls::{Identity, Material, Passphrase, Pin, Roots, TlsInfo, TlsRules, TlsVersion};
pub use url::{Scheme, Url};
