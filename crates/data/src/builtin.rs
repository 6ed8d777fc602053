//! Examples made by rule, for each kind of task: something to learn from where there is no file.
//!
//! Each function gives the first examples of a seed: those of a smaller count are the first ones of a larger. Tunes are
//! in [`crate::composer`].

mod ball;
mod chorales;
mod classes;
mod memory;
mod motifs;
mod opinions;
mod phrases;
mod prices;
mod problem;
mod recall;
mod samples;
mod seasonal;
mod shapes;

pub use ball::{Ball, Flight, WALL, flights, throws};
pub use chorales::chorales;
pub use classes::{WAVES, names, waves};
pub use memory::{AddingExample, COPY_REMEMBERED, COPY_SYMBOLS, CopyExample, adding, copy, reverse};
pub use motifs::{MOTIFS, motifs};
pub use opinions::{OPINIONS, Twins, opinions, twins};
pub use phrases::{TaggedWord, part_of_speech, phrases};
pub use prices::prices;
pub use problem::{COPY_RECALLED, Problem, marked_numbers, remembered_symbols};
pub use recall::{ASKS, RECALLED, recall};
pub use samples::{SAMPLES, Sample};
pub use seasonal::seasonal;
pub use shapes::{Part, SIDE, Scene, scenes, shapes};

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

type Random = Xoshiro256PlusPlus;

fn seeded(seed: u64) -> Random {
    Random::seed_from_u64(seed)
}

/// A normal number with mean 0 and deviation 1 (Box, Muller 1958).
fn normal(random: &mut Random) -> f64 {
    // 1 - u lies in (0, 1]: its logarithm is finite.
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

/// One of several, each as likely.
fn choice<T: Copy>(random: &mut Random, choices: &[T]) -> T {
    choices[random.random_range(0..choices.len())]
}
