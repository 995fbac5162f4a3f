//! A jar that several clients, and the program, use at once.
//!
//! Decides nothing: it is a jar behind a lock, so that what is saved is what is sent.

use super::Jar;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// A jar with any number of owners. Clones share it.
#[derive(Clone, Default)]
pub struct SharedJar(Arc<Mutex<Jar>>);

impl SharedJar {
    /// A jar, to be shared.
    pub fn new(jar: Jar) -> SharedJar {
        SharedJar(Arc::new(Mutex::new(jar)))
    }

    /// The jar, for as long as the guard lives; requests wait meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Jar> {
        // Each change of the jar is one step: what a panicking thread leaves is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`SharedJar::lock`], without waiting; None while somebody has it, which after a fork is for ever.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Jar>> {
        match self.0.try_lock() {
            Ok(jar) => Some(jar),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl fmt::Debug for SharedJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedJar")
    }
}
