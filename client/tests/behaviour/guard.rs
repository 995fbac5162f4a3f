//! The guard over addresses: as dialled, on each redirect, behind names and overrides, and for kept connections.

use crate::support::*;
use entreat::net::scripted::Step;
use entreat::{Config, Guard, Kind, Request};

fn guarded() -> Config {
    Config::new().guard(Guard::Public)
}

behaviour!(special_addresses_are_not_dialled_whatever_leads_there, |bench| {
    let peer = bench.peer([]);
    let port = peer.address.port();
    let config = guarded().resolve_to("public.test", peer.address.to_string());
    let session = bench.session_with(config);
    for host in ["127.0.0.1", "0x7f.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "public.test"] {
        let error = failure(&session, Request::get(format!("http://{host}:{port}/"))).await;
        assert_eq!(error.kind(), Kind::BlockedAddress, "{host}: {error}");
    }
    assert_eq!(peer.log.connections(), 0);
});

behaviour!(a_redirect_to_a_special_address_is_not_followed, |bench| {
    let metadata = "Location: http://169.254.169.254/latest\r\n";
    let peer = bench.peer([Step::Expect, response("302 Found", metadata, "")]);
    let session = bench.session_with(guarded().guard_allow("127.0.0.0/8"));
    let error = failure(&session, peer.get("/")).await;
    assert_eq!(error.kind(), Kind::BlockedAddress, "{error}");
    assert!(error.to_string().contains("169.254.169.254 (a cloud's metadata service"), "{error}");
});

behaviour!(of_several_addresses_only_public_ones_are_dialled, |bench| {
    let (inside, peer) = (bench.peer([]), bench.peer([Step::Expect, ok("here")]));
    let addresses = format!("[::1]:{},{}", inside.address.port(), peer.address);
    let session =
        bench.session_with(guarded().guard_allow("127.0.0.1/32").resolve_to("name.test", addresses));
    assert_eq!(fetch(&session, Request::get("http://name.test/")).await.unwrap().text(), "here");
});

behaviour!(a_kept_connection_does_not_outlive_the_guard, |bench| {
    let peer = bench.peer_for_all([Step::Expect, ok("here"), Step::Again]);
    let session = bench.session();
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "here");
    let request = peer.get("/").configure(|config| config.guard(Guard::Public));
    assert_eq!(failure(&session, request).await.kind(), Kind::BlockedAddress);
    assert_eq!(fetch(&session, peer.get("/")).await.unwrap().text(), "here");
    assert_eq!(peer.log.requests_by_connection(), [2]);
});

behaviour!(sockets_of_the_file_system_are_behind_the_guard, |bench| {
    let error = failure(&bench.session_with(guarded()), Request::get("http+unix://%2Frun%2Fx.sock/")).await;
    assert_eq!(error.kind(), Kind::BlockedAddress, "{error}");
});

behaviour!(a_proxy_may_be_anywhere_but_is_not_asked_for_special_addresses, |bench| {
    let proxy = bench.peer([Step::Expect, Step::Echo, Step::Again]);
    let session = bench.session_with(guarded().proxy(&proxy.url("")));
    let url = "http://public.test/";
    assert_eq!(fetch(&session, Request::get(url)).await.unwrap().text(), url);
    // The connection to the proxy is there, and would serve any of these.
    for host in ["127.0.0.1", "0x7f.1", "localhost", "[::1]", "169.254.169.254", "[64:ff9b::a00:1]"] {
        let error = failure(&session, Request::get(format!("http://{host}/"))).await;
        assert_eq!(error.kind(), Kind::BlockedAddress, "{host}: {error}");
    }
    assert_eq!(proxy.log.requests().len(), 1);
});

behaviour!(a_redirect_through_a_proxy_does_not_lead_inside, |bench| {
    let elsewhere = response("302 Found", "Location: http://10.0.0.1/\r\n", "");
    let proxy = bench.peer([Step::Expect, elsewhere, Step::Hold]);
    let session = bench.session_with(guarded().proxy(&proxy.url("")));
    let error = failure(&session, Request::get("http://public.test/")).await;
    assert_eq!(error.kind(), Kind::BlockedAddress, "{error}");
    assert!(error.to_string().contains("10.0.0.1 (private"), "{error}");
});

behaviour!(a_proxy_that_is_told_an_address_is_not_told_a_special_one, |bench| {
    let proxy = bench.peer([]);
    let config = guarded().resolve_to("name.test", "10.0.0.1").proxy(&format!("socks5://{}", proxy.address));
    let error = failure(&bench.session_with(config), Request::get("http://name.test/")).await;
    assert_eq!(error.kind(), Kind::BlockedAddress, "{error}");
    assert_eq!(proxy.log.connections(), 0);
});
