//! Reads DER (X.690 section 10) element by element: as much as certificates, keys and PKCS#12 stores need here.
//!
//! Borrows, never copies, and never panics: what is malformed is `None`. Called by `certificate`, `decrypt` and
//! `pkcs12`; whether a certificate is to be trusted, webpki decides with a reader of its own.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const BOOLEAN: u8 = 0x01;

/// The constructed context-specific tag of that number.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// What is left of a run of elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag, length and content.
    pub(super) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is.
    pub(super) fn element(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Lengths of up to 4 bytes; 0x80 is BER's indefinite form.
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        Some(Element { tag, content, whole })
    }

    /// The content of the next element, which has that tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|element| element.tag == tag).map(|element| element.content)
    }

    /// The same as a reader.
    pub(super) fn nested(&mut self, tag: u8) -> Option<Reader<'a>> {
        self.expect(tag).map(Reader)
    }

    /// The content of the next element where it has that tag; else nothing is taken.
    pub(super) fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        match self.0.first() {
            Some(first) if *first == tag => self.expect(tag),
            Some(_) | None => None,
        }
    }

    /// A small integer that is not negative.
    pub(super) fn number(&mut self) -> Option<u32> {
        small_number(self.expect(INTEGER)?)
    }
}

/// The value of an INTEGER's content that is not negative and fits.
pub(super) fn small_number(content: &[u8]) -> Option<u32> {
    match content {
        [] | [0x80..=0xff, ..] => None,
        [0, rest @ ..] | rest if rest.len() <= 4 => {
            Some(rest.iter().fold(0, |number, digit| number << 8 | u32::from(*digit)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_one_after_the_other() {
        let mut reader = Reader::new(&[INTEGER, 1, 5, OCTET_STRING, 0x81, 2, 7, 8]);
        assert_eq!(reader.optional(SEQUENCE), None);
        assert_eq!(reader.number(), Some(5));
        assert_eq!(reader.element().unwrap().whole, [OCTET_STRING, 0x81, 2, 7, 8]);
        assert!(reader.is_empty() && reader.element().is_none());
    }

    #[test]
    fn what_is_cut_short_is_nothing() {
        let whole = [SEQUENCE, 0x82, 0, 2, 1, 1];
        for end in 0..whole.len() {
            assert!(Reader::new(&whole[..end]).element().is_none(), "{end}");
        }
        assert!(Reader::new(&[SEQUENCE, 0x80, 0, 0]).element().is_none());
        assert!(Reader::new(&[SEQUENCE, 0x84, 255, 255, 255, 255]).element().is_none());
    }
}
