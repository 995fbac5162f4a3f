//! Randomness: Python's generator, so that `?seed=` yields httpbin's very bytes, and the system's for the rest.
//!
//! The Mersenne Twister MT19937 with CPython's seeding of `random.seed(int)`.

const SIZE: usize = 624;
const SHIFT: usize = 397;

pub(in crate::origin) struct Twister {
    state: [u32; SIZE],
    index: usize,
}

impl Twister {
    /// `random.seed(seed)`: the sign is dropped, the rest feeds the state in words of 32 bits.
    pub(in crate::origin) fn new(seed: u128) -> Self {
        let mut words: Vec<u32> = (0..4).map(|index| (seed >> (32 * index)) as u32).collect();
        while words.len() > 1 && words.last() == Some(&0) {
            words.pop();
        }
        let mut state = [0_u32; SIZE];
        state[0] = 19_650_218;
        for index in 1..SIZE {
            let previous = state[index - 1];
            state[index] =
                (previous ^ (previous >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
        }
        let (mut index, mut word) = (1, 0);
        for _ in 0..SIZE.max(words.len()) {
            let mixed = (state[index - 1] ^ (state[index - 1] >> 30)).wrapping_mul(1_664_525);
            state[index] = (state[index] ^ mixed).wrapping_add(words[word]).wrapping_add(word as u32);
            index = advance(&mut state, index);
            word = (word + 1) % words.len();
        }
        for _ in 1..SIZE {
            let mixed = (state[index - 1] ^ (state[index - 1] >> 30)).wrapping_mul(1_566_083_941);
            state[index] = (state[index] ^ mixed).wrapping_sub(index as u32);
            index = advance(&mut state, index);
        }
        state[0] = 0x8000_0000;
        Self { state, index: SIZE }
    }

    /// From the system.
    pub(in crate::origin) fn unpredictable() -> Self {
        Self::new(u128::from_le_bytes(system_bytes()))
    }

    /// `random.randint(0, 255)`: nine bits, drawn again while they are too large.
    pub(in crate::origin) fn byte(&mut self) -> u8 {
        loop {
            if let Ok(byte) = u8::try_from(self.word() >> 23) {
                return byte;
            }
        }
    }

    /// `random.random()`: at least 0, less than 1.
    pub(in crate::origin) fn fraction(&mut self) -> f64 {
        let (high, low) = (f64::from(self.word() >> 5), f64::from(self.word() >> 6));
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    fn word(&mut self) -> u32 {
        if self.index == SIZE {
            self.refill();
        }
        let mut word = self.state[self.index];
        self.index += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for index in 0..SIZE {
            let bits = (self.state[index] & 0x8000_0000) | (self.state[(index + 1) % SIZE] & 0x7fff_ffff);
            let twist = if bits & 1 == 0 { 0 } else { 0x9908_b0df };
            self.state[index] = self.state[(index + SHIFT) % SIZE] ^ (bits >> 1) ^ twist;
        }
        self.index = 0;
    }
}

fn advance(state: &mut [u32; SIZE], index: usize) -> usize {
    if index + 1 < SIZE {
        return index + 1;
    }
    state[0] = state[SIZE - 1];
    1
}

/// Bytes that nobody can guess.
pub(in crate::origin) fn system_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_bytes_are_those_of_python() {
        let bytes = |seed| {
            let mut twister = Twister::new(seed);
            std::array::from_fn::<u8, 6, _>(|_| twister.byte())
        };
        // [random.randint(0, 255) for _ in range(6)] after random.seed(seed)
        assert_eq!(bytes(0), PYTHON_0);
        assert_eq!(bytes(1 << 40), PYTHON_2_TO_40);
    }
    const PYTHON_0: [u8; 6] = [197, 215, 20, 132, 248, 207];
    const PYTHON_2_TO_40: [u8; 6] = [53, 180, 33, 218, 24, 198];
}
