//! Budgets of a reproduction.

/// Amount of work of a reproduction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Budget {
    /// Seconds on built-in data: everything runs, but the numbers are not comparable
    Smoke,
    /// Fewer steps and a part of the test set
    Short,
    /// As far as a small machine reasonably goes
    Full,
}

impl Budget {
    /// Name on the command line.
    pub fn name(self) -> &'static str {
        self.of(["smoke", "short", "full"])
    }

    /// The entry for this budget, of those for smoke, short and full.
    pub(super) fn of<T: Copy>(self, all: [T; 3]) -> T {
        all[self as usize]
    }

    /// Default number of seeds.
    pub fn seeds(self) -> u64 {
        if self == Self::Smoke { 1 } else { 3 }
    }
}
