//! A form with files as `multipart/form-data` (RFC 7578), read from its files while it is sent.
//!
//! Names are quoted as the HTML standard says: `"`, CR and LF become percent escapes.

use entreat::{Body, Source};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Seek};
use std::path::Path;

/// A body under construction.
pub(crate) struct Multipart {
    boundary: String,
    pieces: Vec<Piece>,
    /// Where reading stands.
    at: usize,
}

enum Piece {
    Bytes { bytes: io::Cursor<Vec<u8>> },
    File { file: File, length: u64, left: u64 },
}

impl Multipart {
    pub(crate) fn new() -> Multipart {
        // Random, so that no file can hold it: two fresh keys of the standard library's hasher.
        let random = || RandomState::new().build_hasher().finish();
        Multipart { boundary: format!("{:016x}{:016x}", random(), random()), pieces: Vec::new(), at: 0 }
    }

    /// The field Content-Type of the request.
    pub(crate) fn media_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub(crate) fn field(&mut self, name: &str, value: &str) {
        let head = format!("Content-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n", quoted(name));
        self.text(&head);
    }

    pub(crate) fn file(&mut self, name: &str, path: &Path, media_type: &str) -> io::Result<()> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        self.text(&format!(
            "Content-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {media_type}\r\n\r\n",
            quoted(name),
            quoted(&file_name)
        ));
        self.pieces.push(Piece::File { file, length: metadata.len(), left: metadata.len() });
        self.bytes("\r\n");
        Ok(())
    }

    /// The body, of known length.
    pub(crate) fn finish(mut self) -> Body {
        self.bytes(&format!("--{}--\r\n", self.boundary));
        let length = self.pieces.iter().map(Piece::length).sum();
        Body::source(self, Some(length))
    }

    /// Begins a part.
    fn text(&mut self, text: &str) {
        self.bytes(&format!("--{}\r\n{text}", self.boundary));
    }

    fn bytes(&mut self, text: &str) {
        self.pieces.push(Piece::Bytes { bytes: io::Cursor::new(text.as_bytes().to_vec()) });
    }
}

impl Source for Multipart {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(piece) = self.pieces.get_mut(self.at) {
            match piece.read(into)? {
                0 => self.at += 1,
                count => return Ok(count),
            }
        }
        Ok(0)
    }

    fn rewind(&mut self) -> io::Result<bool> {
        self.at = 0;
        for piece in &mut self.pieces {
            match piece {
                Piece::Bytes { bytes } => bytes.set_position(0),
                Piece::File { file, length, left } => {
                    file.rewind()?;
                    *left = *length;
                }
            }
        }
        Ok(true)
    }
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Piece::Bytes { bytes } => bytes.get_ref().len() as u64,
            Piece::File { length, .. } => *length,
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Piece::Bytes { bytes } => bytes.read(into),
            Piece::File { file, left, .. } => {
                let count = file.take(*left).read(into)?;
                if count == 0 && *left > 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
                }
                *left -= count as u64;
                Ok(count)
            }
        }
    }
}

fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(body: &mut Multipart) -> String {
        let (mut text, mut buffer) = (Vec::new(), [0; 7]);
        loop {
            match body.read(&mut buffer).unwrap() {
                0 => return String::from_utf8(text).unwrap(),
                count => text.extend_from_slice(&buffer[..count]),
            }
        }
    }

    #[test]
    fn parts_stand_between_boundaries_and_can_be_read_again() {
        let mut body = Multipart::new();
        body.field("a\"b\r\n", "1");
        let first = read_all(&mut body);
        let boundary = body.boundary.clone();
        let expected =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a%22b%0D%0A\"\r\n\r\n1\r\n");
        assert_eq!(first, expected);
        assert!(body.rewind().unwrap());
        assert_eq!(read_all(&mut body), expected);
    }

    #[test]
    fn boundaries_differ() {
        assert_ne!(Multipart::new().boundary, Multipart::new().boundary);
    }
}
