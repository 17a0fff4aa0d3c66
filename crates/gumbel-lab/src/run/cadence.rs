//! The steps at which a run records, evaluates and saves.

/// Steps between rows of `metrics.csv`. Not a share of all steps: a run that is made longer later has the same rows.
const ROW_EVERY: u64 = 10;

/// The steps of a run that have a row of metrics, and those with an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Cadence {
    /// Steps between evaluations.
    pub evaluate_every: u64,
}

impl Cadence {
    /// Whether hard samples are evaluated after a step. After the first too: a short run has a held-out point then.
    pub fn evaluates(self, step: u64) -> bool {
        step == 1 || step.is_multiple_of(self.evaluate_every)
    }

    /// Whether a step has a row of metrics.
    pub fn has_row(self, step: u64) -> bool {
        self.evaluates(step) || step.is_multiple_of(ROW_EVERY)
    }

    /// The first step after `step` that has a row.
    pub fn next_row(self, step: u64) -> u64 {
        let after = |every: u64| (step / every).saturating_add(1).saturating_mul(every);
        if step == 0 { 1 } else { after(ROW_EVERY).min(after(self.evaluate_every)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_row_is_the_first_step_that_has_one() {
        for evaluate_every in [1, 3, 7, 10, 20, 33] {
            let cadence = Cadence { evaluate_every };
            for step in 0..100 {
                let next = (step + 1..).find(|&next| cadence.has_row(next));
                assert_eq!(Some(cadence.next_row(step)), next, "{evaluate_every} {step}");
            }
        }
    }
}
