//! The state that a model carries from one part of its sequences to the next.

/// The state of a batch of sequences: some matrices with a row a sequence, and how much each sequence has read.
#[derive(Clone, Debug, Default)]
pub struct State {
    parts: Vec<Part>,
    step_counts: Vec<StepCounts>,
    /// Steps for which a row has room, in matrices that hold steps.
    capacity: usize,
}

#[derive(Clone, Debug)]
struct Part {
    width: usize,
    /// Values of one step, if a row holds steps one after the other; values behind the steps held are undefined.
    step: Option<usize>,
    /// `[rows, width]`.
    values: Vec<f32>,
    /// Buffer for reordering rows.
    spare: Vec<f32>,
}

/// Steps of one sequence. Only models that look back at single steps count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// Steps read since its beginning.
    pub read: usize,
    /// The latest steps that the state still holds.
    pub held: usize,
}

impl State {
    /// All zeros, for `rows` sequences.
    pub fn zeros(rows: usize, widths: impl IntoIterator<Item = usize>) -> Self {
        let mut state =
            Self { parts: Vec::new(), step_counts: vec![StepCounts::default(); rows], capacity: 0 };
        state.lay_out(widths);
        state
    }

    /// Adds matrices of these widths, all zeros.
    fn lay_out(&mut self, widths: impl IntoIterator<Item = usize>) {
        let parts = widths.into_iter().map(|width| Part::new(self.rows(), width, None));
        self.parts.extend(parts.collect::<Vec<_>>());
    }

    /// Adds matrices with room for `capacity` steps a row, of so many values each.
    pub fn lay_out_steps(&mut self, capacity: usize, steps: impl IntoIterator<Item = usize>) {
        self.capacity = capacity;
        let parts = steps.into_iter().map(|step| Part::new(self.rows(), capacity * step, Some(step)));
        self.parts.extend(parts.collect::<Vec<_>>());
    }

    /// Steps for which a row has room.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Makes room for more steps a row.
    pub fn grow(&mut self, capacity: usize) {
        self.capacity = capacity;
        for part in &mut self.parts {
            let Some(step) = part.step else { continue };
            let old = std::mem::replace(part, Part::new(self.step_counts.len(), capacity * step, Some(step)));
            for (row, counts) in self.step_counts.iter().enumerate() {
                let held = counts.held * step;
                part.row_mut(row)[..held].copy_from_slice(&old.values[row * old.width..][..held]);
            }
        }
    }

    /// Number of sequences.
    pub fn rows(&self) -> usize {
        self.step_counts.len()
    }

    /// Number of matrices.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Matrix `part`, `[rows, width]`.
    pub fn part(&self, part: usize) -> &[f32] {
        &self.parts[part].values
    }

    /// Matrix `part`, `[rows, width]`, for writing.
    pub fn part_mut(&mut self, part: usize) -> &mut [f32] {
        &mut self.parts[part].values
    }

    /// Matrices `first` and `first + 1` for writing.
    pub fn pair_mut(&mut self, first: usize) -> [&mut [f32]; 2] {
        let (before, after) = self.parts.split_at_mut(first + 1);
        [&mut before[first].values, &mut after[0].values]
    }

    /// The steps that each sequence has read and that are held of it.
    pub fn step_counts(&self) -> &[StepCounts] {
        &self.step_counts
    }

    /// Likewise, for writing.
    pub fn step_counts_mut(&mut self) -> &mut [StepCounts] {
        &mut self.step_counts
    }

    /// Resets sequence `row` to its initial state.
    pub fn reset(&mut self, row: usize) {
        self.step_counts[row] = StepCounts::default();
        for part in &mut self.parts {
            part.row_mut(row).fill(0.0);
        }
    }

    /// Keeps the first `rows` sequences, or adds fresh ones.
    pub fn resize(&mut self, rows: usize) {
        self.step_counts.resize(rows, StepCounts::default());
        self.parts.iter_mut().for_each(|part| part.values.resize(rows * part.width, 0.0));
    }

    /// Selects the given rows, in that order, with the steps that each holds.
    pub fn select(&mut self, rows: &[usize]) {
        if rows.iter().copied().eq(0..self.rows()) {
            return;
        }
        self.step_counts = rows.iter().map(|&row| self.step_counts[row]).collect();
        for part in &mut self.parts {
            part.spare.resize(rows.len() * part.width, 0.0);
            let selected =
                rows.iter().zip(&self.step_counts).zip(part.spare.chunks_exact_mut(part.width.max(1)));
            for ((&row, counts), to) in selected {
                let used = part.step.map_or(part.width, |step| counts.held * step);
                to[..used].copy_from_slice(&part.values[row * part.width..][..used]);
            }
            std::mem::swap(&mut part.values, &mut part.spare);
        }
    }

    /// Adds the rows of another state of the same model behind its own.
    pub fn append(&mut self, mut other: Self) {
        if self.rows() == 0 {
            *self = other;
            return;
        }
        let capacity = self.capacity.max(other.capacity);
        for state in [&mut *self, &mut other] {
            if state.capacity < capacity {
                state.grow(capacity);
            }
        }
        self.step_counts.append(&mut other.step_counts);
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            part.values.extend_from_slice(&other.values);
        }
    }

    /// Forgets all but the latest `keep` steps of sequence `row`.
    pub fn forget(&mut self, row: usize, keep: usize) {
        let held = self.step_counts[row].held;
        for part in &mut self.parts {
            if let Some(step) = part.step {
                part.row_mut(row).copy_within((held - keep) * step..held * step, 0);
            }
        }
        self.step_counts[row].held = keep;
    }

    /// Copies row `from` of another state of the same layout to row `to`, all but the number of steps read.
    pub fn take_row(&mut self, to: usize, other: &Self, from: usize) {
        self.step_counts[to].held = other.step_counts[from].held;
        for (part, other) in self.parts.iter_mut().zip(&other.parts) {
            part.row_mut(to).copy_from_slice(&other.values[from * other.width..(from + 1) * other.width]);
        }
    }
}

impl Part {
    fn new(rows: usize, width: usize, step: Option<usize>) -> Self {
        Self { width, step, values: vec![0.0; rows * width], spare: Vec::new() }
    }

    fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[row * self.width..(row + 1) * self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_put_in_order_and_of_steps_those_that_are_held() {
        let mut state = State::zeros(3, [2]);
        state.lay_out_steps(4, [1]);
        for part in 0..2 {
            state.part_mut(part).iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
        }
        for (row, counts) in state.step_counts_mut().iter_mut().enumerate() {
            *counts = StepCounts { read: 10 + row, held: 1 + row };
        }
        state.select(&[2, 0, 2, 1]);
        assert_eq!(state.part(0), [4.0, 5.0, 0.0, 1.0, 4.0, 5.0, 2.0, 3.0]);
        let held: Vec<&[f32]> =
            (0..4).map(|row| &state.part(1)[4 * row..][..state.step_counts()[row].held]).collect();
        assert_eq!(held, [&[8.0, 9.0, 10.0][..], &[0.0], &[8.0, 9.0, 10.0], &[4.0, 5.0]]);
        state.select(&[3]);
        assert_eq!((state.part(0), &state.part(1)[..2]), (&[2.0, 3.0][..], &[4.0, 5.0][..]));
        state.grow(6);
        assert_eq!((state.part(0), state.part(1)), (&[2.0, 3.0][..], &[4.0, 5.0, 0.0, 0.0, 0.0, 0.0][..]));
        state.forget(0, 1);
        assert_eq!((state.part(0), state.part(1)[0], state.step_counts()[0].held), (&[2.0, 3.0][..], 5.0, 1));
    }
}
