//! Opens what a passphrase locks: keys in PKCS#8 and in OpenSSL's traditional form, and the parts of a PKCS#12 store.
//!
//! RFC 8018 (PBES2 with PBKDF2 and AES or triple DES), RFC 7292 appendix B and C (PKCS#12's own schemes, with triple
//! DES and RC2), and OpenSSL's `EVP_BytesToKey`. Pure: bytes in, bytes out. Hashes and AES are aws-lc's.

use super::der::{self, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};
use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::{digest, iv::FixedLength, pbkdf2};
use des::TdesEde3;
use md5::{Digest as _, Md5};
use rc2::Rc2;
use rc2::cipher::{BlockDecrypt, KeyInit, generic_array::GenericArray};
use std::num::NonZeroU32;

/// Why something stays locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Locked {
    /// It is encrypted, and there is no passphrase.
    NoPassphrase,
    WrongPassphrase,
    /// By an algorithm that is not known here.
    Unsupported,
    Malformed,
}

/// The ciphers in use, all of them in CBC mode with PKCS#7 padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    /// With a key of so many bits.
    Rc2(usize),
}

/// Opens an EncryptedPrivateKeyInfo (RFC 5958 section 3): the PKCS#8 key in it.
pub(super) fn private_key(der: &[u8], passphrase: &str) -> Result<Vec<u8>, Locked> {
    let mut info = Reader::new(der).nested(SEQUENCE).ok_or(Locked::Malformed)?;
    let algorithm = info.expect(SEQUENCE).ok_or(Locked::Malformed)?;
    let ciphertext = info.expect(OCTET_STRING).ok_or(Locked::Malformed)?;
    let key = decrypt(algorithm, ciphertext, passphrase)?;
    // One wrong passphrase in 256 leaves a padding that looks right.
    match Reader::new(&key).nested(SEQUENCE).and_then(|mut key| key.number()) {
        Some(_) => Ok(key),
        None => Err(Locked::WrongPassphrase),
    }
}

/// Decrypts by an AlgorithmIdentifier's content.
pub(super) fn decrypt(algorithm: &[u8], ciphertext: &[u8], passphrase: &str) -> Result<Vec<u8>, Locked> {
    const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
    const PKCS12: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1];
    let mut algorithm = Reader::new(algorithm);
    let identifier = algorithm.expect(OBJECT_IDENTIFIER).ok_or(Locked::Malformed)?;
    let parameters = algorithm.nested(SEQUENCE).ok_or(Locked::Malformed)?;
    if identifier == PBES2 {
        return pbes2(parameters, ciphertext, passphrase);
    }
    let (cipher, key_length) = match identifier.strip_prefix(PKCS12) {
        Some([3]) => (Cipher::TripleDes, 24),
        Some([5]) => (Cipher::Rc2(128), 16),
        Some([6]) => (Cipher::Rc2(40), 5),
        Some(_) | None => return Err(Locked::Unsupported),
    };
    let mut parameters = parameters;
    let salt = parameters.expect(OCTET_STRING).ok_or(Locked::Malformed)?;
    let iterations = bounded(parameters.number())?;
    let derive = |purpose, length| {
        pkcs12_key(&digest::SHA1_FOR_LEGACY_USE_ONLY, passphrase, salt, iterations, purpose, length)
    };
    cipher.decrypt(&derive(Purpose::Key, key_length), &derive(Purpose::Iv, 8), ciphertext)
}

/// How often a hash is to be taken, as the file says. Ten times what anybody recommends takes seconds; beyond that, a file
/// would hold whoever opens it for minutes.
pub(super) fn bounded(iterations: Option<u32>) -> Result<u32, Locked> {
    const MOST: u32 = if cfg!(fuzzing) { 1_000 } else { 10_000_000 };
    match iterations {
        Some(count) if count <= MOST => Ok(count),
        Some(_) => Err(Locked::Unsupported),
        None => Err(Locked::Malformed),
    }
}

/// RFC 8018 section 6.2.
fn pbes2(mut parameters: Reader<'_>, ciphertext: &[u8], passphrase: &str) -> Result<Vec<u8>, Locked> {
    const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
    let mut derivation = parameters.nested(SEQUENCE).ok_or(Locked::Malformed)?;
    let mut scheme = parameters.nested(SEQUENCE).ok_or(Locked::Malformed)?;
    if derivation.expect(OBJECT_IDENTIFIER) != Some(PBKDF2) {
        return Err(Locked::Unsupported);
    }
    let mut derivation = derivation.nested(SEQUENCE).ok_or(Locked::Malformed)?;
    let salt = derivation.expect(OCTET_STRING).ok_or(Locked::Malformed)?;
    let iterations = NonZeroU32::new(bounded(derivation.number())?).ok_or(Locked::Malformed)?;
    // The key's length is optional, and follows from the cipher.
    let _ = derivation.optional(der::INTEGER);
    let hash = pseudo_random_function(derivation)?;
    let cipher = match scheme.expect(OBJECT_IDENTIFIER).ok_or(Locked::Malformed)? {
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2] => Cipher::Aes128,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22] => Cipher::Aes192,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42] => Cipher::Aes256,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 3, 7] => Cipher::TripleDes,
        _ => return Err(Locked::Unsupported),
    };
    let iv = scheme.expect(OCTET_STRING).ok_or(Locked::Malformed)?;
    let mut key = vec![0; cipher.key_length()];
    pbkdf2::derive(hash, iterations, salt, passphrase.as_bytes(), &mut key);
    cipher.decrypt(&key, iv, ciphertext)
}

/// The hash of PBKDF2's HMAC; SHA-1 where none is named.
fn pseudo_random_function(mut parameters: Reader<'_>) -> Result<pbkdf2::Algorithm, Locked> {
    const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2];
    if parameters.is_empty() {
        return Ok(pbkdf2::PBKDF2_HMAC_SHA1);
    }
    let mut function = parameters.nested(SEQUENCE).ok_or(Locked::Malformed)?;
    let identifier = function.expect(OBJECT_IDENTIFIER).ok_or(Locked::Malformed)?;
    match identifier.strip_prefix(HMAC) {
        Some([7]) => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        Some([9]) => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        Some([10]) => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        Some([11]) => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        Some(_) | None => Err(Locked::Unsupported),
    }
}

/// Opens a key of OpenSSL's traditional form by its `DEK-Info` (RFC 1421 section 4.6.1.3), such as
/// `AES-256-CBC,` and an initialisation vector in hexadecimal digits.
pub(super) fn traditional(info: &str, ciphertext: &[u8], passphrase: &str) -> Result<Vec<u8>, Locked> {
    let (name, iv) = info.split_once(',').ok_or(Locked::Malformed)?;
    let cipher = match name.trim() {
        "AES-128-CBC" => Cipher::Aes128,
        "AES-192-CBC" => Cipher::Aes192,
        "AES-256-CBC" => Cipher::Aes256,
        "DES-EDE3-CBC" => Cipher::TripleDes,
        _ => return Err(Locked::Unsupported),
    };
    let iv = hexadecimal(iv.trim()).filter(|iv| iv.len() >= 8).ok_or(Locked::Malformed)?;
    let key = bytes_to_key(passphrase.as_bytes(), &iv[..8], cipher.key_length());
    let key = cipher.decrypt(&key, &iv, ciphertext)?;
    match Reader::new(&key).nested(SEQUENCE).and_then(|mut key| key.number()) {
        Some(_) => Ok(key),
        None => Err(Locked::WrongPassphrase),
    }
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one iteration.
fn bytes_to_key(passphrase: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut key = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    while key.len() < length {
        last = Md5::new().chain_update(&last).chain_update(passphrase).chain_update(salt).finalize().to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    key
}

/// What PKCS#12 derives something for (RFC 7292 appendix B.3).
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// RFC 7292 appendix B.2.
pub(super) fn pkcs12_key(
    hash: &'static digest::Algorithm,
    passphrase: &str,
    salt: &[u8],
    iterations: u32,
    purpose: Purpose,
    length: usize,
) -> Vec<u8> {
    let block = hash.block_len();
    // "each character is encoded as a BMPString, with a terminating NULL".
    let password: Vec<u8> = passphrase.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect();
    let fill = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().div_ceil(block) * block;
        bytes.iter().copied().cycle().take(length).collect()
    };
    let mut input = [fill(salt), fill(&password)].concat();
    let mut output = Vec::new();
    loop {
        let mut round = digest::digest(hash, &[&vec![purpose as u8; block], &input[..]].concat());
        for _ in 1..iterations {
            round = digest::digest(hash, round.as_ref());
        }
        output.extend_from_slice(round.as_ref());
        if output.len() >= length {
            output.truncate(length);
            return output;
        }
        let addend: Vec<u8> = round.as_ref().iter().copied().cycle().take(block).collect();
        input.chunks_mut(block).for_each(|chunk| add_with_one(chunk, &addend));
    }
}

/// Adds `addend` and 1 to `number`, both with the highest byte first; what overflows is dropped.
fn add_with_one(number: &mut [u8], addend: &[u8]) {
    let mut carry = 1;
    for (digit, add) in number.iter_mut().zip(addend).rev() {
        let sum = u16::from(*digit) + u16::from(*add) + carry;
        *digit = sum as u8;
        carry = sum >> 8;
    }
}

impl Cipher {
    fn key_length(self) -> usize {
        match self {
            Cipher::Aes128 => 16,
            Cipher::Aes192 | Cipher::TripleDes => 24,
            Cipher::Aes256 => 32,
            Cipher::Rc2(bits) => bits / 8,
        }
    }

    fn decrypt(self, key: &[u8], iv: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, Locked> {
        let algorithm = match self {
            Cipher::Aes128 => &cipher::AES_128,
            Cipher::Aes192 => &cipher::AES_192,
            Cipher::Aes256 => &cipher::AES_256,
            Cipher::TripleDes => {
                let cipher = TdesEde3::new_from_slice(key).map_err(|_| Locked::Malformed)?;
                return decrypt_blocks(&cipher, iv, ciphertext);
            }
            Cipher::Rc2(bits) => {
                return decrypt_blocks(&Rc2::new_with_eff_key_len(key, bits), iv, ciphertext);
            }
        };
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| Locked::Malformed)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| Locked::Malformed)?;
        let iv = FixedLength::<16>::try_from(iv).map_err(|_| Locked::Malformed)?;
        let mut bytes = ciphertext.to_vec();
        let plain = key.decrypt(&mut bytes, DecryptionContext::Iv128(iv));
        plain.map(|plain| plain.to_vec()).map_err(|_| Locked::WrongPassphrase)
    }
}

/// CBC mode over blocks of eight bytes, padding taken off (RFC 8018 section 6.1.1).
fn decrypt_blocks<C>(cipher: &C, iv: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, Locked>
where
    C: BlockDecrypt + rc2::cipher::BlockSizeUser<BlockSize = rc2::cipher::consts::U8>,
{
    if iv.len() != 8 || ciphertext.is_empty() || !ciphertext.len().is_multiple_of(8) {
        return Err(Locked::Malformed);
    }
    let mut plain = ciphertext.to_vec();
    let mut previous = iv;
    for (block, next) in plain.chunks_exact_mut(8).zip(ciphertext.chunks_exact(8)) {
        cipher.decrypt_block(GenericArray::from_mut_slice(block));
        block.iter_mut().zip(previous).for_each(|(byte, before)| *byte ^= before);
        previous = next;
    }
    let padding = usize::from(plain.last().copied().unwrap_or_default());
    match plain.split_at_checked(plain.len().saturating_sub(padding)) {
        Some((data, rest))
            if (1..=8).contains(&padding) && rest.iter().all(|byte| usize::from(*byte) == padding) =>
        {
            Ok(data.to_vec())
        }
        Some(_) | None => Err(Locked::WrongPassphrase),
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let digits = digits?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect())
}
