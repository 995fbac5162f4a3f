//! The options of TLS: whom to trust, what to show, which versions.
//!
//! Named as curl names them. What they mean is decided by the crate's `TlsRules`.

use crate::failure::Failure;
use clap::Args;
use entreat::{Identity, Material, Pin, Roots, TlsRules, TlsVersion};
use std::path::PathBuf;

#[derive(Debug, Default, Args)]
pub(crate) struct Security {
    /// Accept any certificate: anyone can listen in
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Trust this PEM file or directory, nothing else
    #[arg(long, value_name = "PATH")]
    cacert: Option<PathBuf>,

    /// Show the server this certificate: PEM or PKCS#12
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// The certificate's key, if in another file
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    // Whoever is on the same machine can read a command's arguments, and not its environment.
    /// The key's passphrase [or $ENTREAT_PASS]
    #[arg(long, value_name = "PHRASE", requires = "cert")]
    pass: Option<String>,

    /// Accept no server but that of this key or print
    #[arg(long, value_name = "PIN")]
    pinnedpubkey: Vec<String>,

    /// Refuse what this list says is revoked
    #[arg(long, value_name = "PATH")]
    crlfile: Vec<PathBuf>,

    /// Speak TLS 1.2 or later [default]
    #[arg(long = "tlsv1.2", overrides_with = "tls13")]
    tls12: bool,

    /// Speak TLS 1.3 or later
    #[arg(long = "tlsv1.3", overrides_with = "tls12")]
    tls13: bool,

    /// Speak no later TLS than this: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", value_parser = ["1.2", "1.3"], hide_possible_values = true)]
    tls_max: Option<String>,
}

impl Security {
    /// What they come to.
    pub(crate) fn rules(&self) -> Result<TlsRules, Failure> {
        let pins = self.pinnedpubkey.iter().flat_map(|list| list.split(';'));
        Ok(TlsRules {
            roots: self.cacert.clone().map_or(Roots::System, Roots::Path),
            accept_any_certificate: self.insecure,
            identity: self.identity(),
            pins: pins.map(Pin::parse).collect::<Result<_, _>>()?,
            crls: self.crlfile.iter().cloned().map(Material::File).collect(),
            min_version: if self.tls13 { TlsVersion::Tls13 } else { TlsVersion::Tls12 },
            max_version: match self.tls_max.as_deref() {
                Some("1.2") => TlsVersion::Tls12,
                Some(_) | None => TlsVersion::Tls13,
            },
            ..TlsRules::default()
        })
    }

    fn identity(&self) -> Option<Identity> {
        let identity = Identity::files(self.cert.clone()?, self.key.clone());
        let passphrase = self.pass.clone().or_else(|| std::env::var("ENTREAT_PASS").ok());
        Some(match passphrase {
            Some(passphrase) => identity.passphrase(passphrase),
            None => identity,
        })
    }
}
