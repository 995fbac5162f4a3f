//! Cookies between the requests of one session (RFC 6265); the rules themselves are proved in core.

use crate::support::*;
use entreat::net::scripted::{ReceivedRequest, Step};
use entreat::{Client, Config, Kind, SharedJar};

fn set(cookies: &[&str]) -> Step {
    let fields: String = cookies.iter().map(|cookie| format!("Set-Cookie: {cookie}\r\n")).collect();
    response("200 OK", &fields, "")
}

fn cookie(request: &ReceivedRequest) -> Option<&str> {
    request.header("Cookie")
}

behaviour!(clients_that_share_a_jar_share_their_cookies, |bench| {
    let peer = bench.peer_for_all([Step::Expect, set(&["a=1"]), Step::Again]);
    let jar = SharedJar::default();
    for _ in 0..2 {
        let session = bench.session_with(Config::new().cookie_jar(jar.clone()));
        fetch(&session, peer.get("/")).await.unwrap();
    }
    let requests = peer.log.requests();
    assert_eq!(requests.iter().map(cookie).collect::<Vec<_>>(), [None, Some("a=1")]);
    assert_eq!(jar.lock().get("a").unwrap().value, b"1");
});

/// A client with two cookies, one of them with all that a cookie can have.
fn furnished() -> Client {
    let client = Client::new();
    client.cookies().add_netscape("#HttpOnly_a.test\tFALSE\t/deep\tTRUE\t4102444800\tb\t2\n").unwrap();
    client.cookies().set("a", "hush", "a.test").unwrap();
    client
}

#[test]
fn a_program_sees_and_changes_the_cookies_of_its_client() {
    let cookies = furnished().cookies();
    assert_eq!((cookies.len(), cookies.get("a").unwrap().value), (2, b"hush".to_vec()));
    assert!(!format!("{:?} {:?}", cookies, cookies.all()).contains("hush"));
    assert_eq!((cookies.remove("a", Some("b.test")), cookies.remove("a", None)), (0, 1));
    cookies.clear();
    assert!(cookies.is_empty());
}

#[test]
fn cookies_are_saved_and_loaded_in_both_formats() {
    for name in ["cookies.txt", "cookies.JSON"] {
        let folder = std::env::temp_dir().join(format!("entreat-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (saved, path) = (furnished().cookies(), folder.join(name));
        // The second time replaces a file that is there.
        saved.save(&path).unwrap();
        saved.save(&path).unwrap();
        let loaded = Client::new().cookies();
        loaded.load(&path).unwrap();
        assert_eq!(loaded.all(), saved.all(), "{name}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn files_that_hold_no_cookies_are_refused_with_their_name() {
    let cookies = furnished().cookies();
    for (text, path) in [("hush", "a.txt"), ("{}", "a.json"), ("[{\"name\": \"hush\"}]", "b.json")] {
        let path = std::env::temp_dir().join(format!("entreat-{}-{path}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let error = cookies.load(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(error.kind(), Kind::InvalidConfig);
        let shown = error.to_string();
        assert!(shown.contains(path.to_str().unwrap()) && !shown.contains("hush"), "{shown}");
    }
    assert_eq!(cookies.load("/nonexistent/cookies.txt").unwrap_err().kind(), Kind::InvalidConfig);
    assert_eq!(cookies.len(), 2);
}
