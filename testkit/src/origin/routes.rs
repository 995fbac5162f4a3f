//! Which handler answers which path and method, as flask routes: `HEAD` wherever `GET` is, `OPTIONS` everywhere, 405
//! with `Allow` for the rest, 404 for unknown paths; and the CORS headers which httpbin adds to every answer.

use super::handlers::{
    authentication, caching, cookies, digest, dynamic, formats, inspection, redirects, special,
};
use super::message::{Answer, Call, Request, Response};
use super::python::percent;
use super::{Server, status};

struct Route {
    /// `{}` is one segment, `{integer}` one of digits, `{rest}` at the end one or more segments.
    pattern: &'static str,
    methods: &'static [&'static str],
    handler: fn(&Call<'_>) -> Answer,
}

const GET: &[&str] = &["GET"];
const ANY: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"];

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    Route { pattern: "/", methods: GET, handler: formats::index },
    Route { pattern: "/get", methods: GET, handler: inspection::get },
    Route { pattern: "/post", methods: &["POST"], handler: inspection::with_body },
    Route { pattern: "/put", methods: &["PUT"], handler: inspection::with_body },
    Route { pattern: "/patch", methods: &["PATCH"], handler: inspection::with_body },
    Route { pattern: "/delete", methods: &["DELETE"], handler: inspection::with_body },
    Route { pattern: "/anything", methods: ANY, handler: inspection::anything },
    Route { pattern: "/anything/{rest}", methods: ANY, handler: inspection::anything },
    Route { pattern: "/headers", methods: GET, handler: inspection::headers },
    Route { pattern: "/ip", methods: GET, handler: inspection::ip },
    Route { pattern: "/user-agent", methods: GET, handler: inspection::user_agent },
    Route { pattern: "/status/{}", methods: ANY, handler: authentication::status },
    Route { pattern: "/redirect/{integer}", methods: GET, handler: redirects::times },
    Route { pattern: "/relative-redirect/{integer}", methods: GET, handler: redirects::relative_times },
    Route { pattern: "/absolute-redirect/{integer}", methods: GET, handler: redirects::absolute_times },
    Route { pattern: "/redirect-to", methods: ANY, handler: redirects::to_argument },
    Route { pattern: "/cookies", methods: GET, handler: cookies::list },
    Route { pattern: "/cookies/set", methods: GET, handler: cookies::set },
    Route { pattern: "/cookies/set/{}/{}", methods: GET, handler: cookies::set_one },
    Route { pattern: "/cookies/delete", methods: GET, handler: cookies::delete },
    Route { pattern: "/basic-auth/{}/{}", methods: GET, handler: authentication::basic },
    Route { pattern: "/hidden-basic-auth/{}/{}", methods: GET, handler: authentication::hidden_basic },
    Route { pattern: "/bearer", methods: GET, handler: authentication::bearer },
    Route { pattern: "/digest-auth/{}/{}/{}", methods: GET, handler: digest::authenticate },
    Route { pattern: "/digest-auth/{}/{}/{}/{}", methods: GET, handler: digest::authenticate },
    Route { pattern: "/digest-auth/{}/{}/{}/{}/{}", methods: GET, handler: digest::authenticate },
    Route { pattern: "/gzip", methods: GET, handler: formats::gzip },
    Route { pattern: "/deflate", methods: GET, handler: formats::deflate },
    Route { pattern: "/brotli", methods: GET, handler: formats::brotli },
    Route { pattern: "/stream/{integer}", methods: GET, handler: dynamic::stream },
    Route { pattern: "/stream-bytes/{integer}", methods: GET, handler: dynamic::stream_bytes },
    Route { pattern: "/bytes/{integer}", methods: GET, handler: dynamic::bytes },
    Route { pattern: "/range/{integer}", methods: GET, handler: dynamic::range },
    Route { pattern: "/delay/{}", methods: ANY, handler: dynamic::delay },
    Route { pattern: "/drip", methods: GET, handler: dynamic::drip },
    Route { pattern: "/uuid", methods: GET, handler: dynamic::uuid },
    Route { pattern: "/base64/{}", methods: GET, handler: dynamic::base64 },
    Route { pattern: "/links/{integer}", methods: GET, handler: redirects::first_link },
    Route { pattern: "/links/{integer}/{integer}", methods: GET, handler: dynamic::links },
    Route { pattern: "/encoding/utf8", methods: GET, handler: formats::utf_8 },
    Route { pattern: "/html", methods: GET, handler: formats::html },
    Route { pattern: "/json", methods: GET, handler: formats::json },
    Route { pattern: "/xml", methods: GET, handler: formats::xml },
    Route { pattern: "/robots.txt", methods: GET, handler: formats::robots },
    Route { pattern: "/deny", methods: GET, handler: formats::deny },
    Route { pattern: "/forms/post", methods: GET, handler: formats::form },
    Route { pattern: "/image", methods: GET, handler: formats::image },
    Route { pattern: "/image/png", methods: GET, handler: formats::png },
    Route { pattern: "/image/jpeg", methods: GET, handler: formats::jpeg },
    Route { pattern: "/image/webp", methods: GET, handler: formats::webp },
    Route { pattern: "/image/svg", methods: GET, handler: formats::svg },
    Route { pattern: "/etag/{}", methods: GET, handler: caching::etag },
    Route { pattern: "/cache", methods: GET, handler: caching::cache },
    Route { pattern: "/cache/{integer}", methods: GET, handler: caching::cache_for },
    Route { pattern: "/response-headers", methods: &["GET", "POST"], handler: caching::response_headers },
    Route { pattern: "/testkit/echo-raw", methods: ANY, handler: special::echo_raw },
    Route { pattern: "/testkit/connections", methods: ANY, handler: special::connections },
    Route { pattern: "/testkit/close", methods: ANY, handler: special::close },
    Route { pattern: "/testkit/early-hints", methods: ANY, handler: special::early_hints },
    Route { pattern: "/testkit/trailers", methods: ANY, handler: special::trailers },
    Route { pattern: "/testkit/no-length", methods: ANY, handler: special::no_length },
    Route { pattern: "/testkit/chunked/{integer}", methods: ANY, handler: special::chunked },
    Route { pattern: "/testkit/large/{integer}", methods: ANY, handler: special::large },
];

pub(super) fn answer(request: &Request, server: &Server) -> Response {
    let response = dispatch(request, server);
    add_cors(request, response)
}

fn dispatch(request: &Request, server: &Server) -> Response {
    let path = request.path();
    let path = format!("/{}", path.trim_start_matches('/'));
    let candidates = candidates(&path);
    if candidates.is_empty() {
        return elsewhere(request, &path);
    }
    let wanted = if request.method == "HEAD" { "GET" } else { &request.method };
    for (route, parameters) in &candidates {
        if route.methods.contains(&wanted) {
            let query = percent::parse_pairs(request.query().as_bytes());
            let call = Call { request, server, parameters: parameters.clone(), query };
            return (route.handler)(&call).unwrap_or_else(|_| status::internal_server_error());
        }
    }
    let mut allowed: Vec<&str> = candidates.iter().flat_map(|(route, _)| route.methods).copied().collect();
    allowed.extend(allowed.contains(&"GET").then_some("HEAD"));
    allowed.push("OPTIONS");
    let allowed = allowed.join(", ");
    if request.method == "OPTIONS" {
        return Response::html("").header("Allow", allowed);
    }
    status::method_not_allowed(&allowed)
}

/// The routes of this path, whatever the method, with what their placeholders matched.
fn candidates(path: &str) -> Vec<(&'static Route, Vec<String>)> {
    ROUTES.iter().filter_map(|route| Some((route, match_pattern(route.pattern, path)?))).collect()
}

/// A path that would be known without its doubled slashes is redirected there; any other is not found.
fn elsewhere(request: &Request, path: &str) -> Response {
    let mut merged = path.to_owned();
    while merged.contains("//") {
        merged = merged.replace("//", "/");
    }
    if merged == path || candidates(&merged).is_empty() {
        return status::not_found();
    }
    let query = Some(request.query()).filter(|query| !query.is_empty()).map(|query| format!("?{query}"));
    let path = percent::encode(merged.as_bytes(), b"!$&'()*+,/:;=@");
    redirects::to(&redirects::external(request, &(path + &query.unwrap_or_default()))).with_status(308)
}

/// What the pattern's placeholders matched; `None` if the path is not of this pattern.
fn match_pattern(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut parameters = Vec::new();
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        if wanted == "{rest}" {
            let rest = segments.collect::<Vec<_>>().join("/");
            parameters.push(rest);
            return parameters
                .last()
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
                .then_some(parameters);
        }
        let segment = segments.next()?;
        match wanted {
            "{}" if !segment.is_empty() => parameters.push(segment.to_owned()),
            "{integer}" if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) => {
                parameters.push(segment.to_owned());
            }
            _ if wanted == segment => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(parameters)
}

fn add_cors(request: &Request, response: Response) -> Response {
    let origin = request.header("Origin").unwrap_or_else(|| "*".into());
    let response = response
        .header("Access-Control-Allow-Origin", origin)
        .header("Access-Control-Allow-Credentials", "true");
    if request.method != "OPTIONS" {
        return response;
    }
    let response = response
        .header("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, PATCH, OPTIONS")
        .header("Access-Control-Max-Age", "3600");
    match request.header("Access-Control-Request-Headers") {
        Some(names) => response.header("Access-Control-Allow-Headers", names),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_match_whole_segments() {
        assert_eq!(match_pattern("/status/{}", "/status/200"), Some(vec!["200".into()]));
        assert_eq!(match_pattern("/status/{}", "/status/"), None);
        assert_eq!(match_pattern("/status/{}", "/status/200/1"), None);
        assert_eq!(match_pattern("/bytes/{integer}", "/bytes/-1"), None);
        assert_eq!(match_pattern("/anything/{rest}", "/anything/a/b"), Some(vec!["a/b".into()]));
        assert_eq!(match_pattern("/get", "/get/"), None);
    }
}
