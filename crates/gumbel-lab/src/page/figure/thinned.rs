//! A curve of as many points as a chart can show, of any number of records.

/// Points of one curve; beyond that, neighbours are averaged.
const MOST_POINTS: usize = 400;

/// At most 400 points, each the mean of as many neighbouring records, and the ends of the records themselves. Its size does
/// not depend on the number of records, which need not be held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thinned {
    /// Records of a point.
    group: usize,
    /// Sums of a point's records, and how many they are.
    groups: Vec<((f64, f64), usize)>,
    /// Ends of the places and of the values of all records.
    ends: [Ends; 2],
}

/// The smallest and the largest of finite numbers, and the smallest of the positive ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Ends {
    low: Option<f64>,
    lowest_positive: Option<f64>,
    high: Option<f64>,
}

impl Thinned {
    /// A curve to which this number of records will be added.
    pub fn of(records: u64) -> Self {
        let group = records.div_ceil(MOST_POINTS as u64).max(1);
        Self { group: usize::try_from(group).unwrap_or(usize::MAX), ..Self::default() }
    }

    /// Adds the next record: its place and its value.
    pub fn add(&mut self, (x, y): (f64, f64)) {
        match self.groups.last_mut().filter(|(_, records)| *records < self.group) {
            Some((sum, records)) => (*sum, *records) = ((sum.0 + x, sum.1 + y), *records + 1),
            // As a sum that begins at 0, so that -0 is 0.
            None => self.groups.push(((0.0 + x, 0.0 + y), 1)),
        }
        self.ends[0].add(x);
        self.ends[1].add(y);
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The most records that are averaged.
    pub(super) fn group(&self) -> usize {
        self.group
    }

    /// The means.
    pub(super) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        let mean = |&((x, y), records): &((f64, f64), usize)| (x / records as f64, y / records as f64);
        self.groups.iter().map(mean)
    }

    /// The ends of the records' places.
    pub(super) fn places(&self, positive: bool) -> impl Iterator<Item = f64> + use<> {
        self.ends[0].numbers(positive)
    }

    /// The ends of the records' values.
    pub(super) fn values(&self, positive: bool) -> impl Iterator<Item = f64> + use<> {
        self.ends[1].numbers(positive)
    }
}

impl FromIterator<(f64, f64)> for Thinned {
    fn from_iter<I: IntoIterator<Item = (f64, f64)>>(records: I) -> Self {
        let records: Vec<_> = records.into_iter().collect();
        let mut thinned = Self::of(records.len() as u64);
        records.into_iter().for_each(|record| thinned.add(record));
        thinned
    }
}

impl Ends {
    fn add(&mut self, number: f64) {
        if number.is_finite() {
            let least = |end: Option<f64>| Some(end.map_or(number, |end| number.min(end)));
            self.low = least(self.low);
            self.high = Some(self.high.map_or(number, |end| number.max(end)));
            if number > 0.0 {
                self.lowest_positive = least(self.lowest_positive);
            }
        }
    }

    /// The two ends of all numbers, or of the positive ones.
    fn numbers(self, positive: bool) -> impl Iterator<Item = f64> {
        let low = if positive { self.lowest_positive } else { self.low };
        low.into_iter().chain(self.high.filter(|_| low.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_mean() {
        let thin: Thinned = (0..800).map(|i| (f64::from(i), f64::from(i % 2))).collect();
        assert_eq!((thin.points().count(), thin.group(), thin.points().nth(3)), (400, 2, Some((6.5, 0.5))));
    }

    #[test]
    fn the_last_point_is_the_mean_of_what_is_left() {
        let thin: Thinned = (0..801).map(|i| (f64::from(i), 1.0)).collect();
        assert_eq!((thin.points().count(), thin.group()), (267, 3));
        let thin: Thinned = (0..802).map(|i| (f64::from(i), 1.0)).collect();
        assert_eq!(thin.points().last(), Some((801.0, 1.0)));
    }

    #[test]
    fn a_million_records_are_held_as_few_points_with_their_ends() {
        let mut thin = Thinned::of(1_000_000);
        for i in 0..1_000_000_u32 {
            let value = [2.0, f64::NAN, -3.0, f64::INFINITY, 0.25][i as usize % 5];
            thin.add((f64::from(i), value));
        }
        assert_eq!((thin.groups.len(), thin.groups.capacity()), (400, 512));
        assert!(thin.places(false).eq([0.0, 999_999.0]) && thin.places(true).eq([1.0, 999_999.0]));
        assert!(thin.values(false).eq([-3.0, 2.0]) && thin.values(true).eq([0.25, 2.0]));
    }

    #[test]
    fn without_records_there_is_no_end() {
        let thin = Thinned::of(0);
        assert!(thin.is_empty() && thin.values(false).eq([0.0; 0]) && thin.places(true).eq([0.0; 0]));
        let negative: Thinned = [(1.0, -1.0)].into_iter().collect();
        assert!(negative.values(true).eq([0.0; 0]) && negative.values(false).eq([-1.0, -1.0]));
    }
}
