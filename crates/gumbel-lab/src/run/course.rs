//! What a page shows of the rows of a run.

use super::record::{Column, Record};
use crate::page::{Series, Thinned};
use anyhow::Result;

/// Rows of the table of evaluations.
const EVALUATIONS: u64 = 20;

/// The ends of training, some evaluations and thinned curves. Its size does not depend on the number of rows.
#[derive(Clone, Debug)]
pub struct Course<R> {
    /// The first row.
    pub first: Option<R>,
    /// The last row.
    pub last: Option<R>,
    /// At most 20 rows with an evaluation: evenly spaced where there are more, always with the last.
    pub evaluations: Vec<R>,
    /// The columns that are drawn, by name.
    curves: Vec<(&'static str, Thinned)>,
}

impl<R: Record> Default for Course<R> {
    fn default() -> Self {
        let curves = R::columns().into_iter().map(|(name, _)| (name, Thinned::default())).collect();
        Self { first: None, last: None, evaluations: Vec::new(), curves }
    }
}

/// How many rows there are of each kind.
struct Counts {
    evaluated: u64,
    columns: Vec<u64>,
}

impl<R: Record> Course<R> {
    /// The course of the rows that `each` visits. It is called twice, since the number of rows decides how many of them a
    /// point is the mean of.
    ///
    /// # Errors
    /// Those of `each`.
    pub fn of(each: impl Fn(&mut dyn FnMut(&R)) -> Result<()>) -> Result<Self> {
        let columns = R::columns();
        let mut counts = Counts { evaluated: 0, columns: vec![0; columns.len()] };
        each(&mut |row| counts.add(row, &columns))?;
        let curves = columns.iter().zip(&counts.columns).map(|((name, _), n)| (*name, Thinned::of(*n)));
        let mut course = Self { curves: curves.collect(), ..Self::default() };
        let mut left = counts.evaluated;
        each(&mut |row| {
            left -= u64::from(row.evaluated());
            let shown = row.evaluated() && left.is_multiple_of(counts.evaluated.div_ceil(EVALUATIONS));
            course.add(row, shown, &columns);
        })?;
        Ok(course)
    }

    fn add(&mut self, row: &R, shown: bool, columns: &[Column<R>]) {
        self.first.get_or_insert_with(|| row.clone());
        self.last = Some(row.clone());
        self.evaluations.extend(shown.then(|| row.clone()));
        for ((_, curve), (_, value)) in self.curves.iter_mut().zip(columns) {
            if let Some(value) = value(row) {
                curve.add((row.step() as f64, value));
            }
        }
    }

    /// A column over the steps.
    pub fn series(&self, name: impl Into<String>, column: &str) -> Series {
        let found = self.curves.iter().find(|(name, _)| *name == column);
        let (_, records) = found.expect("pages draw columns that the record has");
        Series { name: name.into(), records: records.clone(), dashed: false }
    }
}

impl Counts {
    fn add<R: Record>(&mut self, row: &R, columns: &[Column<R>]) {
        self.evaluated += u64::from(row.evaluated());
        for (count, (_, value)) in self.columns.iter_mut().zip(columns) {
            *count += u64::from(value(row).is_some());
        }
    }
}

#[cfg(test)]
impl<R: Record> FromIterator<R> for Course<R> {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let rows: Vec<R> = rows.into_iter().collect();
        let each = |visit: &mut dyn FnMut(&R)| {
            rows.iter().for_each(visit);
            Ok(())
        };
        Self::of(each).expect("rows in memory can be read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::bound::Metrics;

    fn row(step: u64) -> Metrics {
        let evaluated = step.is_multiple_of(3);
        Metrics {
            step,
            training_loss: step as f64,
            kl: -1.0,
            hard_negative_elbo: evaluated.then_some(2.0),
            ..Metrics::default()
        }
    }

    #[test]
    fn evaluations_are_evenly_spaced_and_end_with_the_last() {
        let steps = |rows: u64| {
            let course: Course<Metrics> = (0..rows).map(row).collect();
            course.evaluations.iter().map(|row| row.step).collect::<Vec<_>>()
        };
        assert_eq!(steps(0), [0; 0]);
        assert_eq!(steps(2), [0]);
        assert_eq!(steps(60), (0..20).map(|i| 3 * i).collect::<Vec<_>>());
        assert_eq!(steps(61), (0..=20).step_by(2).map(|i| 3 * i).collect::<Vec<_>>());
        assert_eq!(steps(3001).len(), 20);
        assert_eq!(steps(3001).last(), Some(&3000));
    }

    #[test]
    fn every_column_is_thinned_by_the_number_of_its_own_values() {
        let course: Course<Metrics> = (1..=3000).map(row).collect();
        for (column, value) in Metrics::columns() {
            let points = (1..=3000).map(row).filter_map(|row| Some((row.step as f64, value(&row)?)));
            assert_eq!(course.series("", column), Series::new("", points), "{column}");
        }
        assert_eq!((course.first.unwrap().step, course.last.unwrap().step), (1, 3000));
    }
}
