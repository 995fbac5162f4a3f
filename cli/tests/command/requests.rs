//! What goes out.

use crate::support::{answer, at, file, json, printed, run_with};
use serde_json::json as value;

#[test]
fn the_main_job_get_and_post_a_form() {
    assert_eq!(answer(&[&at("/get")])["url"], at("/get"));
    let form = answer(&["--form", "POST", &at("/post"), "name=John", "job=developer"]);
    assert_eq!(form["form"], value!({"name": "John", "job": "developer"}));
}

#[test]
fn fields_are_json_unless_a_form_is_asked_for() {
    let answer = answer(&[&at("/post"), "name=John", "age:=29", "tags:=[1, 2]", "address[city]=Köln"]);
    let expected = value!({"name": "John", "age": 29, "tags": [1, 2], "address": {"city": "Köln"}});
    assert_eq!(answer["json"], expected);
    assert_eq!(answer["headers"]["Content-Type"], "application/json");
    assert_eq!(answer["headers"]["Accept"], "application/json, */*;q=0.5");
}

#[test]
fn headers_and_query_parameters_are_added() {
    let url = at("/get?a=1");
    let answer = answer(&[&url, "b==x y&z", "X-One:1", "-H", "X-Two: 2", "X-Empty;", "Accept-Encoding:"]);
    assert_eq!(answer["args"], value!({"a": "1", "b": "x y&z"}));
    assert_eq!((&answer["headers"]["X-One"], &answer["headers"]["X-Two"]), (&value!("1"), &value!("2")));
    assert_eq!(answer["headers"]["X-Empty"], "");
    assert!(answer["headers"].get("Accept-Encoding").is_none());
}

#[test]
fn a_header_given_twice_is_sent_twice() {
    let head = printed(&[&at("/testkit/echo-raw"), "X:1", "X:2"]);
    assert!(head.contains("X: 1\r\nX: 2\r\n"), "{head}");
}

#[test]
fn a_header_of_the_callers_own_replaces_ours() {
    let answer = answer(&[&at("/post"), "a=1", "User-Agent:me", "content-type:application/x-own"]);
    assert_eq!(answer["headers"]["User-Agent"], "me");
    assert_eq!(answer["headers"]["Content-Type"], "application/x-own");
}

#[test]
fn data_goes_out_as_it_is() {
    let answer = answer(&[&at("/post"), "-d", "{\"a\":  1}"]);
    assert_eq!(answer["data"], "{\"a\":  1}");
    assert_eq!(answer["headers"]["Content-Type"], "application/json");
}

#[test]
fn data_comes_from_a_file_or_from_standard_input() {
    let path = file("data.txt", b"from a file");
    assert_eq!(answer(&[&at("/post"), "-d", &format!("@{path}")])["data"], "from a file");
    let whole = answer(&["PUT", &at("/put"), &format!("@{path}")]);
    assert_eq!(
        (&whole["data"], &whole["headers"]["Content-Type"]),
        (&value!("from a file"), &value!("text/plain"))
    );
    for source in ["-", "@-"] {
        let output = run_with("typed", &[&at("/post"), "-d", source]);
        assert_eq!(json(&String::from_utf8(output.stdout).unwrap())["data"], "typed");
    }
}

#[test]
fn an_empty_file_is_an_empty_body() {
    let path = file("empty.json", b"");
    assert_eq!(answer(&[&at("/post"), "-d", &format!("@{path}")])["headers"]["Content-Length"], "0");
}

#[test]
fn files_go_up_as_multipart() {
    let path = file("notes.md", b"# Notes\n");
    let answer = answer(&["-f", &at("/post"), "name=John", "count:=3", &format!("notes@{path}")]);
    assert_eq!(answer["form"], value!({"name": "John", "count": "3"}));
    assert_eq!(answer["files"], value!({"notes": "# Notes\n"}));
}

#[test]
fn values_come_from_files() {
    let (text, object) = (file("value.txt", b"text\n"), file("value.json", b"{\"x\": [1]}"));
    let answer = answer(&[
        &at("/anything"),
        &format!("a=@{text}"),
        &format!("b:=@{object}"),
        &format!("X-File:@{text}"),
        &format!("q==@{text}"),
    ]);
    assert_eq!(answer["json"], value!({"a": "text\n", "b": {"x": [1]}}));
    assert_eq!((&answer["headers"]["X-File"], &answer["args"]["q"]), (&value!("text"), &value!("text")));
}

#[test]
fn a_user_is_authenticated() {
    let answer = answer(&["-u", "john:se:cret", &at("/basic-auth/john/se:cret")]);
    assert_eq!(answer["authenticated"], true);
}

#[test]
fn standard_input_is_left_alone_unless_asked_for() {
    let output = run_with("not for you", &[&at("/anything")]);
    let answer = json(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((&answer["method"], &answer["data"]), (&value!("GET"), &value!("")));
}

#[test]
fn cookies_are_kept_on_the_way_through_redirects() {
    assert_eq!(answer(&[&at("/cookies/set/a/1")])["cookies"], value!({"a": "1"}));
}

#[test]
fn a_port_alone_is_localhost() {
    let port = crate::support::origin().http_port;
    assert_eq!(answer(&[&format!(":{port}/get")])["url"], format!("http://localhost:{port}/get"));
}
