//! Tunes composed by rule, in the manner of Irish dances: something to learn from where there is no file.
//!
//! A tune has two parts of eight bars, each repeated (AABB), a part four phrases of two bars. The first phrase opens on
//! the tonic chord, the second or third ends on the dominant side, the last closes on the tonic. Between, motifs come
//! back as they were, with another ending, or in sequence on another step. The note that begins a beat belongs to the
//! chord of that beat; those between lead from one to the next, mostly by step.

mod melody;
mod notation;
mod style;
mod titles;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The first `count` tunes of a seed, in ABC notation, each ending with `\n` and numbered from `X:1`.
///
/// The tunes of a smaller count are the first ones of a larger.
pub fn compose(seed: u64, count: usize) -> Vec<String> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut used = std::collections::HashSet::new();
    (1..=count)
        .map(|number| {
            let title = titles::title(&mut random, &mut used);
            tune(number, &title, &mut random)
        })
        .collect()
}

/// The tunes of [`compose`] as an ABC file, an empty line between two tunes.
pub fn collection(seed: u64, count: usize) -> String {
    compose(seed, count).join("\n")
}

fn tune(number: usize, title: &str, random: &mut Xoshiro256PlusPlus) -> String {
    let dance = weighted(random, style::DANCES.iter().map(|dance| (dance, dance.weight)));
    let mode = weighted(random, style::MODES.iter().map(|mode| (mode, mode.weight)));
    let letter = mode.tonics[random.random_range(0..mode.tonics.len())];
    let parts = melody::Composer::new(dance, mode, letter, random).parts();
    notation::tune(number, title, dance, mode, letter, &parts)
}

/// One of the choices, each with the probability that is its share of all weights, at least one of which is not 0.
fn weighted<T: Copy>(random: &mut Xoshiro256PlusPlus, choices: impl Iterator<Item = (T, u64)> + Clone) -> T {
    let mut left = random.random_range(0..choices.clone().map(|(_, weight)| weight).sum());
    let mut choices = choices;
    loop {
        let (choice, weight) = choices.next().expect("the weights sum to more than what is left");
        if left < weight {
            return choice;
        }
        left -= weight;
    }
}

#[cfg(test)]
mod tests;
