//! Latencies counted in buckets whose width grows with them, so that sums of any size say their
//! quantiles with a small error.
//!
//! Log-linear, as HDR histograms are: up to 63 ms each millisecond has a bucket of its own, and above
//! that each doubling has 32. Told is the middle of a bucket, which is at most 1.6 % off.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Buckets of each doubling, as a power of two.
const FINENESS: u32 = 5;
/// Below this every value has a bucket of its own.
const EXACT: u64 = 2 << FINENESS;

/// Which values are counted together. Numbers of buckets are on disk and on the wire, and keep their
/// meaning.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bucket(pub u16);

impl Bucket {
    /// The last one there is.
    pub const MAX: Self = Self::of(u64::MAX);

    /// Where a value is counted.
    pub const fn of(value: u64) -> Self {
        if value < EXACT {
            return Self(low_bits(value));
        }
        let doubling = value.ilog2();
        let place = (value >> (doubling - FINENESS)) & ((1 << FINENESS) - 1);
        let before = ((doubling - FINENESS - 1) as u64) << FINENESS;
        Self(low_bits(EXACT + before + place))
    }

    /// The middle of the values that are counted here.
    pub const fn middle(self) -> u64 {
        let (first, width) = self.values();
        first + width / 2
    }

    /// The largest of the values that are counted here.
    pub const fn largest(self) -> u64 {
        let (first, width) = self.values();
        first + (width - 1)
    }

    /// The smallest value that is counted here, and how many are.
    const fn values(self) -> (u64, u64) {
        let number = self.0 as u64;
        if number < EXACT {
            return (number, 1);
        }
        let above = number - EXACT;
        let shift = (above >> FINENESS) + 1;
        let place = (1 << FINENESS) + (above & ((1 << FINENESS) - 1));
        (place << shift, 1 << shift)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer than two thousand buckets"
)]
const fn low_bits(number: u64) -> u16 {
    number as u16
}

/// Counts by bucket. Two of them are one by adding up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<Bucket, u64>);

impl Histogram {
    /// So many more values of a bucket.
    pub fn add(&mut self, bucket: Bucket, count: u64) {
        let known = self.0.entry(bucket).or_default();
        *known = known.saturating_add(count);
    }

    /// All values.
    pub fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, one| sum.saturating_add(*one))
    }

    /// The values that are at most this. A bucket with values on both sides is not among them: nothing
    /// looks smaller than it was.
    pub fn count_up_to(&self, bound: u64) -> u64 {
        let within = self.0.iter().take_while(|(one, _)| one.largest() <= bound);
        within.fold(0, |sum, (_, part)| sum.saturating_add(*part))
    }

    /// About the sum of all values, each taken for the middle of its bucket.
    pub fn sum(&self) -> u64 {
        let sums = self
            .0
            .iter()
            .map(|(one, part)| one.middle().saturating_mul(*part));
        sums.fold(0, u64::saturating_add)
    }

    /// The value that this part of a thousand does not exceed; `None` where there is none. Of 1,000 it is
    /// the largest.
    pub fn quantile(&self, permille: u64) -> Option<u64> {
        let count = u128::from(self.count());
        let rank = (count * u128::from(permille)).div_ceil(1_000).max(1);
        let mut seen = 0;
        for (bucket, part) in &self.0 {
            seen += u128::from(*part);
            if seen >= rank {
                return Some(bucket.middle());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_values_are_exact() {
        for value in 0..EXACT {
            let bucket = Bucket::of(value);
            assert_eq!((bucket.middle(), bucket.largest()), (value, value));
        }
    }

    #[test]
    fn numbers_of_buckets_keep_their_meaning() {
        let numbers = [63, 64, 65, 66, 127, 128, 1_000, 30_000, u64::MAX].map(Bucket::of);
        assert_eq!(
            numbers.map(|bucket| bucket.0),
            [63, 64, 64, 65, 95, 96, 190, 346, 1_919]
        );
    }

    #[test]
    fn the_last_bucket_ends_with_the_last_value() {
        assert_eq!(Bucket::MAX.largest(), u64::MAX);
    }

    #[test]
    fn a_bucket_on_both_sides_of_a_bound_is_beyond_it() {
        let mut histogram = Histogram::default();
        // 100 and 101 are counted together.
        for value in [5, 99, 100, 101, 300] {
            histogram.add(Bucket::of(value), 1);
        }
        let counts = [4, 5, 99, 100, 101, 1_000].map(|bound| histogram.count_up_to(bound));
        assert_eq!(counts, [0, 1, 2, 2, 4, 5]);
        assert_eq!(histogram.sum(), 5 + 99 + 101 + 101 + 300);
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(500), None);
    }

    proptest! {
        #[test]
        fn a_middle_is_close_to_every_value_of_its_bucket(value in 1_u64..1 << 60) {
            let off = Bucket::of(value).middle().abs_diff(value);
            prop_assert!(off * 1_000 <= value * 16, "{off} of {value}");
        }

        #[test]
        fn the_largest_value_of_a_bucket_is_its_last(value in any::<u64>()) {
            let bucket = Bucket::of(value);
            let largest = bucket.largest();
            prop_assert!(value <= largest && Bucket::of(largest) == bucket);
            let next = largest.checked_add(1).map(Bucket::of);
            prop_assert!(next.is_none_or(|next| next.0 == bucket.0 + 1));
        }

        #[test]
        fn larger_values_are_in_no_earlier_bucket(one in any::<u64>(), other in any::<u64>()) {
            prop_assert_eq!(one <= other || Bucket::of(one) >= Bucket::of(other), true);
        }

        #[test]
        fn quantiles_are_close_to_those_of_the_sorted_values(
            mut values in prop::collection::vec(0_u64..10_000_000, 1..300),
            permille in 1_u64..=1_000,
        ) {
            let mut histogram = Histogram::default();
            for value in &values {
                histogram.add(Bucket::of(*value), 1);
            }
            values.sort_unstable();
            let rank = (values.len() as u64 * permille).div_ceil(1_000);
            let exact = values[usize::try_from(rank).unwrap() - 1];
            let told = histogram.quantile(permille).unwrap();
            prop_assert!(told.abs_diff(exact) * 1_000 <= exact * 16, "{told} for {exact}");
        }

        #[test]
        fn two_are_one_by_adding_up(
            one in prop::collection::vec(0_u64..100_000, 0..50),
            other in prop::collection::vec(0_u64..100_000, 0..50),
        ) {
            let (mut apart, mut together) = (Histogram::default(), Histogram::default());
            for value in one.iter().chain(&other) {
                together.add(Bucket::of(*value), 1);
            }
            for values in [&one, &other] {
                for value in values {
                    apart.add(Bucket::of(*value), 1);
                }
            }
            prop_assert_eq!(apart, together);
        }
    }
}
