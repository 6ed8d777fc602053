//! Things to be classified: waves by their form, names by their language.

use rand::RngExt;

use super::{Random, choice, normal, seeded};
use crate::frames::Frames;

/// Forms of waves.
pub const WAVES: [&str; 4] = ["sine", "triangle", "square", "sawtooth"];

/// Waves of any phase, three to eight periods and an amplitude of 0.5 to 1.5, under normal noise of deviation `noise`:
/// `[length, 1]`, each with the index of its form in [`WAVES`].
pub fn waves(seed: u64, count: usize, length: usize, noise: f32) -> Vec<(Frames, usize)> {
    let mut random = seeded(seed);
    let wave = |_| {
        let form = random.random_range(0..WAVES.len());
        let [phase, periods, amplitude] = [(0.0, 1.0), (3.0, 8.0), (0.5, 1.5)]
            .map(|(low, high)| low + (high - low) * random.random::<f64>());
        let sample = |index: usize| {
            // Where in its period the wave is, from 0 to below 1.
            let turn = (phase + periods * index as f64 / length as f64).fract();
            let value = match form {
                0 => (std::f64::consts::TAU * turn).sin(),
                1 => 1.0 - 4.0 * (turn - 0.5).abs(),
                2 => (0.5 - turn).signum(),
                _ => 2.0 * turn - 1.0,
            };
            (amplitude * value + f64::from(noise) * normal(&mut random)) as f32
        };
        (Frames { width: 1, values: (0..length).map(sample).collect() }, form)
    };
    (0..count).map(wave).collect()
}

/// An invented language: how its names begin, go on and end.
struct Language {
    name: &'static str,
    first: &'static [&'static str],
    middle: &'static [&'static str],
    last: &'static [&'static str],
}

/// Their letters are the same, and some syllables too; what follows on what tells them apart.
const LANGUAGES: &[Language] = &[
    Language {
        name: "northern",
        first: &["Thor", "Sig", "Hal", "Ing", "Ast", "Ber", "Gun", "Ran"],
        middle: &["a", "en", "mar", "vi", "er"],
        last: &["son", "dottir", "gard", "berg", "nes", "vik", "mar"],
    },
    Language {
        name: "southern",
        first: &["Ma", "Be", "Lo", "Vi", "Ca", "Ra", "Sa", "Fe"],
        middle: &["ri", "lla", "ne", "tto", "sca", "ber", "mar"],
        last: &["no", "lli", "ta", "ri", "nese", "tti", "go"],
    },
    Language {
        name: "eastern",
        first: &["Vol", "Bor", "Mir", "Sta", "Kra", "Pet", "Iv", "Ros"],
        middle: &["o", "en", "isla", "ko", "ni", "mar", "a"],
        last: &["vich", "ski", "nov", "enko", "vna", "gar", "sky"],
    },
    Language {
        name: "island",
        first: &["Ka", "Mo", "Le", "Na", "Ho", "Pu", "A", "Ke"],
        middle: &["la", "ni", "ko", "a", "ho", "mo", "ri"],
        last: &["a", "ni", "kai", "loa", "no", "lea", "u"],
    },
];

/// Names of four invented languages, each with its language.
pub fn names(seed: u64, count: usize) -> Vec<(&'static str, String)> {
    let mut random = seeded(seed);
    (0..count)
        .map(|_| {
            let language = &LANGUAGES[random.random_range(0..LANGUAGES.len())];
            (language.name, name(language, &mut random))
        })
        .collect()
}

fn name(language: &Language, random: &mut Random) -> String {
    let mut name = choice(random, language.first).to_owned();
    for _ in 0..random.random_range(0..3) {
        name += choice(random, language.middle);
    }
    name + choice(random, language.last)
}
