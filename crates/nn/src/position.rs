//! Positional encodings of a Transformer.

use std::rc::Rc;

use anaphora_autograd::{Graph, ParamId, Role, Rotary, ShapeError, Tensor};

use crate::{Builder, init};

/// The kinds of positional encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// None: only a causal mask gives an order.
    None,
    /// Fixed waves, added to the input (Vaswani et al. 2017).
    Sinusoidal,
    /// A learned row for each place, added to the input.
    Learned,
    /// Rotary: queries and keys are rotated by their place (Su et al. 2021).
    Rotary,
    /// ALiBi: attention weights fall with the distance (Press, Smith, Lewis 2022).
    Alibi,
}

/// The base of rotary frequencies, the authors'.
pub const ROTARY_BASE: f32 = 10_000.0;

impl Position {
    /// Whether places count from the context's first token, so that what was computed for a token holds at its place only.
    pub fn is_absolute(self) -> bool {
        matches!(self, Self::Sinusoidal | Self::Learned)
    }
}

/// The parameters of a positional encoding.
#[derive(Clone, Debug)]
pub(crate) struct Positions {
    kind: Position,
    width: usize,
    head_size: usize,
    rotary_base: f32,
    /// `[context, width]`.
    table: Option<ParamId>,
}

impl Positions {
    /// Adds `NAME.weight [context, width]` where places are learned.
    pub fn new(
        builder: &mut Builder,
        name: &str,
        kind: Position,
        [context, width, head_size]: [usize; 3],
        rotary_base: f32,
    ) -> Self {
        let table = (kind == Position::Learned).then(|| {
            let table = builder.add(format!("{name}.weight"), &[context, width], move |random, w| {
                init::normal(random, w, 0.02)
            });
            builder.set_role(table, Role::Embedding);
            table
        });
        Self { kind, width, head_size, rotary_base, table }
    }

    /// `x[rows, width]` with its places added, where they are added; `places` has one for each row.
    pub fn add(&self, graph: &mut Graph, x: Tensor, places: &[usize]) -> Result<Tensor, ShapeError> {
        let rows = match (self.kind, self.table) {
            (Position::Learned, Some(table)) => {
                let places: Vec<u32> = places.iter().map(|&place| place as u32).collect();
                graph.embedding(table, &places)?
            }
            (Position::Sinusoidal, _) => {
                let mut waves = vec![0.0; places.len() * self.width];
                for (row, &place) in waves.chunks_exact_mut(self.width).zip(places) {
                    wave(place, row);
                }
                graph.constant(&waves, places.len(), self.width)?
            }
            _ => return Ok(x),
        };
        graph.add(x, rows)
    }

    /// The rotary angles of rows at these places; none for other encodings.
    pub fn rotary(&self, places: &[usize]) -> Option<Rc<Rotary>> {
        (self.kind == Position::Rotary)
            .then(|| Rc::new(Rotary::new(self.head_size, self.rotary_base, places)))
    }
}

/// Fills `row[width]` with sines and cosines of `place / 10000^(2 i / width)`, in turn (Vaswani et al. 2017, section 3.5).
pub fn wave(place: usize, row: &mut [f32]) {
    let width = row.len() as f64;
    for (i, pair) in row.chunks_mut(2).enumerate() {
        let angle = place as f64 / 10_000f64.powf(2.0 * i as f64 / width);
        let (sin, cos) = angle.sin_cos();
        pair.iter_mut().zip([sin, cos]).for_each(|(value, part)| *value = part as f32);
    }
}
