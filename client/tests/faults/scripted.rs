//! A case in memory, where every await suspends and time is virtual.

use crate::judge;
use entreat::net::scripted::{Log, Script, Scripted, Scripts, Step};
use entreat::session::Session;
use entreat_testkit::faults::{Act, Case};
use libtest_mimic::Failed;

/// Floods beyond this are left to real sockets.
const LARGEST: u64 = 1 << 20;

/// Judges a case, where a script can say what its peer does; the others are left to real sockets.
pub(crate) fn judge(case: &Case) -> Result<(), Failed> {
    scripts(case).map_or(Ok(()), |scripts| run(case, scripts))
}

/// What the peer does, as scripts; `None` where the net in memory has no words for it.
fn scripts(case: &Case) -> Option<Vec<Script>> {
    if case.tls.is_some() {
        return None;
    }
    case.scripts.iter().map(|acts| script(acts)).collect()
}

fn script(acts: &[Act]) -> Option<Script> {
    let mut script = Script::new();
    for act in acts {
        match act {
            Act::Expect => script.push(Step::Expect),
            Act::ExpectHead => script.push(Step::ExpectHead),
            // A piece of nothing would be the end.
            Act::Send(bytes) if bytes.is_empty() => {}
            Act::Send(bytes) => script.push(Step::Send(bytes.clone())),
            Act::Flood(unit, times) if unit.len() as u64 * times <= LARGEST => {
                script.push(Step::Send(unit.repeat(*times as usize)));
            }
            Act::Drip(bytes, gap) => script.push(Step::Drip(bytes.clone(), *gap)),
            Act::Sleep(duration) => script.push(Step::Sleep(*duration)),
            Act::Echo => script.push(Step::Echo),
            Act::Honest => script.extend((0..40).flat_map(|_| [Step::Expect, Step::Echo])),
            Act::Poison => {
                let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
                script.extend([Step::Expect, Step::send(poison), Step::Hold]);
            }
            Act::Hold => script.push(Step::Hold),
            Act::Reset => script.push(Step::Reset),
            Act::Flood(..)
            | Act::FloodOf(..)
            | Act::Sip(..)
            | Act::Loop(_)
            | Act::Ignore
            | Act::HalfClose
            | Act::Drop
            | Act::Handshake
            | Act::Receive
            | Act::Parrot
            | Act::Drain(_)
            | Act::Raw(_)
            | Act::RawFlood(..)
            | Act::RawDrip(..)
            | Act::KeyUpdates(_) => return None,
        }
    }
    Some(script)
}

fn run(case: &Case, mut scripts: Vec<Script>) -> Result<(), Failed> {
    let honest = vec![Step::Expect, Step::Echo, Step::Again];
    scripts.extend(std::iter::repeat_n(honest, 40));
    let net = Scripted::default();
    let log = Log::default();
    let address = net.listen(Scripts::Each(scripts), log.clone());
    net.run(async {
        let session = Session::new(net.clone(), judge::config(case, None)).expect("the settings are valid");
        for (index, ask) in case.asks.iter().enumerate() {
            net.sleep(ask.pause).await;
            judge::ask(&session, case, ask, &format!("http://{address}/{}/{index}", case.name)).await?;
        }
        let requests: Vec<_> = log.requests().into_iter().map(|request| request.head).collect();
        judge::peer(case, log.connections(), &requests)
    })
}
