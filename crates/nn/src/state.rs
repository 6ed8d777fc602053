//! What a model carries from one stretch of its sequences to the next.

/// The state of a batch of sequences: some matrices with a row a sequence, and how much each sequence has read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    parts: Vec<Part>,
    progress: Vec<Progress>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    width: usize,
    /// `[rows, width]`.
    values: Vec<f32>,
}

/// How far a sequence has come. Only models that look back at single steps count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Steps read since its beginning.
    pub read: usize,
    /// The latest steps that the state still holds.
    pub held: usize,
}

impl State {
    /// All zeros, for `rows` sequences.
    pub fn zeros(rows: usize, widths: impl IntoIterator<Item = usize>) -> Self {
        let mut state = Self { parts: Vec::new(), progress: vec![Progress::default(); rows] };
        state.lay_out(widths);
        state
    }

    /// Adds matrices of these widths, all zeros.
    pub fn lay_out(&mut self, widths: impl IntoIterator<Item = usize>) {
        let rows = self.rows();
        self.parts.extend(widths.into_iter().map(|width| Part { width, values: vec![0.0; rows * width] }));
    }

    /// Number of sequences.
    pub fn rows(&self) -> usize {
        self.progress.len()
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

    /// Matrices `first` and `first + 1` for writing.
    pub fn pair_mut(&mut self, first: usize) -> [&mut [f32]; 2] {
        let (before, after) = self.parts.split_at_mut(first + 1);
        [&mut before[first].values, &mut after[0].values]
    }

    /// How far each sequence has come.
    pub fn progress(&self) -> &[Progress] {
        &self.progress
    }

    /// The same for writing.
    pub fn progress_mut(&mut self) -> &mut [Progress] {
        &mut self.progress
    }

    /// Begins sequence `row` afresh.
    pub fn reset(&mut self, row: usize) {
        self.progress[row] = Progress::default();
        for part in &mut self.parts {
            part.row_mut(row).fill(0.0);
        }
    }

    /// Keeps the first `rows` sequences, or adds fresh ones.
    pub fn resize(&mut self, rows: usize) {
        self.progress.resize(rows, Progress::default());
        self.parts.iter_mut().for_each(|part| part.values.resize(rows * part.width, 0.0));
    }

    /// Makes the rows those of the given old ones, in that order.
    pub fn select(&mut self, rows: &[usize]) {
        self.progress = rows.iter().map(|&row| self.progress[row]).collect();
        for part in &mut self.parts {
            let old = std::mem::take(&mut part.values);
            part.values =
                rows.iter().flat_map(|row| &old[row * part.width..(row + 1) * part.width]).copied().collect();
        }
    }

    /// Forgets all but the latest `keep` steps of sequence `row`, whose matrices hold a step after the other, each of its
    /// part of `widths`.
    pub fn forget(&mut self, row: usize, keep: usize, widths: &[usize]) {
        let held = self.progress[row].held;
        for (part, width) in self.parts.iter_mut().zip(widths) {
            part.row_mut(row).copy_within((held - keep) * width..held * width, 0);
        }
        self.progress[row].held = keep;
    }

    /// Makes row `to` that of row `from` of another state of the same layout, but for the steps read.
    pub fn take_row(&mut self, to: usize, other: &Self, from: usize) {
        self.progress[to].held = other.progress[from].held;
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            part.row_mut(to).copy_from_slice(&other.values[from * other.width..(from + 1) * other.width]);
        }
    }
}

impl Part {
    fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.width..(row + 1) * self.width]
    }
}
