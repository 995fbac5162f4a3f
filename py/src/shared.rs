//! The connections of `requests.get` and its like: calls without a session share them, for a second.
//!
//! Opening a connection for each call is what makes such calls slow. But an idle connection hangs a server that waits for
//! all of them to end, as `http.server` does in many a test. So idle ones are closed actively, within [`IDLE`], by a
//! thread that ends with the last of them. Requests that are not idempotent or carry credentials take a connection of
//! their own (`express`). `entreat.api.SHARE_CONNECTIONS = False` turns all of it off.

use crate::interrupt;
use crate::session::current_generation;
use entreat::PoolRules;
use entreat::engine::Engine as Connections;
use entreat::net::blocking::Blocking;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a connection may stay idle.
const IDLE: Duration = Duration::from_millis(800);

/// The connections, and the fork generation that made them. Locked only with the GIL held.
static SHARED: Mutex<Option<(u64, Arc<Connections<Blocking>>)>> = Mutex::new(None);

/// The fork generation, counted from 1, whose closing thread is running; 0 for none. Not a lock: the thread could hold
/// it while another one forks.
static CLOSING: AtomicU64 = AtomicU64::new(0);

/// The connections of this process.
pub(crate) fn connections() -> Arc<Connections<Blocking>> {
    let generation = current_generation();
    let mut slot = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*slot {
        Some((made_in, connections)) if *made_in == generation => return Arc::clone(connections),
        // A thread of the parent may have held a lock inside: dropping could wait for it for ever.
        Some(_) => std::mem::forget(slot.take()),
        None => {}
    }
    let rules = PoolRules { idle_timeout: Some(IDLE), ..PoolRules::default() };
    let connections = Connections::new(interrupt::NET, rules);
    *slot = Some((generation, Arc::clone(&connections)));
    connections
}

/// Makes sure that connections left idle are closed in time. Called without the GIL.
pub(crate) fn close_when_idle(connections: &Arc<Connections<Blocking>>) {
    if connections.idle() == 0 {
        return;
    }
    let generation = current_generation() + 1;
    if CLOSING.swap(generation, Ordering::AcqRel) == generation {
        return;
    }
    let connections = Arc::clone(connections);
    let thread = std::thread::Builder::new().name("entreat-idle".into());
    if thread.spawn(move || close_until_none(&connections, generation)).is_err() {
        CLOSING.store(0, Ordering::Release);
    }
}

fn close_until_none(connections: &Connections<Blocking>, generation: u64) {
    ignore_signals();
    loop {
        while let Some(next) = connections.expire() {
            std::thread::sleep(next.saturating_duration_since(Instant::now()).max(Duration::from_millis(5)));
        }
        CLOSING.store(0, Ordering::Release);
        // Somebody may have left a connection idle just before, and have seen this thread as running.
        let go_on = connections.idle() > 0;
        if !go_on || CLOSING.compare_exchange(0, generation, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return;
        }
    }
}

/// Signals are for Python's threads.
fn ignore_signals() {
    // SAFETY: the set is filled before it is used; the calls change only this thread's mask.
    unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut());
    }
}
