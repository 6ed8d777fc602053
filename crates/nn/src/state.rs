//! What a model carries from one stretch of its sequences to the next.

/// The state of a batch of sequences: some matrices with a row a sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    rows: usize,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    width: usize,
    /// `[rows, width]`.
    values: Vec<f32>,
}

impl State {
    /// All zeros, for `rows` sequences.
    pub fn zeros(rows: usize, widths: impl IntoIterator<Item = usize>) -> Self {
        let part = |width| Part { width, values: vec![0.0; rows * width] };
        Self { rows, parts: widths.into_iter().map(part).collect() }
    }

    /// Number of sequences.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of matrices.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Matrix `part`, `[rows, width]`.
    pub fn part(&self, part: usize) -> &[f32] {
        &self.parts[part].values
    }

    /// Matrix `part` for writing.
    pub fn part_mut(&mut self, part: usize) -> &mut [f32] {
        &mut self.parts[part].values
    }

    /// Begins sequence `row` afresh.
    pub fn reset(&mut self, row: usize) {
        for part in &mut self.parts {
            part.values[row * part.width..(row + 1) * part.width].fill(0.0);
        }
    }

    /// Keeps the first `rows` sequences, or adds fresh ones.
    pub fn resize(&mut self, rows: usize) {
        self.rows = rows;
        self.parts.iter_mut().for_each(|part| part.values.resize(rows * part.width, 0.0));
    }

    /// Makes the rows those of the given old ones, in that order.
    pub fn select(&mut self, rows: &[usize]) {
        self.rows = rows.len();
        for part in &mut self.parts {
            let old = std::mem::take(&mut part.values);
            part.values =
                rows.iter().flat_map(|row| &old[row * part.width..(row + 1) * part.width]).copied().collect();
        }
    }
}
