//! Small scenes of coloured shapes, and what is to be seen in them.

use rand::RngExt;

use super::{Random, seeded};
use crate::picture::Picture;

/// Pixels of a scene's side.
pub const SIDE: usize = 32;

const COLOURS: &[(&str, [u8; 3])] = &[
    ("red", [220, 40, 40]),
    ("green", [40, 190, 60]),
    ("blue", [60, 90, 230]),
    ("yellow", [230, 210, 40]),
    ("white", [235, 235, 235]),
];
const SHAPES: &[&str] = &["circle", "square", "triangle"];
/// Sizes, with half the side in pixels.
const SIZES: &[(&str, f64)] = &[("small", 3.5), ("large", 6.5)];

/// Which scenes are made. What a scene of one part shows is never shown in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Four fifths of all that can be said.
    Train,
    /// The other fifth: colours, shapes, sizes and places that are known, together as never before.
    Test,
}

/// A picture and what is to be seen in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// The picture, 32 by 32 pixels in colour.
    pub picture: Picture,
    /// Its caption: `a small red circle`, `a large blue square above a small white triangle`.
    pub caption: String,
}

/// Scenes of one shape, or, four times as often, of two beside or above each other, on a dark ground.
///
/// The left or upper shape is named first, so that there is one right caption to a picture.
pub fn scenes(seed: u64, count: usize, part: Part) -> Vec<Scene> {
    let mut random = seeded(seed);
    (0..count)
        .map(|_| {
            loop {
                let seen = Seen::any(&mut random);
                if seen.part() == part {
                    return Scene { caption: seen.caption(), picture: seen.draw(&mut random) };
                }
            }
        })
        .collect()
}

/// Indices of a shape's size, colour and form.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Thing {
    size: usize,
    colour: usize,
    shape: usize,
}

/// What a scene shows: one thing, or two, the second to the right of the first or below it.
enum Seen {
    One(Thing),
    Two { things: [Thing; 2], below: bool },
}

impl Seen {
    fn any(random: &mut Random) -> Seen {
        let mut thing = || Thing {
            size: random.random_range(0..SIZES.len()),
            colour: random.random_range(0..COLOURS.len()),
            shape: random.random_range(0..SHAPES.len()),
        };
        let things = [thing(), thing()];
        if random.random_range(0..5) == 0 {
            Seen::One(things[0])
        } else {
            Seen::Two { things, below: random.random() }
        }
    }

    /// A fifth of all is for the test, spread evenly over each property: the sum of all indices decides.
    fn part(&self) -> Part {
        let number = |thing: &Thing| thing.size + thing.colour + 2 * thing.shape;
        let sum = match self {
            Seen::One(thing) => number(thing),
            Seen::Two { things: [one, other], below } => {
                number(one) + 3 * number(other) + usize::from(*below)
            }
        };
        if sum % 5 == 0 { Part::Test } else { Part::Train }
    }

    fn caption(&self) -> String {
        let name = |&Thing { size, colour, shape }: &Thing| {
            format!("a {} {} {}", SIZES[size].0, COLOURS[colour].0, SHAPES[shape])
        };
        match self {
            Seen::One(thing) => name(thing),
            Seen::Two { things: [one, other], below } => {
                let relation = if *below { "above" } else { "left of" };
                format!("{} {relation} {}", name(one), name(other))
            }
        }
    }

    fn draw(&self, random: &mut Random) -> Picture {
        let mut pixels: Vec<u8> = (0..SIDE * SIDE * 3).map(|_| random.random_range(0..40)).collect();
        // Anywhere within a pixel or two of the middle of its half.
        let mut near = |middle: f64| middle + 3.0 * random.random::<f64>() - 1.5;
        let (half, low, high) = (SIDE as f64 / 2.0, SIDE as f64 / 4.0, SIDE as f64 * 3.0 / 4.0);
        match *self {
            Seen::One(thing) => thing.draw(&mut pixels, near(half), near(half)),
            Seen::Two { things: [one, other], below: true } => {
                one.draw(&mut pixels, near(half), near(low));
                other.draw(&mut pixels, near(half), near(high));
            }
            Seen::Two { things: [one, other], below: false } => {
                one.draw(&mut pixels, near(low), near(half));
                other.draw(&mut pixels, near(high), near(half));
            }
        }
        Picture { width: SIDE, height: SIDE, channels: 3, pixels }
    }
}

impl Thing {
    fn draw(&self, pixels: &mut [u8], x: f64, y: f64) {
        let radius = SIZES[self.size].1;
        for (index, pixel) in pixels.chunks_mut(3).enumerate() {
            // From the middle of the thing to the middle of the pixel, downwards.
            let across = (index % SIDE) as f64 + 0.5 - x;
            let down = (index / SIDE) as f64 + 0.5 - y;
            let inside = match SHAPES[self.shape] {
                "circle" => across.hypot(down) <= radius,
                "square" => across.abs().max(down.abs()) <= radius * 0.9,
                _ => down.abs() <= radius && across.abs() <= (down + radius) / 2.0,
            };
            if inside {
                pixel.copy_from_slice(&COLOURS[self.colour].1);
            }
        }
    }
}

/// Pictures of one thing each, as in [`scenes`], with its form.
pub fn shapes(seed: u64, count: usize) -> Vec<(&'static str, Picture)> {
    let mut random = seeded(seed);
    let shape = |_| {
        let thing = Thing {
            size: random.random_range(0..SIZES.len()),
            colour: random.random_range(0..COLOURS.len()),
            shape: random.random_range(0..SHAPES.len()),
        };
        (SHAPES[thing.shape], Seen::One(thing).draw(&mut random))
    };
    (0..count).map(shape).collect()
}
