//! What can be looked at.

use std::fmt;
use std::str::FromStr;

/// A view: what `--show` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// What was read, where it is no text: curves over time, a picture.
    Input,
    /// A forecast beside what came.
    Forecast,
    /// The tune that was read, to be heard.
    Tune,
    /// The model unrolled over the input: its weights and their shapes.
    Graph,
    /// What the model expects after each step.
    Next,
    /// Gates, cell states and hidden states.
    Gates,
    /// Which unit tracks what of the text.
    Units,
    /// How far gradients reach back.
    Gradients,
    /// The loss by how much of the past is visible.
    Context,
    /// Attention weights.
    Attention,
    /// Attention as search: queries, keys and values.
    Search,
    /// The embedding: its plane and neighbours.
    Embedding,
    /// What of the input an output hangs on.
    Saliency,
    /// The score by the length of what is read.
    Bottleneck,
    /// Time of a training step by length and threads.
    Speed,
}

impl View {
    /// All views with their names.
    pub const ALL: [(Self, &str); 15] = [
        (Self::Input, "input"),
        (Self::Forecast, "forecast"),
        (Self::Tune, "tune"),
        (Self::Graph, "graph"),
        (Self::Next, "next"),
        (Self::Gates, "gates"),
        (Self::Units, "units"),
        (Self::Gradients, "gradients"),
        (Self::Context, "context"),
        (Self::Attention, "attention"),
        (Self::Search, "search"),
        (Self::Embedding, "embedding"),
        (Self::Saliency, "saliency"),
        (Self::Bottleneck, "bottleneck"),
        (Self::Speed, "speed"),
    ];

    /// Whether it takes long, so that it is made where it is asked for only.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Speed | Self::Bottleneck)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = Self::ALL.iter().find(|(view, _)| view == self).map_or("", |(_, name)| name);
        f.pad(name)
    }
}

impl FromStr for View {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let name = name.trim();
        if name.is_empty() {
            return Err("a view's name is missing beside a comma, as in gates,next".into());
        }
        let found = Self::ALL.iter().find(|(_, known)| *known == name).map(|(view, _)| *view);
        found.ok_or_else(|| {
            let known = Self::ALL.map(|(_, name)| name).join(", ");
            format!("there is no view '{name}'; the views are {known}")
        })
    }
}
