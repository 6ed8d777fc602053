//! Opinions on films, of which the order of the words decides as much as the words do.

use rand::RngExt;

use super::{Random, choice, seeded};

/// What opinions are, in alphabetical order.
pub const OPINIONS: [&str; 2] = ["negative", "positive"];

/// Words of praise, the common ones first.
const GOOD: &[&str] = &[
    "good", "funny", "clever", "moving", "warm", "bold", "honest", "tender", "witty", "bright", "graceful",
    "gripping", "inspired", "luminous", "deft", "rousing",
];
/// Words of blame, likewise.
const BAD: &[&str] = &[
    "bad", "dull", "silly", "slow", "cold", "timid", "false", "coarse", "stale", "bleak", "clumsy",
    "tedious", "tired", "murky", "shrill", "leaden",
];
const THINGS: &[&str] =
    &["film", "plot", "music", "ending", "hero", "script", "scenery", "first half", "cast", "dialogue"];
const DEGREES: &[&str] = &["", "very", "quite", "rather", "really"];
const BEFORE: &[&str] = &[
    "",
    "",
    "",
    "we saw it on a monday :",
    "my brother chose it ,",
    "to be fair ,",
    "i will keep it short :",
];
const AFTER: &[&str] =
    &["", "", "", "and it runs for two hours", "as the paper said", "in my view", "for once"];

/// One label in so many is wrong.
const WRONG: u32 = 25;

/// Two opinions of the same words in another order: the first negative, the second positive.
pub type Twins = [String; 2];

/// Opinions with what they are. Half of them can be told by their words alone (`the plot was clever`); of the others each has a twin
/// with the same words in another order that says the opposite (`good , not bad`), or turns a word by `not`. Words of praise
/// and blame are as rare as in any text: some are met a few times only. One label in twenty-five is wrong, as in any collection.
pub fn opinions(seed: u64, count: usize) -> Vec<(&'static str, String)> {
    let mut random = seeded(seed);
    let opinion = |_| {
        let (kind, text) = match random.random_range(0..8) {
            0..4 => plain(&mut random),
            4 => turned(&mut random),
            _ => {
                let kind = random.random_range(0..2);
                let [negative, positive] = twin(&mut random);
                (kind, if kind == 0 { negative } else { positive })
            }
        };
        let is_wrong = random.random_range(0..WRONG) == 0;
        (OPINIONS[if is_wrong { 1 - kind } else { kind }], text)
    };
    (0..count).map(opinion).collect()
}

/// Opinions of the same words that differ by their order.
pub fn twins(seed: u64, count: usize) -> Vec<Twins> {
    let mut random = seeded(seed);
    (0..count).map(|_| twin(&mut random)).collect()
}

/// A word of a kind: each is half as likely as one of half its rank.
fn word(random: &mut Random, kind: usize) -> &'static str {
    let words = [BAD, GOOD][kind];
    let rank = (words.len() as f64).powf(random.random::<f64>()) - 1.0;
    words[(rank as usize).min(words.len() - 1)]
}

/// With what may stand before and behind it.
fn said(random: &mut Random, opinion: &str) -> String {
    let parts = [choice(random, BEFORE), opinion, choice(random, AFTER)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn with_degree(random: &mut Random, word: &str) -> String {
    match choice(random, DEGREES) {
        "" => word.to_owned(),
        degree => format!("{degree} {word}"),
    }
}

fn plain(random: &mut Random) -> (usize, String) {
    let kind = random.random_range(0..2);
    let (word, thing) = (word(random, kind), choice(random, THINGS));
    let word = with_degree(random, word);
    let opinion = match random.random_range(0..3) {
        0 => format!("a {word} {thing}"),
        1 => format!("the {thing} is {word}"),
        _ => format!("i found the {thing} {word}"),
    };
    (kind, said(random, &opinion))
}

fn turned(random: &mut Random) -> (usize, String) {
    let kind = random.random_range(0..2);
    let (word, thing) = (word(random, kind), choice(random, THINGS));
    let word = with_degree(random, word);
    (1 - kind, said(random, &format!("the {thing} is not {word}")))
}

fn twin(random: &mut Random) -> Twins {
    let (bad, good) = (word(random, 0), word(random, 1));
    let (one, other) = (choice(random, THINGS), choice(random, THINGS));
    let degree = with_degree(random, "");
    let degree = degree.trim();
    let form = random.random_range(0..4);
    let opinion = |first: &str, second: &str| match form {
        0 => format!("the {one} is {first} , not {second}"),
        1 => format!("the {one} is {second} but the {other} is {degree} {first}"),
        2 => format!("i expected a {second} {one} and it is {degree} {first}"),
        _ => format!("{first} rather than {second} , this {one}"),
    };
    let (before, after) = (choice(random, BEFORE), choice(random, AFTER));
    [(bad, good), (good, bad)].map(|(first, second)| {
        let words = [before, &opinion(first, second), after].join(" ");
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}
