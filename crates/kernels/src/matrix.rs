//! A borrowed, strided matrix of f32.

use std::ops::Range;

/// A read-only view of `rows` × `cols` values at `row * row_stride + col * col_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row-major matrix over the whole of `data`.
    ///
    /// # Panics
    ///
    /// If `data` does not hold exactly `rows * cols` values.
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Self {
        assert_eq!(data.len(), rows * cols, "{rows} x {cols} matrix over {} values", data.len());
        Self { data, rows, cols, row_stride: cols.max(1), col_stride: 1 }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Distance between two rows in values.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Distance between two columns in values.
    pub fn col_stride(&self) -> usize {
        self.col_stride
    }

    /// The values from the first element of the view on.
    pub fn data(&self) -> &'a [f32] {
        self.data
    }

    /// The same values with rows and columns exchanged; nothing is moved.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// A range of rows.
    pub fn row_range(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows);
        let data = &self.data[(range.start * self.row_stride).min(self.data.len())..];
        Self { data, rows: range.len(), ..self }
    }

    /// A range of columns.
    pub fn col_range(self, range: Range<usize>) -> Self {
        self.transposed().row_range(range).transposed()
    }

    /// The element at `row`, `col`.
    #[inline]
    pub fn at(&self, row: usize, col: usize) -> f32 {
        debug_assert!(row < self.rows && col < self.cols);
        self.data[row * self.row_stride + col * self.col_stride]
    }
}
