//! URLs. Input: the text of one.
//!
//! The fast path must agree with the `url` crate; every part must lie in the text; parsing the result again
//! must change nothing; and whatever was accepted must make a request line that cannot be split.

#![no_main]

use entreat_core::Url;
use entreat_core::h1::check_target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(prepared) = Url::from_prepared(text) {
        assert_eq!(prepared.as_str(), text);
        touch(&prepared);
    }
    let Ok(url) = Url::parse(text) else { return };
    let reference = url::Url::parse(text).expect("no more than the url crate takes");
    assert_eq!(url.as_str(), reference.as_str());
    let host = reference.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    assert_eq!(Some(url.host()), host);
    assert_eq!(Some(url.port()), reference.port_or_known_default());
    assert_eq!((url.path(), url.query()), (reference.path(), reference.query()));
    assert_eq!(url.fragment(), reference.fragment());
    assert_eq!(Url::parse(url.as_str()).expect("its own text").as_str(), url.as_str());
    check_target(&url.target()).expect("a target of one word");
    assert!(url.same_origin(&url));
    touch(&url);
});

/// Every part, for its panics.
fn touch(url: &Url) {
    let parts =
        [url.host(), &url.host_field(), url.path(), url.query().unwrap_or(""), &url.origin(), &url.target()];
    assert!(parts.iter().all(|part| part.len() <= url.as_str().len() + 1));
    let _ = (url.credentials(), url.fragment(), url.join("../a?b#c"));
}
