//! What stands in for `tls` in a build without that feature: there is never a session, and the error says why.
//!
//! The same names as in `tls`, so that nothing else needs to know which of the two was built.

use entreat_core::{Error, Kind, Result, TlsInfo, TlsRules};

#[derive(Debug, Default)]
pub(crate) struct Contexts {}

impl Contexts {
    pub(crate) fn session(&self, _rules: &TlsRules, _host: &str) -> Result<Session> {
        Err(Error::new(Kind::UnsupportedScheme).seen("https").hint("build with the feature \"tls\""))
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) enum Session {}

impl Session {
    pub(crate) fn is_handshaking(&self) -> bool {
        match *self {}
    }

    pub(crate) fn info(&self) -> TlsInfo {
        match *self {}
    }

    pub(crate) fn incoming(&mut self) -> &mut [u8] {
        match *self {}
    }

    pub(crate) fn received(&mut self, _count: usize) -> Result<()> {
        match *self {}
    }

    pub(crate) fn read(&mut self, _into: &mut [u8]) -> Result<Option<usize>> {
        match *self {}
    }

    pub(crate) fn write(&mut self, _bytes: &[u8]) -> Result<usize> {
        match *self {}
    }

    pub(crate) fn outgoing(&mut self, _into: &mut Vec<u8>) -> Result<()> {
        match *self {}
    }

    pub(crate) fn close(&mut self) {
        match *self {}
    }
}
