//! In which process we are: counted by forks, so that a child does not use the connections of its parent.
//!
//! Both would read from one socket, and each would find half of an answer. `engine` compares the number of a connection
//! with [`generation`] before it uses it. What a fork finds locked stays locked in the child, as with every library that
//! has threads: a program that forks while others are sending makes a new client in the child.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// How often the process has forked since [`watch`], on the way from its first ancestor to here.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Counts forks from now on. Cheap after the first call.
pub(crate) fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(register);
}

#[cfg(unix)]
fn register() {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only adds to an atomic, which is safe between fork and exec, and lives as long as the program.
    // Where memory for it is lacking, forks are not noticed; nothing else depends on it.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(unix))]
fn register() {}
