//! Chance, for what must differ and need not be secret: waits between retries, boundaries of forms.
//!
//! From the keys of the standard library's hasher, which come from the operating system, once for each thread.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Any number.
pub(crate) fn word() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// From 0 up to 1.
pub(crate) fn fraction() -> f64 {
    // As many bits as a fraction holds.
    (word() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_differs_and_stays_in_its_range() {
        let drawn: Vec<f64> = (0..100).map(|_| fraction()).collect();
        assert!(drawn.iter().all(|fraction| (0.0..1.0).contains(fraction)));
        assert!(drawn.iter().any(|fraction| *fraction < 0.5) && drawn.iter().any(|fraction| *fraction > 0.5));
        assert_ne!(word(), word());
    }
}
