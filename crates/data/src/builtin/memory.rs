//! Tasks that ask for memory and for nothing else.

use rand::RngExt;

use super::seeded;
use crate::frames::Frames;

/// One example of the adding problem.
#[derive(Debug, Clone, PartialEq)]
pub struct AddingExample {
    /// Frames of a number in 0..1 and a mark, which is 1 twice and else 0: `[length, 2]`.
    pub input: Frames,
    /// The sum of the two numbers that are marked. Guessing 1 has a mean squared error of 1/6.
    pub target: f32,
}

/// The adding problem (Hochreiter, Schmidhuber 1997), as Le, Jaitly and Hinton have it (2015): one mark lies in the first
/// half, the other in the second.
///
/// # Panics
/// If a length is below 2.
pub fn adding(seed: u64, lengths: &[usize]) -> Vec<AddingExample> {
    let mut random = seeded(seed);
    let example = |&length: &usize| {
        assert!(length >= 2, "the adding problem of length {length}, 2 or more are needed");
        let mut values: Vec<f32> = (0..length).flat_map(|_| [random.random(), 0.0]).collect();
        let marked = [random.random_range(0..length / 2), random.random_range(length / 2..length)];
        marked.iter().for_each(|&at| values[2 * at + 1] = 1.0);
        let target = marked.iter().map(|&at| values[2 * at]).sum();
        AddingExample { input: Frames { width: 2, values }, target }
    };
    lengths.iter().map(example).collect()
}

/// Number of symbols of the copy problem: eight to remember, the blank (8) and the sign to begin (9).
pub const COPY_SYMBOLS: u32 = 10;
const BLANK: u32 = 8;
const BEGIN: u32 = 9;

/// Number of symbols to remember in an example.
pub const COPY_REMEMBERED: usize = 10;

/// One example of the copy problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyExample {
    /// Ten symbols below 8, `delay - 1` blanks, the sign to begin, ten blanks: `[delay + 20]`.
    pub input: Vec<u32>,
    /// What is to be said at each step: `delay + 10` blanks, then the ten symbols.
    pub target: Vec<u32>,
}

impl CopyExample {
    /// The example that asks for these symbols.
    ///
    /// # Panics
    /// If the delay is 0.
    pub fn new(symbols: [u32; COPY_REMEMBERED], delay: usize) -> Self {
        assert!(delay > 0, "the copy problem without a delay, 1 or more is needed");
        let mut input = symbols.to_vec();
        input.resize(COPY_REMEMBERED + delay - 1, BLANK);
        input.push(BEGIN);
        input.resize(delay + 2 * COPY_REMEMBERED, BLANK);
        let mut target = vec![BLANK; delay + COPY_REMEMBERED];
        target.extend(symbols);
        Self { input, target }
    }
}

/// The copy problem (Hochreiter, Schmidhuber 1997), as Arjovsky, Shah and Bengio have it (2016). Saying blanks, then
/// guessing, has a mean cross-entropy of `10 ln 8 / (delay + 20)`.
///
/// # Panics
/// If a delay is 0.
pub fn copy(seed: u64, delays: &[usize]) -> Vec<CopyExample> {
    let mut random = seeded(seed);
    let example =
        |&delay: &usize| CopyExample::new(std::array::from_fn(|_| random.random_range(0..BLANK)), delay);
    delays.iter().map(example).collect()
}

/// Numbers from 0 to 49 and the same in reverse, as JoeyNMT has them: 1 to `longest` of them, each length as likely.
/// There, 50,000 pairs with at most 25 numbers are for training, 1,000 with at most 30 for validation and for the test.
///
/// # Panics
/// If the longest has no number.
pub fn reverse(seed: u64, count: usize, longest: usize) -> Vec<(String, String)> {
    assert!(longest > 0, "sequences of no number, 1 or more are needed");
    let mut random = seeded(seed);
    let pair = |_| {
        let length = random.random_range(1..=longest);
        let mut numbers: Vec<String> =
            (0..length).map(|_| random.random_range(0..50u32).to_string()).collect();
        let source = numbers.join(" ");
        numbers.reverse();
        (source, numbers.join(" "))
    };
    (0..count).map(pair).collect()
}
