//! The order of the rows in a column, compared with the paper's.

use super::Entry;
use super::finding::values;

/// The order of the rows in one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Our rows with their medians, lowest first.
    pub ours: Vec<(&'static str, f64)>,
    /// The paper's rows, lowest first.
    pub paper: Vec<(&'static str, f64)>,
    /// Pairs of rows with numbers of both, and with different numbers in the paper.
    pub pairs: usize,
    /// Pairs whose medians are in the paper's order.
    pub same: usize,
    /// Pairs that are in the paper's order at every seed with both numbers.
    pub every_seed: usize,
}

impl Ranking {
    /// The ranking of the entries of one column.
    pub fn of(column: &[&Entry]) -> Self {
        let ours = sorted(column, Entry::median);
        let paper = sorted(column, |entry| entry.cell.paper);
        let both: Vec<&Entry> = column
            .iter()
            .copied()
            .filter(|entry| entry.cell.paper.is_some() && entry.median().is_some())
            .collect();
        let (mut pairs, mut same, mut every_seed) = (0, 0, 0);
        for (i, one) in both.iter().enumerate() {
            for other in &both[i + 1..] {
                let (low, high) = if one.cell.paper < other.cell.paper { (one, other) } else { (other, one) };
                if low.cell.paper != high.cell.paper {
                    pairs += 1;
                    same += usize::from(low.median() < high.median());
                    every_seed += usize::from(below_at_every_seed(low, high));
                }
            }
        }
        Self { ours, paper, pairs, same, every_seed }
    }

    /// Our lowest row, if there are at least two.
    pub fn best(&self) -> Option<&'static str> {
        self.ours.first().filter(|_| self.ours.len() > 1).map(|(row, _)| *row)
    }
}

fn sorted(column: &[&Entry], number: impl Fn(&Entry) -> Option<f64>) -> Vec<(&'static str, f64)> {
    let mut rows: Vec<_> = column.iter().filter_map(|entry| Some((entry.cell.row, number(entry)?))).collect();
    rows.sort_by(|one, other| one.1.total_cmp(&other.1));
    rows
}

/// Whether one is lower at every seed that both have, and there is such a seed.
fn below_at_every_seed(low: &Entry, high: &Entry) -> bool {
    let other = |seed| values(&high.seeds).find(|(known, _)| *known == seed);
    let mut pairs =
        values(&low.seeds).filter_map(|(seed, value)| Some((value.number, other(seed)?.1.number))).peekable();
    pairs.peek().is_some() && pairs.all(|(low, high)| low < high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_need_both_numbers_and_seeds_must_agree() {
        let column = [
            Entry::with("a", &[5.0, 6.0, 7.0], Some(1.0)),
            Entry::with("b", &[8.0, 5.5, 9.0], Some(2.0)),
            Entry::with("c", &[1.0, 1.0, 1.0], Some(3.0)),
            Entry::with("new", &[0.5], None),
            Entry::with("refused", &[], Some(9.0)),
        ];
        let order = Ranking::of(&column.iter().collect::<Vec<_>>());
        assert_eq!(order.ours, [("new", 0.5), ("c", 1.0), ("a", 6.0), ("b", 8.0)]);
        assert_eq!(order.paper, [("a", 1.0), ("b", 2.0), ("c", 3.0), ("refused", 9.0)]);
        assert_eq!((order.best(), Ranking::of(&[&column[0]]).best()), (Some("new"), None));
        // Of a-b, a-c and b-c the first is in order by its medians, though not at the second seed.
        assert_eq!((order.pairs, order.same, order.every_seed), (3, 1, 0));
        let sure = Ranking::of(&[
            &Entry::with("a", &[5.0, 6.0], Some(1.0)),
            &Entry::with("b", &[5.5, 8.0], Some(2.0)),
        ]);
        assert_eq!((sure.pairs, sure.same, sure.every_seed), (1, 1, 1));
    }

    #[test]
    fn equal_numbers_in_the_paper_are_not_a_pair() {
        let order =
            Ranking::of(&[&Entry::with("a", &[5.0], Some(1.0)), &Entry::with("b", &[6.0], Some(1.0))]);
        assert_eq!(order.pairs, 0);
    }
}
