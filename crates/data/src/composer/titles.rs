//! Names for tunes.

use std::collections::HashSet;

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

const QUALITIES: &[&str] = &[
    "Amber",
    "Autumn",
    "Bright",
    "Broken",
    "Crooked",
    "Dancing",
    "Distant",
    "Early",
    "Evening",
    "Frosty",
    "Gentle",
    "Golden",
    "Green",
    "Hidden",
    "Hollow",
    "Humble",
    "Idle",
    "Late",
    "Little",
    "Lonely",
    "Long",
    "Merry",
    "Misty",
    "Morning",
    "Narrow",
    "New",
    "Old",
    "Quiet",
    "Red",
    "Restless",
    "Rising",
    "Running",
    "Silver",
    "Sleepy",
    "Summer",
    "Wandering",
    "White",
    "Wild",
    "Windy",
    "Winter",
];

const THINGS: &[&str] = &[
    "Anchor",
    "Apple Tree",
    "Barley",
    "Bell",
    "Blackbird",
    "Boat",
    "Bridge",
    "Brook",
    "Candle",
    "Clover",
    "Crossroads",
    "Fair",
    "Ferry",
    "Fiddle",
    "Field",
    "Garden",
    "Gate",
    "Hare",
    "Harvest",
    "Hearth",
    "Heather",
    "Hill",
    "Island",
    "Kettle",
    "Lantern",
    "Lark",
    "Meadow",
    "Mill",
    "Mountain",
    "Orchard",
    "Path",
    "Pony",
    "Rain",
    "River",
    "Rose",
    "Shore",
    "Star",
    "Stile",
    "Thrush",
    "Willow",
];

/// A title that is not among those used, as long as there are any.
pub(super) fn title(random: &mut Xoshiro256PlusPlus, used: &mut HashSet<String>) -> String {
    const ATTEMPTS: usize = 100;
    let mut title = draw(random);
    for _ in 0..ATTEMPTS {
        if used.insert(title.clone()) {
            break;
        }
        title = draw(random);
    }
    title
}

fn draw(random: &mut Xoshiro256PlusPlus) -> String {
    let mut word = |list: &[&'static str]| list[random.random_range(0..list.len())];
    let (quality, thing, other) = (word(QUALITIES), word(THINGS), word(THINGS));
    match random.random_range(0..8) {
        0 => format!("Over the {quality} {thing}"),
        1 => format!("Down by the {thing}"),
        2 if thing != other => format!("The {thing} and the {other}"),
        _ => format!("The {quality} {thing}"),
    }
}
