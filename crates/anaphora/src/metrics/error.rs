//! Why nothing can be scored.

/// Values that cannot be scored. Its `Display` is one sentence; indices count from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// Two lists that go together are of unequal length.
    #[error(
        "{found} {what} stand beside {expected} {beside}; there must be as many of the one as of the other"
    )]
    Length {
        /// What is in the one list.
        what: &'static str,
        /// How long it is.
        found: usize,
        /// What is in the other.
        beside: &'static str,
        /// How long that is.
        expected: usize,
    },
    /// A matrix does not have the values of its shape.
    #[error("{found} {what} were given for {rows} examples of {width} {columns}, which take {}", rows.saturating_mul(*width))]
    Shape {
        /// What is in it.
        what: &'static str,
        /// How many values it has.
        found: usize,
        /// Its rows.
        rows: usize,
        /// Its columns.
        width: usize,
        /// What its columns are.
        columns: &'static str,
    },
    /// There is nothing to score.
    #[error("there are no {0} to score; at least one is needed")]
    Empty(&'static str),
    /// A class does not exist.
    #[error("{what} {index} is class {class}, and the classes go from 0 to {}", classes - 1)]
    Class {
        /// Whether it is a true class or a predicted one.
        what: &'static str,
        /// Which.
        index: usize,
        /// The class.
        class: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {index} of the {what} is {value}; only finite numbers can be scored")]
    NotFinite {
        /// What the values are.
        what: &'static str,
        /// Which.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A value is no probability.
    #[error("probability {index} is {value}; probabilities lie between 0 and 1")]
    Probability {
        /// Which.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The probabilities of an example's classes are not those of one choice.
    #[error("the probabilities of example {index} sum to {sum}; they must sum to 1")]
    ProbabilitySum {
        /// Which example.
        index: usize,
        /// Their sum.
        sum: f64,
    },
    /// All examples are of one class, so that none can be ranked before another.
    #[error(
        "{positive} positive and {negative} negative examples have no AUROC; at least one of each is needed"
    )]
    OneClass {
        /// Examples of the class.
        positive: usize,
        /// Other examples.
        negative: usize,
    },
    /// A sentence has nothing to be compared with.
    #[error("sentence {0} has no reference; each needs at least one")]
    NoReference(usize),
    /// A smoothing value that smooths nothing.
    #[error("the smoothing floor is {0}; it takes a finite number above 0")]
    Floor(f64),
    /// No actual value can be divided by.
    #[error("all {0} actual values are 0, so that no error has a percentage; use the MAE or the MASE")]
    AllZero(usize),
    /// A season that the past does not hold.
    #[error(
        "{past} past values hold no two that are {period} steps apart; the period must be from 1 to the past's length less 1"
    )]
    Period {
        /// How long the past is.
        past: usize,
        /// The period.
        period: usize,
    },
    /// A past that repeats itself exactly, so that its error is no unit.
    #[error("the past repeats itself exactly every {0} steps, so that the MASE has no unit; use the MAE")]
    NoScale(usize),
    /// Not a quantile.
    #[error("the quantile is {0}; it takes a number from 0 to 1")]
    Quantile(f64),
}
