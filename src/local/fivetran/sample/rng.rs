//! A random source that is a pure function of what it is asked for.
//!
//! Every customer, order and product has its own stream, named by the seed, the kind of thing and its number. So a
//! thing comes out the same no matter what was made before it, and a longer horizon cannot change the past. Only
//! integers are used: the same seed gives the same shop on every machine.

/// A stream of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

/// Kinds of things with a stream of their own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Customer = 1,
    Order = 2,
    Product = 3,
    /// An account that is merged into another.
    Merge = 4,
}

impl Rng {
    /// The stream of thing number `index` of its kind.
    pub(super) fn of(seed: u64, kind: Kind, index: u64) -> Self {
        let mut mixed = Self(seed ^ (kind as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let start = mixed.next() ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut rng = Self(start);
        rng.next();
        rng
    }

    /// The next 64 random bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `low..=high`, as seconds or days are drawn.
    pub(super) fn between(&mut self, low: u32, high: u32) -> i64 {
        i64::from(low + self.below(high - low + 1))
    }

    /// True in `permille` of 1000 cases.
    pub(super) fn chance(&mut self, permille: u32) -> bool {
        self.below(1000) < permille
    }

    /// An index, drawn in proportion to the weights.
    pub(super) fn pick(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (i, &w) in weights.iter().enumerate() {
            if left < w {
                return i;
            }
            left -= w;
        }
        weights.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_their_bounds_and_follow_their_weights() {
        let mut rng = Rng::of(7, Kind::Order, 1);
        let mut counts = [0_u32; 3];
        for _ in 0..30_000 {
            assert!(rng.below(5) < 5);
            assert!((3..=9).contains(&rng.between(3, 9)));
            counts[rng.pick(&[1, 2, 3])] += 1;
        }
        // Expected 5,000, 10,000 and 15,000; four standard deviations are below 350.
        assert!(counts[0].abs_diff(5_000) < 350 && counts[1].abs_diff(10_000) < 350, "{counts:?}");
    }

    #[test]
    fn neighbouring_streams_do_not_resemble_each_other() {
        let starts: std::collections::HashSet<u32> =
            (0..10_000).map(|i| Rng::of(7, Kind::Customer, i).below(u32::MAX)).collect();
        assert!(starts.len() > 9_990);
    }
}
