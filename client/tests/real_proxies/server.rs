//! A program of others that runs for the length of a test: its files, its port, its end.

use entreat_testkit::ca::Leaf;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A proxy that runs.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    directory: PathBuf,
}

impl Server {
    pub(crate) fn tinyproxy(credentials: Option<(&str, &str)>) -> Option<Server> {
        let program = installed("tinyproxy", "tinyproxy-bin")?;
        let login =
            credentials.map_or(String::new(), |(user, password)| format!("BasicAuth {user} {password}\n"));
        Some(Server::start(|port, directory| {
            let config = format!("Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\n{login}");
            let mut command = Command::new(&program);
            command.arg("-d").arg("-c").arg(file(directory, "tinyproxy.conf", &config));
            command
        }))
    }

    pub(crate) fn microsocks(credentials: Option<(&str, &str)>) -> Option<Server> {
        let program = installed("microsocks", "microsocks")?;
        Some(Server::start(|port, _| {
            let mut command = Command::new(&program);
            command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
            if let Some((user, password)) = credentials {
                command.args(["-u", user, "-P", password]);
            }
            command
        }))
    }

    /// Takes TLS off, and passes on what was inside.
    pub(crate) fn haproxy(leaf: &Leaf, behind: u16) -> Option<Server> {
        let program = installed("haproxy", "haproxy")?;
        Some(Server::start(|port, directory| {
            let pem = file(directory, "proxy.pem", &format!("{}{}", leaf.certificate_pem, leaf.key_pem));
            let config = format!(
                "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
                 listen proxy\n  bind 127.0.0.1:{port} ssl crt {}\n  server behind 127.0.0.1:{behind}\n",
                pem.display()
            );
            let mut command = Command::new(&program);
            command.arg("-db").arg("-f").arg(file(directory, "haproxy.conf", &config));
            command
        }))
    }

    /// The proxy's URL; `credentials` end with `@` where there are any.
    pub(crate) fn url(&self, scheme: &str, credentials: &str) -> String {
        format!("{scheme}://{credentials}localhost:{}", self.port)
    }

    /// Runs `command` until it listens. Its port was free a moment ago: where somebody was faster, another is tried.
    fn start(command: impl Fn(u16, &Path) -> Command) -> Server {
        for _ in 0..5 {
            let directory = new_directory();
            let port = free_port();
            let mut command = command(port, &directory);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = command.spawn().expect("an installed program starts");
            let mut server = Server { port, child, directory };
            if server.listens() {
                return server;
            }
        }
        panic!("a proxy does not start");
    }

    fn listens(&mut self) -> bool {
        let patience = Instant::now() + Duration::from_secs(20);
        while Instant::now() < patience && matches!(self.child.try_wait(), Ok(None)) {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and that is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Where a program is; where it is not, the test is skipped, or fails where it must not be.
fn installed(name: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps servers where only root looks.
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = places.map(|place| place.join(name)).find(|file| file.is_file());
    if found.is_none() {
        let why = format!("{name} is not installed: apt-get install {package}");
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
        eprintln!("skipped: {why}");
    }
    found
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback can be listened on");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn new_directory() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("real-proxies-{}-{number}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&path).expect("Cargo's directory for tests can be written");
    path
}

fn file(directory: &Path, name: &str, content: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, content).expect("the directory was just made");
    path
}
