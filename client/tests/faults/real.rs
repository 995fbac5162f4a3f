//! A case over real sockets, with a clock and an eye on memory.

use crate::judge;
use entreat::Deadline;
use entreat::net::Net;
use entreat::net::blocking::{Blocking, block};
#[cfg(unix)]
use entreat::net::nested::{self, Nested};
use entreat::net::tokio::Tokio;
use entreat::session::Session;
use entreat_testkit::ca::Authority;
use entreat_testkit::faults::{Case, Stage};
use libtest_mimic::Failed;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Beyond what any case may take: what reaches it hangs.
const HANG: Duration = Duration::from_secs(60);

pub(crate) fn blocking(case: &Case) -> Result<(), Failed> {
    guarded(case, |case| block(body(case, Blocking::default(), async |pause| std::thread::sleep(pause))))
}

pub(crate) fn tokio(case: &Case) -> Result<(), Failed> {
    guarded(case, |case| {
        let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be made").block_on(body(case, Tokio, ::tokio::time::sleep))
    })
}

#[cfg(unix)]
pub(crate) fn nested(case: &Case) -> Result<(), Failed> {
    guarded(case, |case| {
        let net = Nested::new().expect("descriptors are left");
        let sleep = async |pause| {
            let slept = net.sleep_until(Instant::now() + pause, Deadline::NEVER).await;
            slept.expect("there is no deadline");
        };
        nested::block_on(&net, body(case, net.clone(), sleep))
    })
}

/// On a thread of its own, so that a hang is a failure.
fn guarded(
    case: &Case,
    judge: impl FnOnce(&Case) -> Result<(), Failed> + Send + 'static,
) -> Result<(), Failed> {
    let (done, wait) = mpsc::channel();
    let own = case.clone();
    std::thread::spawn(move || done.send(judge(&own)));
    match wait.recv_timeout(HANG) {
        Ok(verdict) => verdict,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(format!("{}: hangs", case.name).into()),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(format!("{}: panicked", case.name).into()),
    }
}

async fn body<N: Net>(case: &Case, net: N, sleep: impl AsyncFn(Duration)) -> Result<(), Failed> {
    let authority = case.tls.map(|_| Authority::new());
    let unused = Authority::new();
    let stage = Stage::start(case, authority.as_ref().unwrap_or(&unused));
    let config = judge::config(case, authority.as_ref().map(Authority::pem));
    let session = Session::new(net, config).expect("the settings are valid");
    for (index, ask) in case.asks.iter().enumerate() {
        if !ask.pause.is_zero() {
            sleep(ask.pause).await;
        }
        judge::prepare(ask);
        let (start, before) = (Instant::now(), memory::start());
        judge::ask(&session, case, ask, &stage.url(index)).await?;
        judge::time(case, start.elapsed())?;
        let taken = memory::peak().saturating_sub(before);
        if taken > case.memory {
            return Err(format!("{}: took {taken} bytes of memory", case.name).into());
        }
    }
    let seen = stage.seen();
    judge::peer(case, seen.connections, &seen.requests)
}

/// The memory of this process, as Linux tells it; elsewhere nothing is known, and nothing is judged.
mod memory {
    /// Forgets the peak so far; returns what is in use.
    pub(super) fn start() -> u64 {
        // Not allowed everywhere; then the peak is that of the whole process.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        status("VmRSS:")
    }

    pub(super) fn peak() -> u64 {
        status("VmHWM:")
    }

    fn status(wanted: &str) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(wanted)).unwrap_or_default();
        let kilobytes = line.trim().trim_end_matches("kB").trim().parse::<u64>();
        kilobytes.unwrap_or_default() * 1024
    }
}
