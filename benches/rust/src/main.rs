//! The Rust clients of the benchmark: `entreat-bench-clients CLIENT URL (--seconds S | --count N)`.
//!
//! Sends `GET URL` by one client, again and again, and prints one line of JSON: how many requests, and the wall time
//! and the process's own CPU time that they took. `clients.py` is the same for Python; `run.py` calls both.

use entreat::Client;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: entreat-bench-clients CLIENT URL (--seconds S | --count N)";
const WARM_UP: u32 = 200;

type Outcome<T> = Result<T, Box<dyn Error>>;
/// Sends one request and returns how long the body of its answer was.
type Send = Box<dyn FnMut() -> Outcome<usize>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, url, unit, amount] = arguments.as_slice() else { return Err(USAGE.into()) };
    let mut send = client_named(client, url)?;
    let expected = send()?;
    if expected == 0 {
        return Err("the answer has no body".into());
    }
    let count = match unit.as_str() {
        "--count" => amount.parse()?,
        "--seconds" => count_for(Duration::from_secs_f64(amount.parse()?), &mut send)?,
        _ => return Err(USAGE.into()),
    };
    let (started, cpu_before) = (Instant::now(), cpu_time());
    for _ in 0..count {
        if send()? != expected {
            return Err("an answer differs from the first".into());
        }
    }
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_time() - cpu_before);
    println!("{{\"requests\": {count}, \"wall\": {wall}, \"cpu\": {cpu}}}");
    Ok(())
}

/// How many requests fill that time, judged by the second half of a warm-up.
fn count_for(time: Duration, send: &mut Send) -> Outcome<u32> {
    for _ in 0..WARM_UP / 2 {
        send()?;
    }
    let started = Instant::now();
    for _ in 0..WARM_UP / 2 {
        send()?;
    }
    let each = started.elapsed() / (WARM_UP / 2);
    Ok((time.as_nanos() / each.as_nanos().max(1)) as u32 + 1)
}

fn client_named(name: &str, url: &str) -> Outcome<Send> {
    Ok(match name {
        "rust-raw" => {
            let mut raw = Raw::new(url)?;
            let mut stream = raw.connect()?;
            Box::new(move || raw.exchange(&mut stream))
        }
        "rust-raw-new" => {
            let mut raw = Raw::new(url)?;
            Box::new(move || {
                raw.connect().map_err(Into::into).and_then(|mut stream| raw.exchange(&mut stream))
            })
        }
        "rust-entreat" => {
            let (client, url) = (Client::new(), url.to_owned());
            Box::new(move || Ok(client.get(&url)?.bytes()?.len()))
        }
        "rust-ureq" => {
            let (agent, url) = (ureq::Agent::new_with_defaults(), url.to_owned());
            Box::new(move || Ok(agent.get(&url).call()?.body_mut().read_to_vec()?.len()))
        }
        _ => return Err(format!("unknown client {name}").into()),
    })
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
