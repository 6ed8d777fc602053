//! The problems that ask for memory and for nothing else as one: their lengths, and examples that a person writes.

use super::{COPY_REMEMBERED, adding, copy};
use crate::frames::Frames;
use crate::sequence::Sequence;

/// Symbols of the copy problem whose recollection is asked for.
pub const COPY_RECALLED: u32 = 8;

/// One of the problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The sum of two marked numbers among so many.
    Adding(usize),
    /// Ten symbols after so many steps.
    Copy(usize),
}

impl Problem {
    /// Steps of an example.
    pub fn steps(self) -> usize {
        match self {
            Self::Adding(length) => length,
            Self::Copy(delay) => delay + 2 * COPY_REMEMBERED,
        }
    }

    /// Examples that ask for as much memory as each of `lengths`, and what is true of them: a number each, or a symbol for
    /// each step.
    ///
    /// # Panics
    /// Where a length is below 2, or a delay below 1.
    pub fn examples(self, seed: u64, lengths: &[usize]) -> (Vec<Sequence>, Vec<Sequence>) {
        match self {
            Self::Adding(_) => {
                let sum = |sum| Sequence::Frames(Frames { width: 1, values: vec![sum] });
                let examples = adding(seed, lengths).into_iter();
                examples.map(|example| (Sequence::Frames(example.input), sum(example.target))).unzip()
            }
            Self::Copy(_) => {
                let examples = copy(seed, lengths).into_iter();
                examples
                    .map(|example| (Sequence::Tokens(example.input), Sequence::Tokens(example.target)))
                    .unzip()
            }
        }
    }

    /// The lengths of a batch, the longest first: a share of them are shorter, evenly on a logarithmic scale.
    pub fn lengths(self, batch: usize, shorter: f64) -> Vec<usize> {
        let (Self::Adding(length) | Self::Copy(length)) = self;
        let shortest = if matches!(self, Self::Adding(_)) { 2 } else { 1 };
        let count = (batch as f64 * shorter).round() as usize;
        let length_of = |index: usize| {
            let exponent = (count - index) as f64 / (count + 1) as f64;
            ((length as f64).powf(exponent).round() as usize).clamp(shortest.min(length), length)
        };
        std::iter::repeat_n(length, batch - count).chain((0..count).map(length_of)).collect()
    }

    /// What a model without memory comes to, in squared error or nats a step: always saying 1, or blanks and then any symbol.
    pub fn memoryless(self) -> f64 {
        match self {
            Self::Adding(_) => 1.0 / 6.0,
            Self::Copy(_) => COPY_REMEMBERED as f64 * f64::from(COPY_RECALLED).ln() / self.steps() as f64,
        }
    }
}

/// Numbers in a line, two of them marked by a star behind them, as frames of a number and a mark; and the sum of the two.
///
/// # Errors
/// A sentence on what is no number, or on how many are marked.
pub fn marked_numbers(line: &str) -> Result<(Frames, f32), String> {
    let wanted = "numbers are needed, two of them marked, as in 0.3 0.25* 0.9 0.5*";
    let mut values = Vec::new();
    let (mut marks, mut sum) = (0, 0.0);
    for word in line.split_whitespace() {
        let number = word.strip_suffix('*');
        let value: f32 = number
            .unwrap_or(word)
            .parse()
            .ok()
            .filter(|value: &f32| value.is_finite())
            .ok_or_else(|| format!("{word} is no number; {wanted}"))?;
        values.extend([value, f32::from(u8::from(number.is_some()))]);
        if number.is_some() {
            marks += 1;
            sum += value;
        }
    }
    if marks != 2 {
        let are = if marks == 1 { "is" } else { "are" };
        return Err(format!("{} {are} marked; {wanted}", crate::error::counted(marks, "number")));
    }
    Ok((Frames { width: 2, values }, sum))
}

/// The symbols to be remembered, in a line.
///
/// # Errors
/// A sentence on what is no symbol, or on how many there are.
pub fn remembered_symbols(line: &str) -> Result<[u32; COPY_REMEMBERED], String> {
    let wanted = format!("{COPY_REMEMBERED} symbols from 0 to {} are needed", COPY_RECALLED - 1);
    let symbol = |word: &str| {
        let known = word.parse().ok().filter(|&symbol: &u32| symbol < COPY_RECALLED);
        known.ok_or_else(|| format!("{word} is no symbol; {wanted}"))
    };
    let symbols = line.split_whitespace().map(symbol).collect::<Result<Vec<_>, _>>()?;
    let found = symbols.len();
    symbols.try_into().map_err(|_| format!("there are {found} symbols; {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Packed;

    #[test]
    fn lines_are_read_or_refused() {
        let (frames, sum) = marked_numbers("0.25 0.5* 1 0.125*").unwrap();
        assert_eq!((frames.values, sum), (vec![0.25, 0.0, 0.5, 1.0, 1.0, 0.0, 0.125, 1.0], 0.625));
        assert!(marked_numbers("0.5* 1").unwrap_err().starts_with("1 number is marked"));
        assert!(marked_numbers("0.5* x 1*").unwrap_err().starts_with("x is no number"));
        assert!(marked_numbers("inf* 1*").is_err());
        assert_eq!(remembered_symbols("0 1 2 3 4 5 6 7 0 1").unwrap(), [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]);
        assert!(remembered_symbols("0 1").unwrap_err().starts_with("there are 2 symbols"));
        assert!(remembered_symbols("0 1 2 3 4 5 6 8 0 1").unwrap_err().starts_with("8 is no symbol"));
    }

    #[test]
    fn guessing_costs_what_is_stated() {
        let (_, sums) = Problem::Adding(50).examples(1, &[50; 20_000]);
        let sums = Packed::new(&sums).values;
        let mean = sums.iter().map(|sum| f64::from(sum - 1.0).powi(2)).sum::<f64>() / sums.len() as f64;
        assert!((mean - Problem::Adding(50).memoryless()).abs() < 0.005, "{mean}");
        assert!((Problem::Copy(1_000).memoryless() - 0.0204).abs() < 1e-4);
    }

    #[test]
    fn a_share_of_a_batch_is_shorter() {
        assert_eq!(Problem::Copy(1_000).lengths(6, 0.5), [1_000, 1_000, 1_000, 178, 32, 6]);
        assert_eq!(Problem::Adding(600).lengths(2, 0.0), [600, 600]);
        assert!(Problem::Adding(3).lengths(40, 1.0).iter().all(|length| (2..=3).contains(length)));
        let (inputs, targets) = Problem::Copy(50).examples(5, &Problem::Copy(50).lengths(9, 0.7));
        let (packed, targets) = (Packed::new(&inputs), Packed::new(&targets));
        let signs = packed.ids.iter().filter(|&&id| id == 9).count();
        assert_eq!((packed.ids.len(), signs), (targets.ids.len(), 9));
    }

    #[test]
    fn targets_lie_as_a_batch_does() {
        let (inputs, targets) = Problem::Copy(3).examples(5, &[3; 4]);
        let (packed, targets) = (Packed::new(&inputs), Packed::new(&targets).ids);
        assert_eq!(packed.ids[..4 * COPY_REMEMBERED], targets[targets.len() - 4 * COPY_REMEMBERED..]);
    }
}
