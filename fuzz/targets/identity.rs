//! Certificates and keys: DER (X.690), PKCS#12 stores and encrypted keys. Input: the bytes.
//!
//! The readers are the client's own files, which nobody else can reach: they are compiled in from there.

#![no_main]
#![expect(dead_code, reason = "what reads the rest of a certificate is not here")]

use libfuzzer_sys::fuzz_target;

#[path = "../../client/src/tls/certificate.rs"]
mod certificate;
#[path = "../../client/src/tls/decrypt.rs"]
mod decrypt;
#[path = "../../client/src/tls/der.rs"]
mod der;
#[path = "../../client/src/tls/pkcs12.rs"]
mod pkcs12;

fuzz_target!(|input: &[u8]| {
    if let Some(certificate) = certificate::Certificate::read(input) {
        let extensions = (certificate.repeats_an_extension(), certificate.has_unknown_critical_extension());
        let names = (certificate.has_names(), certificate.is_self_issued(), certificate.rsa_bits());
        let usage = certificate.key_usage().map(|usage| usage.may_sign_handshakes());
        let _ = (extensions, names, certificate.authority(), usage, certificate.purpose());
    }
    let _ = pkcs12::open(input, None);
    for passphrase in ["", "open sesame"] {
        let _ = pkcs12::open(input, Some(passphrase));
        let _ = decrypt::private_key(input, passphrase);
    }
    for info in ["AES-128-CBC,000102030405060708090A0B0C0D0E0F", "DES-EDE3-CBC,0001020304050607"] {
        let _ = decrypt::traditional(info, input, "open sesame");
    }
});
