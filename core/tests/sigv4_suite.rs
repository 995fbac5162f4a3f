//! Runs AWS' own suite for Signature Version 4 against `policy::auth::sigv4`.
//!
//! The suite is data of others under the Apache licence, and is not kept here: `conformance/run_sigv4.py` fetches it and
//! names its folder in `AWS4_TESTSUITE`. Without that nothing is tested but two vectors in the module itself.

#![expect(clippy::disallowed_methods, reason = "tests may read what the crate may not")]

use entreat_core::Headers;
use entreat_core::policy::auth::sigv4::{Facts, Signer};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// As many as botocore 1.44 has: fewer were not all found.
const CASES: usize = 34;

#[test]
fn requests_are_signed_as_aws_suite_says() {
    let Some(folder) = std::env::var_os("AWS4_TESTSUITE") else { return };
    let mut cases = Vec::new();
    find(Path::new(&folder), &mut cases);
    let failed: Vec<_> = cases.iter().filter_map(|case| fails(case)).collect();
    assert!(cases.len() >= CASES, "only {} cases", cases.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The files that end in `.req`, each one a case with its neighbours.
fn find(folder: &Path, cases: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the suite is a folder") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            find(&path, cases);
        } else if path.extension().is_some_and(|extension| extension == "req") {
            cases.push(path);
        }
    }
}

/// What differs, if anything does.
fn fails(case: &Path) -> Option<String> {
    let text = fs::read_to_string(case).expect("a request");
    let expected = fs::read_to_string(case.with_extension("authz")).expect("its Authorization");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    // Lines that begin with white space go on with the value before (obs-fold).
    let head = head.replace("\r\n", "\n").replace("\n ", " ");
    let mut lines = head.lines();
    let (method, rest) = lines.next()?.split_once(' ')?;
    let (target, _) = rest.rsplit_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Headers::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(name, value.trim()).expect("a field");
    }
    let mut signer =
        Signer::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service");
    // Some cases add the token behind the signature: it is one of the credentials where the canonical request has it.
    let canonical = fs::read_to_string(case.with_extension("creq")).expect("its canonical request");
    headers.remove("X-Amz-Security-Token");
    if let Some(token) = canonical.lines().find_map(|line| line.strip_prefix("x-amz-security-token:")) {
        signer = signer.session_token(token);
    }
    let now = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
    let body = Some(body.as_bytes());
    let facts = Facts { method, path, query, headers: &headers, body, secure: false, now };
    let signed = signer.sign(&facts).expect("a signature");
    let value = signed.get_str("Authorization").expect("the field");
    (value != expected.trim()).then(|| format!("{}: {value}, not {expected}", case.display()))
}
