//! All weights in one flat buffer.

use std::ops::Range;

/// A parameter of a [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParamId(pub(crate) usize);

/// What a parameter does in a model: optimizers treat some by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Biases, gains and the like.
    Vector,
    /// A table whose rows are looked up.
    Embedding,
    /// The matrix that gives a model's output.
    Head,
    /// Matrices between hidden values, below each other, with so many rows each: those of an LSTM's gates are four.
    Hidden(Vec<usize>),
}

#[derive(Debug)]
struct Spec {
    name: String,
    shape: Vec<usize>,
    role: Role,
    range: Range<usize>,
}

/// The weights of a model, with names and shapes.
#[derive(Debug, Default)]
pub struct Params {
    specs: Vec<Spec>,
    values: Vec<f32>,
    /// Where weights decay, in order; neighbours are one range.
    decayed: Vec<Range<usize>>,
    version: u64,
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter of `shape` with the given values, row-major. Until [`Params::set_role`] says something else, it is a hidden
    /// matrix where it has several rows and columns.
    ///
    /// Weight decay is for those of two dimensions or more. Biases and the gains of norms have one, and pulling them to zero
    /// limits what a layer can say without making it any smoother (the practice of GPT-2's and most other trainings).
    ///
    /// # Panics
    ///
    /// If there are not as many values as the shape has places, or the name is taken.
    pub fn add(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) -> ParamId {
        let name = name.into();
        assert_eq!(values.len(), shape.iter().product::<usize>(), "{name} has the shape {shape:?}");
        assert!(self.find(&name).is_none(), "{name} is there already");
        let start = self.values.len();
        self.values.extend_from_slice(values);
        let range = start..self.values.len();
        if shape.len() >= 2 {
            match self.decayed.last_mut().filter(|last| last.end == start) {
                Some(last) => last.end = range.end,
                None => self.decayed.push(range.clone()),
            }
        }
        let role = match *shape {
            [rows, cols] if rows > 1 && cols > 1 => Role::Hidden(vec![rows]),
            _ => Role::Vector,
        };
        self.specs.push(Spec { name, shape: shape.to_vec(), role, range });
        self.version += 1;
        ParamId(self.specs.len() - 1)
    }

    /// All parameters, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = ParamId> + use<> {
        (0..self.specs.len()).map(ParamId)
    }

    /// The parameter of that name.
    pub fn find(&self, name: &str) -> Option<ParamId> {
        self.specs.iter().position(|spec| spec.name == name).map(ParamId)
    }

    /// A parameter's name.
    pub fn name(&self, id: ParamId) -> &str {
        &self.specs[id.0].name
    }

    /// A parameter's shape.
    pub fn shape(&self, id: ParamId) -> &[usize] {
        &self.specs[id.0].shape
    }

    /// What a parameter does.
    pub fn role(&self, id: ParamId) -> &Role {
        &self.specs[id.0].role
    }

    /// Says what a parameter does.
    ///
    /// # Panics
    ///
    /// If it is no matrix whose rows are those of the hidden ones together.
    pub fn set_role(&mut self, id: ParamId, role: Role) {
        let Spec { name, shape, role: there, .. } = &mut self.specs[id.0];
        if let Role::Hidden(heights) = &role {
            let rows = heights.iter().sum();
            assert!(shape.len() == 2 && shape[0] == rows, "{name} has the shape {shape:?}, not {rows} rows");
        }
        *there = role;
    }

    /// Whether a parameter's weights decay.
    pub(crate) fn decays(&self, id: ParamId) -> bool {
        self.shape(id).len() >= 2
    }

    /// A parameter's values, row-major.
    pub fn value(&self, id: ParamId) -> &[f32] {
        &self.values[self.specs[id.0].range.clone()]
    }

    /// A parameter's values for writing.
    pub fn value_mut(&mut self, id: ParamId) -> &mut [f32] {
        self.version += 1;
        &mut self.values[self.specs[id.0].range.clone()]
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All weights, flat.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All weights, flat, for writing.
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.version += 1;
        &mut self.values
    }

    /// All weights, flat, for writing, and where they decay.
    pub(crate) fn values_and_decayed(&mut self) -> (&mut [f32], &[Range<usize>]) {
        self.version += 1;
        (&mut self.values, &self.decayed)
    }

    /// Changes whenever weights may have changed: packed copies of an older version are stale.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Where each parameter lies in the flat buffer.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.specs.iter().map(|spec| spec.range.clone())
    }
}
