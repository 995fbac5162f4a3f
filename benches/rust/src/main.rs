//! The Rust clients of the benchmark: `entreat-bench-clients CLIENT URL (--seconds S | --count N)`.
//!
//! Sends `GET URL` by one client, again and again, and prints one line of JSON: how many requests, and the wall time
//! and the process's own CPU time that they took. `clients.py` is the same for Python; `run.py` calls both.
//! Clients with many requests at once are in `many.rs`.

use entreat::net::Net;
use entreat::net::nested::{self, Nested};
use entreat::net::tokio::Tokio;
use entreat::session::Session;
use entreat::{Client, Config, Request};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

mod many;

const USAGE: &str = "usage: entreat-bench-clients CLIENT URL (--seconds S | --count N)";
const WARM_UP: u32 = 200;

type Outcome<T> = Result<T, Box<dyn Error + Sync + std::marker::Send>>;
/// Sends so many requests and returns how long the body of each answer was.
type Send = Box<dyn FnMut(u32) -> Outcome<usize>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, url, unit, amount] = arguments.as_slice() else { return Err(USAGE.into()) };
    let mut send = client_named(client, url)?;
    let expected = send(1)?;
    if expected == 0 {
        return Err("the answer has no body".into());
    }
    let count = match unit.as_str() {
        "--count" => amount.parse()?,
        "--seconds" => count_for(Duration::from_secs_f64(amount.parse()?), &mut send)?,
        _ => return Err(USAGE.into()),
    };
    let (started, cpu_before) = (Instant::now(), cpu_time());
    if send(count)? != expected {
        return Err("an answer differs from the first".into());
    }
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_time() - cpu_before);
    println!("{{\"requests\": {count}, \"wall\": {wall}, \"cpu\": {cpu}}}");
    Ok(())
}

/// How many requests fill that time, judged by the second half of a warm-up.
fn count_for(time: Duration, send: &mut Send) -> Outcome<u32> {
    send(WARM_UP / 2)?;
    let started = Instant::now();
    send(WARM_UP / 2)?;
    let each = started.elapsed() / (WARM_UP / 2);
    Ok((time.as_nanos() / each.as_nanos().max(1)) as u32 + 1)
}

fn client_named(name: &str, url: &str) -> Outcome<Send> {
    Ok(match name {
        "rust-raw" => {
            let mut raw = Raw::new(url)?;
            let mut stream = raw.connect()?;
            each(move || raw.exchange(&mut stream))
        }
        "rust-raw-new" => {
            let mut raw = Raw::new(url)?;
            each(move || raw.connect().map_err(Into::into).and_then(|mut stream| raw.exchange(&mut stream)))
        }
        "rust-entreat" => {
            let (client, url) = (Client::new(), url.to_owned());
            each(move || Ok(client.get(&url)?.bytes()?.len()))
        }
        "rust-ureq" => {
            let (agent, url) = (ureq::Agent::new_with_defaults(), url.to_owned());
            each(move || Ok(agent.get(&url).call()?.body_mut().read_to_vec()?.len()))
        }
        "rust-tokio" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (session, url) = (Session::new(Tokio, Config::new())?, url.to_owned());
            Box::new(move |count| runtime.block_on(awaited(&session, &url, count)))
        }
        "rust-nested" => {
            let net = Nested::new()?;
            let (session, url) = (Session::new(net.clone(), Config::new())?, url.to_owned());
            Box::new(move |count| nested::block_on(&net, awaited(&session, &url, count)))
        }
        _ => many::client_named(name, url)?,
    })
}

fn each(mut send: impl FnMut() -> Outcome<usize> + 'static) -> Send {
    Box::new(move |count| (0..count).try_fold(0, |before, _| same(before, send()?)))
}

/// By an async net: the loop is entered once for all of them.
async fn awaited<N: Net>(session: &Session<N>, url: &str, count: u32) -> Outcome<usize> {
    let mut length = 0;
    for _ in 0..count {
        let mut answer = session.deliver(Request::get(url)).await?;
        length = same(length, answer.incoming().read_to_end().await?.len())?;
    }
    Ok(length)
}

fn same(before: usize, length: usize) -> Outcome<usize> {
    match before == 0 || before == length {
        true => Ok(length),
        false => Err("an answer differs from the one before".into()),
    }
}

/// The least that a client can do: send fixed bytes, then read as many as the first answer had.
struct Raw {
    address: String,
    request: Vec<u8>,
    buffer: Vec<u8>,
    /// Head and body of the first answer.
    answer: Option<(usize, usize)>,
}

impl Raw {
    fn new(url: &str) -> Outcome<Raw> {
        let rest = url.strip_prefix("http://").ok_or("http:// only")?;
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n").into_bytes();
        Ok(Raw { address: address.to_owned(), request, buffer: vec![0; 64 * 1024], answer: None })
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The lengths of an answer's head and body.
    fn measure(&mut self) -> Outcome<(usize, usize)> {
        let mut stream = self.connect()?;
        self.exchange(&mut stream)?;
        self.answer.ok_or_else(|| "the answer has no end".into())
    }

    fn exchange(&mut self, stream: &mut TcpStream) -> Outcome<usize> {
        stream.write_all(&self.request)?;
        let mut received = 0;
        loop {
            let count = stream.read(&mut self.buffer[received..])?;
            if count == 0 {
                return Err("the server closed".into());
            }
            received += count;
            self.answer = self.answer.or_else(|| announced(&self.buffer[..received]));
            match self.answer {
                Some((head, body)) if received >= head + body => return Ok(body),
                Some(_) | None => {}
            }
        }
    }
}

/// The lengths of head and body, once the head is complete.
fn announced(received: &[u8]) -> Option<(usize, usize)> {
    let head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&received[..head]).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(": "));
    let (_, length) = fields.find(|(name, _)| name.eq_ignore_ascii_case("Content-Length"))?;
    Some((head, length.parse().ok()?))
}

/// The CPU time of this process in seconds, its own and the kernel's for it.
fn cpu_time() -> f64 {
    // SAFETY: all zeroes is a valid rusage, and the call writes to one that lives until it returns.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
