//! A small deterministic generator: the same work on every machine.

/// Marsaglia's xorshift64 with the usual triple.
pub(crate) struct Random(u64);

impl Random {
    /// Starts a sequence; any seed will do.
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number in `0..end`, not exactly uniform.
    #[inline]
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((self.next() >> 32) * end) >> 32
    }

    /// A size in `low..high` with every power of two equally likely, as real
    /// programs have many more small blocks than large ones. Both are powers of
    /// two.
    #[inline]
    pub(crate) fn size(&mut self, low: u64, high: u64) -> usize {
        let octaves = u64::from(high.ilog2() - low.ilog2());
        let start = low << self.below(octaves);
        (start + self.below(start)) as usize
    }
}

/// Folds `value` into a checksum.
#[inline]
pub(crate) fn mix(sum: u64, value: u64) -> u64 {
    (sum.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95)
}
