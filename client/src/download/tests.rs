//! Downloads over a mock: what is asked for, what is kept, and what ends up in the file.

use super::*;
use crate::mock::{Mock, Reply, Route, Sent};
use crate::{Client, Config};
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const WHOLE: &str = "0123456789";
const URL: &str = "http://a.test/file?token=secret";
/// Of `WHOLE`.
const SHA256: &str = "84D89877F0D4041EFB6BF91A16F0248F2FD573E6AF05C19F96BEDB9F882F7882";

/// A directory of its own, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("entreat-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("file")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn client(mock: &Mock) -> Client {
    Client::with_transport(mock.clone(), Config::new()).unwrap()
}

/// The first half of the file, of version `v1`, and then the connection breaks.
fn half() -> Reply {
    Reply::status(200).header("ETag", "\"v1\"").body(&WHOLE.as_bytes()[..5]).cut_short()
}

fn rest() -> Reply {
    Reply::status(206).header("ETag", "\"v1\"").header("Content-Range", "bytes 5-9/10").body("56789")
}

/// A download that breaks off in its middle, and what follows it.
fn broken(directory: &Directory, then: impl IntoIterator<Item = Reply>) -> (Mock, Client) {
    let mock = Mock::new();
    let route = mock.on("GET", "/file").reply(half());
    then.into_iter().fold(route, Route::reply);
    let client = client(&mock);
    let error = client.download(URL, directory.file()).unwrap_err();
    assert_eq!(error.kind(), Kind::ClosedEarly);
    assert!(error.hint_text().unwrap().contains("file.part"), "{error}");
    assert_eq!(directory.names(), ["file.part", "file.part.from"]);
    (mock, client)
}

fn range(sent: &Sent) -> (Option<&str>, Option<&str>) {
    (sent.header("Range"), sent.header("If-Range"))
}

#[test]
fn what_came_whole_is_in_the_file_and_nothing_beside_it() {
    let (directory, mock) = (Directory::new(), Mock::new());
    mock.on("GET", "/file").reply(Reply::text(WHOLE).header("ETag", "\"v1\""));
    fs::write(directory.file(), "before").unwrap();
    let done = client(&mock).download(URL, directory.file()).unwrap();
    assert_eq!(done, Downloaded { path: directory.file(), length: 10, resumed_from: 0 });
    assert_eq!(fs::read_to_string(directory.file()).unwrap(), WHOLE);
    assert_eq!(directory.names(), ["file"]);
    assert_eq!(
        (range(&mock.requests()[0]), mock.requests()[0].header("Accept-Encoding")),
        ((None, None), Some("identity"))
    );
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let directory = Directory::new();
    let (mock, client) = broken(&directory, [rest()]);
    assert!(!fs::read_to_string(directory.0.join("file.part.from")).unwrap().contains("secret"));
    let notes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&notes);
    let download = Download::new(Request::get(URL), directory.file())
        .sha256(SHA256)
        .on_progress(move |progress| told.lock().unwrap().push((progress.done, progress.total)));
    let done = client.run_download(&download).unwrap();
    assert_eq!((done.length, done.resumed_from), (10, 5));
    assert_eq!(fs::read_to_string(directory.file()).unwrap(), WHOLE);
    assert_eq!(directory.names(), ["file"]);
    assert_eq!(range(&mock.requests()[1]), (Some("bytes=5-"), Some("\"v1\"")));
    assert_eq!(*notes.lock().unwrap(), [(5, Some(10)), (10, Some(10))]);
}

#[test]
fn a_rest_may_come_in_parts() {
    let directory = Directory::new();
    let part = |range: &str, bytes: &str| Reply::status(206).header("Content-Range", range).body(bytes);
    let (mock, client) = broken(&directory, [part("bytes 5-6/10", "56"), part("bytes 7-9/10", "789")]);
    assert_eq!(client.download(URL, directory.file()).unwrap().resumed_from, 7);
    assert_eq!(fs::read_to_string(directory.file()).unwrap(), WHOLE);
    assert_eq!(range(&mock.requests()[2]).0, Some("bytes=7-"));
}

#[test]
fn another_version_comes_whole() {
    let whole = || Reply::text("another version").header("ETag", "\"v2\"");
    let wrong =
        Reply::status(206).header("ETag", "\"v2\"").header("Content-Range", "bytes 5-9/10").body("other");
    let longer = Reply::status(416).header("Content-Range", "bytes */5");
    // The server notices; we notice, at its 206; it looks at the range before the version.
    for replies in [vec![whole()], vec![wrong, whole()], vec![longer, whole()]] {
        let directory = Directory::new();
        let (mock, client) = broken(&directory, replies);
        let done = client.download(URL, directory.file()).unwrap();
        assert_eq!((done.length, done.resumed_from), (15, 0));
        assert_eq!(fs::read_to_string(directory.file()).unwrap(), "another version");
        assert_eq!(directory.names(), ["file"]);
        mock.assert_all_used();
    }
}

#[test]
fn all_that_is_missing_may_be_the_name() {
    let directory = Directory::new();
    let complete = Reply::status(416).header("ETag", "\"v1\"").header("Content-Range", "bytes */5");
    let (_, client) = broken(&directory, [complete]);
    assert_eq!(client.download(URL, directory.file()).unwrap().resumed_from, 5);
    assert_eq!(fs::read_to_string(directory.file()).unwrap(), "01234");
}

#[test]
fn an_error_of_the_server_leaves_what_is_there() {
    let directory = Directory::new();
    let (_, client) = broken(&directory, [Reply::status(503).body("later"), rest()]);
    let error = client.download(URL, directory.file()).unwrap_err();
    assert_eq!((error.kind(), error.status()), (Kind::Status, Some(503)));
    assert!(error.to_string().contains("later"), "{error}");
    assert_eq!(client.download(URL, directory.file()).unwrap().resumed_from, 5);
}

#[test]
fn a_wrong_checksum_leaves_nothing() {
    let (directory, mock) = (Directory::new(), Mock::new());
    mock.on("GET", "/file").reply("something else");
    let download = Download::new(Request::get(URL), directory.file()).sha256(SHA256);
    assert_eq!(client(&mock).run_download(&download).unwrap_err().kind(), Kind::InvalidContent);
    assert!(directory.names().is_empty());
}

#[test]
fn a_range_that_is_not_what_it_says_is_an_error_and_leaves_nothing() {
    for body in ["567", "56789more"] {
        let directory = Directory::new();
        let lying = Reply::status(206).header("Content-Range", "bytes 5-9/10").body(body);
        let (_, client) = broken(&directory, [lying]);
        let error = client.download(URL, directory.file()).unwrap_err();
        assert_eq!(error.kind(), Kind::MalformedResponse, "{error}");
        assert!(directory.names().is_empty());
    }
}

#[test]
fn nothing_is_resumed_without_a_version_or_for_another_url() {
    let cases = [
        (Reply::status(200).header("ETag", "W/\"weak\""), URL),
        (Reply::status(200), URL),
        (half(), "http://a.test/file?token=other"),
    ];
    for (first, url) in cases {
        let (directory, mock) = (Directory::new(), Mock::new());
        mock.on("GET", "/file").reply(first.body("01234").cut_short()).reply(WHOLE);
        let client = client(&mock);
        client.download(URL, directory.file()).unwrap_err();
        assert_eq!(client.download(url, directory.file()).unwrap().resumed_from, 0);
        assert_eq!((range(&mock.requests()[1]), directory.names()), ((None, None), vec!["file".to_owned()]));
    }
}

#[test]
fn an_old_date_names_a_version() {
    let (directory, mock) = (Directory::new(), Mock::new());
    let modified = "Thu, 01 Jan 2026 00:00:00 GMT";
    let dated = half().header("Last-Modified", modified).header("Date", "Thu, 01 Jan 2026 00:10:00 GMT");
    let weak = Reply { headers: Default::default(), ..dated.clone() };
    let fields = dated.headers.iter().filter(|(name, _)| *name != "ETag");
    let first = fields.fold(weak, |reply, (name, value)| reply.header(name, value));
    let rest = Reply::status(206).header("Content-Range", "bytes 5-9/10").body("56789");
    mock.on("GET", "/file").reply(first).reply(rest);
    let client = client(&mock);
    client.download(URL, directory.file()).unwrap_err();
    assert_eq!(client.download(URL, directory.file()).unwrap().resumed_from, 5);
    assert_eq!(range(&mock.requests()[1]).1, Some(modified));
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let (directory, mock) = (Directory::new(), Mock::new());
    let download = |request: Request| Download::new(request, directory.file());
    let client = client(&mock);
    let kind = |download: Download| client.run_download(&download).unwrap_err().kind();
    assert_eq!(kind(download(Request::get(URL).header("Range", "bytes=0-1"))), Kind::InvalidHeader);
    assert_eq!(kind(download(Request::get(URL)).sha256("abc")), Kind::InvalidConfig);
    assert_eq!(kind(download(Request::get("a.test"))), Kind::MissingScheme);
    assert!(mock.requests().is_empty());
    mock.on("GET", "/file").reply(WHOLE);
    let nowhere = client.download(URL, directory.0.join("missing/file")).unwrap_err();
    assert_eq!(nowhere.kind(), Kind::InvalidConfig);
}
