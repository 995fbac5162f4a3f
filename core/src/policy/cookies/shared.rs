//! A jar that several clients, and the program, use at once.
//!
//! Decides nothing: it is a jar behind a lock, so that what is saved is what is sent.

use super::Jar;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// A jar with any number of owners. Clones share it.
#[derive(Clone, Default)]
pub struct SharedJar(Arc<Shared>);

#[derive(Default)]
struct Shared {
    jar: Mutex<Jar>,
    /// Somebody has had it locked, and may have put something in.
    touched: AtomicBool,
}

impl SharedJar {
    /// A jar, to be shared.
    pub fn new(jar: Jar) -> SharedJar {
        let touched = AtomicBool::new(!jar.is_empty());
        SharedJar(Arc::new(Shared { jar: Mutex::new(jar), touched }))
    }

    /// The jar, for as long as the guard lives; requests wait meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, Jar> {
        self.0.touched.store(true, Ordering::Relaxed);
        // Each change of the jar is one step: what a panicking thread leaves is whole.
        self.0.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True as long as nobody can have put anything in. Asked before each request, and cheaper than the lock.
    pub fn is_untouched(&self) -> bool {
        !self.0.touched.load(Ordering::Relaxed)
    }

    /// As [`SharedJar::lock`], without waiting; None while somebody has it, which after a fork is for ever.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Jar>> {
        self.0.touched.store(true, Ordering::Relaxed);
        match self.0.jar.try_lock() {
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
