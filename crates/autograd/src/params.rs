//! All weights in one flat buffer.

use std::ops::{Deref, Range};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use anaphora_kernels::matmul::linear::PackedColumns;
use anaphora_kernels::{Buffer, Matrix};

use crate::{Device, Precision};

/// A parameter of a [`Params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParamId(pub(crate) usize);

/// The role of a parameter in a model: optimizers treat some roles differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Biases, gains and the like.
    Vector,
    /// A table whose rows are looked up.
    Embedding,
    /// The head: the matrix that gives a model's output.
    Head,
    /// Matrices between hidden values, below each other, with so many rows each: those of an LSTM's gates are four.
    Hidden(Vec<usize>),
}

#[derive(Debug)]
struct Spec {
    name: String,
    shape: Vec<usize>,
    role: Role,
    /// Where its gradient lies among all gradients, and its values among all values where all are kept as they are.
    range: Range<usize>,
    /// Where its values lie; none before they are given, and where they are kept packed alone.
    values: Option<Range<usize>>,
    /// The groups of its rows, where products multiply by it, transposed.
    groups: Option<usize>,
    /// Whether rows of it are looked up.
    table: bool,
    /// Its copies for products in each precision.
    packed: [RwLock<Versioned>; 3],
}

impl Spec {
    /// Its groups, rows and columns, where it is kept packed alone.
    fn packed_alone(&self, precision: Precision) -> Option<(usize, [usize; 2])> {
        let looked_up = self.table && precision != Precision::F32;
        self.groups.filter(|_| !looked_up).zip(self.shape.as_array().copied())
    }
}

/// Packed weights, and the version of the weights that they were packed from; 0 where there are none.
#[derive(Debug, Default)]
struct Versioned {
    packed: PackedColumns,
    version: u64,
}

/// The weights of a model, with names and shapes.
///
/// They keep the copies of themselves that products read, packed where they are first needed and again after each
/// change, and shared by all who work with them.
#[derive(Debug, Default)]
pub struct Params {
    specs: Vec<Spec>,
    values: Buffer,
    len: usize,
    /// Where weights decay, in order; neighbours are one range.
    decayed: Vec<Range<usize>>,
    /// Changes whenever weights may have changed.
    version: u64,
    /// The precision in which matrices are kept packed alone, where some are.
    precision: Option<Precision>,
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter of `shape` with the given values, row-major. Until [`Params::set_role`] says something else, it
    /// is a hidden matrix where it has several rows and columns.
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
        self.settle();
        let id = self.declare(name, shape);
        let spec = &mut self.specs[id.0];
        spec.values = Some(spec.range.clone());
        let range = spec.range.clone();
        self.values.fit(range.end)[range].copy_from_slice(values);
        self.version += 1;
        id
    }

    /// Adds a parameter whose values are to be given: by [`Params::fill`], or by writing to those that [`Params::value_mut`]
    /// lends, which are zeros at first.
    ///
    /// # Panics
    ///
    /// If the name is taken.
    pub fn declare(&mut self, name: impl Into<String>, shape: &[usize]) -> ParamId {
        let name = name.into();
        assert!(self.find(&name).is_none(), "{name} is there already");
        let range = self.len..self.len + shape.iter().product::<usize>();
        self.len = range.end;
        if shape.len() >= 2 {
            match self.decayed.last_mut().filter(|last| last.end == range.start) {
                Some(last) => last.end = range.end,
                None => self.decayed.push(range.clone()),
            }
        }
        let role = match *shape {
            [rows, cols] if rows > 1 && cols > 1 => Role::Hidden(vec![rows]),
            _ => Role::Vector,
        };
        let (shape, packed) = (shape.to_vec(), Default::default());
        self.specs.push(Spec { name, shape, role, range, values: None, groups: None, table: false, packed });
        ParamId(self.specs.len() - 1)
    }

    /// Says that products multiply by this matrix, transposed, and in how many groups its rows come: the gates of a
    /// cell, one elsewhere. [`Params::fill`] may then keep it packed alone.
    pub fn multiplied(&mut self, id: ParamId, groups: usize) {
        self.specs[id.0].groups = Some(groups);
    }

    /// Says that rows of this matrix are looked up.
    pub fn looked_up(&mut self, id: ParamId) {
        self.specs[id.0].table = true;
    }

    /// Gives a declared parameter its values: `next` fills some of them, row-major and in order, each time that it is
    /// called, until there are all. Stops at its first error.
    ///
    /// With a precision a matrix that products multiply by is kept once only, packed for products in that precision, unless
    /// rows are looked up that are rounded there; products with it are in this precision then, whatever the device's. Such
    /// weights can predict but not be trained or read.
    ///
    /// # Panics
    ///
    /// If the parameter has values, or others were given for another precision or for none.
    pub fn fill<E>(
        &mut self,
        id: ParamId,
        precision: Option<Precision>,
        mut next: impl FnMut(&mut [f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(precision) = precision else { return next(self.value_mut(id)) };
        assert!(self.precision.is_none_or(|other| other == precision), "weights for two precisions");
        assert!(self.precision.is_some() || self.values.is_empty(), "some weights are kept as they are");
        self.precision = Some(precision);
        let version = self.version + 1;
        self.version = version;
        // Room for all at once: it is not moved for each.
        let others = self.specs.iter().filter(|spec| spec.packed_alone(precision).is_none());
        self.values.reserve(others.map(|spec| spec.range.len()).sum());
        let spec = &mut self.specs[id.0];
        assert!(spec.values.is_none(), "{} has values", spec.name);
        match spec.packed_alone(precision) {
            Some((groups, [rows, columns])) => {
                let slot = spec.packed[precision as usize].get_mut().unwrap_or_else(PoisonError::into_inner);
                slot.version = version;
                slot.packed.fill(precision, [columns, rows], groups, next)
            }
            None => {
                let start = self.values.len();
                self.values.fit(start + spec.range.len())[start..].fill(0.0);
                spec.values = Some(start..self.values.len());
                next(&mut self.values[start..])
            }
        }
    }

    /// Fills parameters without values with zeros.
    fn settle(&mut self) {
        assert!(self.precision.is_none(), "these weights are kept for products alone");
        if self.values.len() < self.len {
            let given = self.values.len();
            self.values.fit(self.len)[given..].fill(0.0);
            self.specs.iter_mut().for_each(|spec| spec.values = Some(spec.range.clone()));
        }
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

    /// A parameter's role.
    pub fn role(&self, id: ParamId) -> &Role {
        &self.specs[id.0].role
    }

    /// Sets a parameter's role.
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
    ///
    /// # Panics
    ///
    /// If it has none, or is kept packed alone; see [`Params::fill`].
    pub fn value(&self, id: ParamId) -> &[f32] {
        let spec = &self.specs[id.0];
        let Some(range) = &spec.values else { panic!("the values of {} are not kept", spec.name) };
        &self.values[range.clone()]
    }

    /// A parameter's values for writing.
    ///
    /// # Panics
    ///
    /// If some weights are kept packed alone; see [`Params::fill`].
    pub fn value_mut(&mut self, id: ParamId) -> &mut [f32] {
        let range = self.specs[id.0].range.clone();
        &mut self.values_mut()[range]
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All weights, flat: none that are kept packed alone, and none before values are given.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All weights, flat, for writing.
    ///
    /// # Panics
    ///
    /// If some weights are kept packed alone; see [`Params::fill`].
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.settle();
        self.version += 1;
        &mut self.values
    }

    /// Memory that the weights and their packed copies take, in bytes.
    pub fn bytes(&self) -> usize {
        let read =
            |slot: &RwLock<Versioned>| slot.read().unwrap_or_else(PoisonError::into_inner).packed.bytes();
        size_of_val(&self.values[..])
            + self.specs.iter().flat_map(|spec| &spec.packed).map(read).sum::<usize>()
    }

    /// A matrix, transposed and packed for products on `device`, its rows in so many groups.
    pub(crate) fn packed(&self, device: &Device, id: ParamId, groups: usize) -> Packed<'_> {
        let spec = &self.specs[id.0];
        let precision = match (&spec.values, self.precision) {
            (None, Some(precision)) => precision,
            _ => device.precision(),
        };
        let slot = &spec.packed[precision as usize];
        // A matrix that is kept packed alone does not change.
        let fresh = |slot: &Versioned| {
            slot.packed.groups() == groups && (spec.values.is_none() || slot.version == self.version)
        };
        let there = slot.read().unwrap_or_else(PoisonError::into_inner);
        if fresh(&there) {
            return Packed(there);
        }
        drop(there);
        let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
        if !fresh(&slot) {
            let &[rows, columns] = &spec.shape[..] else { panic!("{} is no matrix", spec.name) };
            let matrix = Matrix::new(self.value(id), rows, columns).transposed();
            slot.packed.pack(&device.pool, precision, matrix, groups);
            slot.version = self.version;
        }
        Packed(RwLockWriteGuard::downgrade(slot))
    }

    /// Copies a row of a table.
    pub(crate) fn copy_row(&self, table: ParamId, row: usize, to: &mut [f32]) {
        match (&self.specs[table.0].values, self.precision) {
            (None, Some(precision)) => {
                let slot = &self.specs[table.0].packed[precision as usize];
                slot.read().unwrap_or_else(PoisonError::into_inner).packed.copy_column(row, to);
            }
            _ => to.copy_from_slice(&self.value(table)[row * to.len()..(row + 1) * to.len()]),
        }
    }

    /// Whether a parameter's values are kept as they are.
    pub(crate) fn has_values(&self, id: ParamId) -> bool {
        self.specs[id.0].values.is_some()
    }

    /// All weights, flat, for writing, and where they decay.
    pub(crate) fn values_and_decayed(&mut self) -> (&mut [f32], &[Range<usize>]) {
        self.values_mut();
        (&mut self.values, &self.decayed)
    }

    /// Where each parameter's gradient lies.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.specs.iter().map(|spec| spec.range.clone())
    }
}

/// Packed weights, not repacked while they are read.
pub(crate) struct Packed<'a>(RwLockReadGuard<'a, Versioned>);

impl Deref for Packed<'_> {
    type Target = PackedColumns;

    fn deref(&self) -> &PackedColumns {
        &self.0.packed
    }
}
