//! What proxies answer: to CONNECT, and in SOCKS 4 and 5. Input: which of them, how many pieces the bytes arrive in, then
//! the bytes.
//!
//! The answer must mean the same however it was cut, above all where the tunnel begins: what is behind that is the
//! origin's.

#![no_main]

use entreat_core::h1::HeadLimits;
use entreat_core::policy::proxy::Server;
use entreat_core::socks::{Handshake, Refusal, Step as Socks, Target};
use entreat_core::tunnel::{Step, Tunnel};
use libfuzzer_sys::fuzz_target;

const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 100 };

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Behind so many bytes the origin speaks.
    Open(usize),
    Refused(Option<Refusal>),
    /// It is no answer, or not all of one: faults show when the bytes around them are there, perhaps not before the end.
    Broken,
}

fuzz_target!(|input: &[u8]| {
    let [which, pieces, wire @ ..] = input else { return };
    let play = |pieces| match which % 3 {
        0 => tunnel(wire, pieces),
        1 => socks("socks5h://user:secret@proxy.test", wire, pieces),
        _ => socks("socks4a://user@proxy.test", wire, pieces),
    };
    assert_eq!(play(1), play(1 + usize::from(*pieces)));
});

fn tunnel(wire: &[u8], pieces: usize) -> End {
    let mut tunnel = Tunnel::new(LIMITS);
    let mut done = 0;
    for piece in 1..=pieces {
        match tunnel.receive(&wire[done..wire.len() * piece / pieces]) {
            Ok(Step::More(taken)) => done += taken,
            Ok(Step::Open(taken)) => return End::Open(done + taken),
            Err(error) => {
                drop(error.to_string());
                return if tunnel.is_refused() || error.status().is_some() {
                    End::Refused(None)
                } else {
                    End::Broken
                };
            }
        }
    }
    let refused = tunnel.is_refused();
    drop(tunnel.end(&wire[done..]).to_string());
    if refused { End::Refused(None) } else { End::Broken }
}

fn socks(proxy: &str, wire: &[u8], pieces: usize) -> End {
    let server = Server::parse(proxy).expect("a proxy's URL");
    let target = Target::Name("origin.test".to_owned());
    let (mut handshake, _) = Handshake::new(&server, &target, 443).expect("a name that SOCKS can say");
    let mut done = 0;
    for piece in 1..=pieces {
        loop {
            match handshake.receive(&wire[done..wire.len() * piece / pieces]) {
                Ok(Socks::More) => break,
                Ok(Socks::Send(taken, _)) => done += taken,
                Ok(Socks::Open(taken)) => return End::Open(done + taken),
                Ok(Socks::Refused(refusal)) => {
                    drop(refusal.into_error().to_string());
                    return End::Refused(Some(refusal));
                }
                Err(error) => {
                    drop(error.to_string());
                    return End::Broken;
                }
            }
        }
    }
    drop(handshake.end(&wire[done..]).to_string());
    End::Broken
}
