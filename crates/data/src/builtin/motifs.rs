//! Stretches of DNA, told apart by a motif somewhere in them.

use rand::RngExt;

use super::{Random, choice, seeded};

/// The classes: a motif that is read as it stands, and `none`, where there is none.
pub const MOTIFS: [(&str, &str); 4] =
    [("none", ""), ("tata box", "TATAAA"), ("e box", "CACGTG"), ("gc box", "GGGCGG")];

const BASES: &[char] = &['A', 'C', 'G', 'T'];
/// Bases of a stretch, from the fewest to the most.
const LENGTH: std::ops::RangeInclusive<usize> = 30..=50;
/// One in so many bases of a motif is another one.
const CHANGED: u32 = 16;

/// Stretches of 30 to 50 bases, each with its class. A motif stands anywhere, and one in sixteen of its bases has changed, so that
/// some stretches cannot be told from those without.
pub fn motifs(seed: u64, count: usize) -> Vec<(&'static str, String)> {
    let mut random = seeded(seed);
    (0..count).map(|_| stretch(&mut random)).collect()
}

fn stretch(random: &mut Random) -> (&'static str, String) {
    let (class, motif) = choice(random, &MOTIFS);
    let mut bases: Vec<char> = (0..random.random_range(LENGTH)).map(|_| choice(random, BASES)).collect();
    if !motif.is_empty() {
        let at = random.random_range(0..=bases.len() - motif.len());
        for (base, of_motif) in bases[at..].iter_mut().zip(motif.chars()) {
            *base = if random.random_range(0..CHANGED) == 0 { choice(random, BASES) } else { of_motif };
        }
    }
    (class, bases.into_iter().collect())
}
