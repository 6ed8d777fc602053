//! Order has to be put in by position encodings.

use anaphora_data::{Packed, Sequence};

use super::chapter::{Chapter, Check, Id};
use super::lab::{Lab, Training};
use super::picture::{Drawing, Map, Picture};
use super::{Data, Experiment, Settings};
use crate::Result;
use crate::model::{Compute, Objective, Reads, SequenceModel, Shape};
use crate::recipe::{Backbone, Model, Position};

pub const EXPERIMENT: Experiment = Experiment {
    id: Id::Position,
    data: Data::built_in("symbols alone, since nothing is learnt"),
    trainings,
    seconds: 1.0,
    hold,
};

const ENCODINGS: [(Position, &str, &str); 5] = [
    (Position::None, "none", "none"),
    (Position::Sinusoidal, "sinusoidal", "sinusoidal"),
    (Position::Learned, "learned", "learned"),
    (Position::Rotary, "rotary", "rotary"),
    (Position::Alibi, "alibi", "ALiBi"),
];
/// Width of the model, heads, and symbols that it knows.
const WIDTH: usize = 64;
const HEADS: usize = 4;
const SYMBOLS: usize = 40;
/// What is read: different symbols, of which each is told apart from all others.
const STEPS: usize = 16;
/// Places and values of an encoding that are drawn.
const PLACES: usize = 48;
/// What random weights are multiplied by.
const LARGER: f32 = 5.0;
/// Numbers of the output that are drawn.
const OUTPUTS: usize = 12;

fn trainings(_: &Settings) -> Result<Vec<Training>> {
    Ok(Vec::new())
}

fn hold(lab: &mut Lab) -> Result<Chapter> {
    let mut chapter = Chapter::new(
        Id::Position,
        "Order has to be put in",
        "Attention by itself knows no order: it sees a set. Order has to be put in by position encodings.",
    );
    chapter.experiment = format!(
        "An encoder of two Transformer blocks with random weights, {LARGER} times as large as those that a training begins with, reads {STEPS} different symbols, and then the same symbols in another \
         order. What it says of a symbol is compared, wherever the symbol stands. That is done without positions and with four encodings: \
         waves added to the input (sinusoidal), a learned row for each place, queries and keys turned by their place (rotary), and weights \
         that fall with the distance (ALiBi). Nothing is trained: this follows from how attention is built."
    );
    chapter.reading = "In the first heat maps, on the left is what is said of each symbol in one order, on the right in the other, \
        with symbols in the same rows: without positions both are the same, to the last digit or nearly so. The other pictures \
        show what is added or multiplied for each place; ALiBi and rotary are shown as what they do to the score of two places, \
        the place that asks down and the place that is asked across."
        .into();
    chapter.limits = "A decoder that sees only what came before has some order in that alone. How large the differences are in a model \
        that has learnt is not shown."
        .into();
    let train = ["rotary", "none"].map(|position| {
        format!(
            "anaphora train opinions.csv --task classify --set model.shortcut=none --backbone transformer --position {position} --steps {} --out runs/{position}",
            lab.effort.steps(1_000)
        )
    });
    chapter.commands(["anaphora sample opinions > opinions.csv".to_owned()].into_iter().chain(train));
    // Another order: a step of 7 goes round all 16 places.
    let order: Vec<usize> = (0..STEPS).map(|step| (7 * step + 3) % STEPS).collect();
    let ids: Vec<u32> = (0..STEPS as u32).map(|step| (step * 5 + 1) % SYMBOLS as u32).collect();
    let mixed: Vec<u32> = order.iter().map(|&at| ids[at]).collect();
    let mut rows = Vec::new();
    let mut compute = lab.compute();
    for (position, key, label) in ENCODINGS {
        let model = encoder(position, u64::from(lab.settings.seed));
        let straight = outputs(&model, &mut compute, &ids)?;
        let permuted = outputs(&model, &mut compute, &mixed)?;
        // Back in the order of the first.
        let mut back = vec![Vec::new(); STEPS];
        order.iter().zip(permuted).for_each(|(&at, row)| back[at] = row);
        let pairs = || straight.iter().flatten().zip(back.iter().flatten());
        let largest = pairs().map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        let size = straight.iter().flatten().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
        chapter.figure(format!("{key}_largest_difference"), largest);
        chapter.figure(format!("{key}_largest_output"), size);
        rows.push(vec![label.to_owned(), format!("{largest:.7}"), format!("{size:.3}")]);
        chapter.check(match position {
            Position::None => {
                Check::at_most("without positions, what a permutation changes", largest, 1e-5, 0.0)
            }
            _ => Check::at_least(format!("with {label} positions"), largest, 1e-3, 0.0),
        });
        if position == Position::None || position == Position::Rotary {
            let part = |rows: &[Vec<f32>]| rows.iter().map(|row| row[..OUTPUTS].to_vec()).collect();
            let maps = vec![
                Map::new("one order", part(&straight)),
                Map::new("another order, rows put back", part(&back)),
            ];
            let range = size_of(&maps);
            chapter.pictures.push(Picture::new(
                format!("What is said of each symbol: {label}"),
                "The same symbols in two orders; each row is a symbol.",
                Drawing::Heat { rows: "symbol".into(), columns: "output".into(), maps, range },
            ));
        }
    }
    chapter.pictures.insert(
        0,
        Picture::new(
            "What a permutation changes",
            "The largest difference in what is said of any symbol, beside the largest number that is said at all.",
            Drawing::Table { columns: ["positions", "largest difference", "largest output"].map(str::to_owned).into(), rows },
        ),
    );
    let waves: Vec<Vec<f32>> = (0..PLACES).map(wave).collect();
    let maps = vec![
        ("Sinusoidal", "Added to the input: fast waves on the left, slow ones on the right.", "value", waves),
        (
            "Rotary",
            "What a score of 1 becomes: it hangs on the distance alone.",
            "place that is asked",
            scores(rotary),
        ),
        (
            "ALiBi",
            "What is taken from a score: the more the further away, here for the first head.",
            "place that is asked",
            scores(alibi),
        ),
    ];
    for (title, caption, columns, values) in maps {
        let maps = vec![Map::new("", values)];
        let range = size_of(&maps);
        let drawing = Drawing::Heat { rows: "place".into(), columns: columns.into(), maps, range };
        chapter.pictures.push(Picture::new(title, caption, drawing));
    }
    Ok(chapter)
}

/// An encoder that has learnt nothing and says something of each step.
fn encoder(position: Position, seed: u64) -> SequenceModel {
    let model = Model {
        backbone: Backbone::Transformer,
        layers: 2,
        hidden_size: WIDTH,
        heads: Some(HEADS),
        dropout: 0.0,
        context: Some(STEPS),
        position,
        ..Model::default()
    };
    let shape = Shape { reads: Reads::Tokens(SYMBOLS), outputs: OUTPUTS, each_step: true, causal: false };
    let mut model = SequenceModel::new(&model, shape, Objective::Squared, seed);
    // Weights begin so small that attention is nearly even, and places hardly count: as large as after a training, they do.
    let matrices: Vec<_> = model.params().ids().filter(|&id| model.params().shape(id).len() > 1).collect();
    for id in matrices {
        model.params_mut().value_mut(id).iter_mut().for_each(|value| *value *= LARGER);
    }
    model
}

/// What is said of each step.
fn outputs(model: &SequenceModel, compute: &mut Compute, ids: &[u32]) -> Result<Vec<Vec<f32>>> {
    let batch = Packed::new(&[Sequence::Tokens(ids.to_vec())]);
    let (values, _) = model.predict(compute, &batch, None)?;
    Ok(values.chunks_exact(OUTPUTS).map(<[f32]>::to_vec).collect())
}

/// The sinusoidal row of a place (Vaswani et al. 2017, section 3.5).
fn wave(place: usize) -> Vec<f32> {
    let angle = |pair: usize| place as f64 / 10_000_f64.powf(2.0 * pair as f64 / WIDTH as f64);
    (0..WIDTH).map(|i| if i % 2 == 0 { angle(i / 2).sin() } else { angle(i / 2).cos() } as f32).collect()
}

/// What becomes of a score of two equal vectors whose pairs of values are all as long (Su et al. 2021).
fn rotary(distance: f64) -> f64 {
    let pairs = WIDTH / HEADS / 2;
    let turned = |pair: usize| (distance / 10_000_f64.powf(pair as f64 / pairs as f64)).cos();
    (0..pairs).map(turned).sum::<f64>() / pairs as f64
}

/// What is added to a score by the first head (Press, Smith, Lewis 2022).
fn alibi(distance: f64) -> f64 {
    -distance.abs() * 2_f64.powf(-8.0 / HEADS as f64)
}

fn scores(of: impl Fn(f64) -> f64) -> Vec<Vec<f32>> {
    let row = |query: usize| (0..PLACES).map(|key| of(query as f64 - key as f64) as f32).collect();
    (0..PLACES).map(row).collect()
}

/// The range of colours: the same on both sides of zero where there are numbers below it.
fn size_of(maps: &[Map]) -> [f64; 2] {
    let values = || maps.iter().flat_map(|map| map.values.iter().flatten()).map(|&value| f64::from(value));
    let size = values().fold(0.0, |size: f64, value| size.max(value.abs()));
    [if values().any(|value| value < 0.0) { -size } else { 0.0 }, size]
}
