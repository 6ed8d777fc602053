//! Lines whose last letter is their first: what it takes to know it is a memory of a known length.

use rand::RngExt;

use super::{choice, seeded};

/// Letters that are to be remembered.
pub const RECALLED: &[char] = &['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
/// What means nothing.
const IDLE: char = '.';
/// What asks for the letter.
pub const ASKS: char = '?';

/// Lines such as `c....?c`: a letter, up to `longest - 1` dots that mean nothing, a question mark, and the letter again. Who cannot
/// remember it guesses one of eight, at a cost of `ln 8` nats. Each distance from 1 to `longest` between the letter and the
/// question mark is as likely.
///
/// # Panics
/// If the longest distance is 0.
pub fn recall(seed: u64, count: usize, longest: usize) -> Vec<String> {
    assert!(longest > 0, "a distance of 0, 1 or more is needed");
    let mut random = seeded(seed);
    let line = |_| {
        let letter = choice(&mut random, RECALLED);
        let idle = random.random_range(0..longest);
        format!("{letter}{}{ASKS}{letter}", IDLE.to_string().repeat(idle))
    };
    (0..count).map(line).collect()
}
