//! Which keys a query sees.

use std::ops::Range;

use super::BLOCK;

/// Farther than any sequence is long.
const FAR: isize = 1 << 40;

/// Row `i` sees the columns `j` with `i + below <= j < i + above`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    below: isize,
    above: isize,
}

impl Band {
    /// Row 0 stands at column `position`; see [`super::Attention`] for the rest.
    pub fn new(position: usize, causal: bool, window: Option<usize>) -> Self {
        let position = position as isize;
        let window = window.map(|window| window as isize);
        let above = if causal { Some(1) } else { window };
        Self {
            below: window.map_or(-FAR, |window| position + 1 - window),
            above: above.map_or(FAR, |above| position + above),
        }
    }

    /// The band in a block that begins at `row` and `column`.
    pub fn block(self, row: usize, column: usize) -> Self {
        let moved = row as isize - column as isize;
        Self { below: self.below + moved, above: self.above + moved }
    }

    /// Rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self { below: 1 - self.above, above: 1 - self.below }
    }

    /// The columns among the first `n` that some row of `rows`, which are not empty, sees.
    #[inline(always)]
    pub fn columns(self, rows: Range<usize>, n: usize) -> Range<usize> {
        let clamp = |column: isize| column.clamp(0, n as isize) as usize;
        let start = clamp(rows.start as isize + self.below);
        start..clamp(rows.end as isize - 1 + self.above).max(start)
    }

    /// The blocks of columns, of `n` in all, that some row of the block `rows` sees.
    pub fn blocks(self, rows: Range<usize>, n: usize) -> Range<usize> {
        let columns = self.columns(rows, n);
        columns.start / BLOCK..columns.end.div_ceil(BLOCK).max(columns.start / BLOCK)
    }
}

/// The rows of block `number` of a sequence of `length`.
pub(super) fn block_range(number: usize, length: usize) -> Range<usize> {
    number * BLOCK..((number + 1) * BLOCK).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_and_its_transpose_say_the_same() {
        for (causal, window) in
            [(true, None), (false, None), (true, Some(3)), (false, Some(2)), (true, Some(1))]
        {
            let band = Band::new(2, causal, window).block(5, 4);
            let (rows, columns) = (9, 11);
            for row in 0..rows {
                let seen = band.columns(row..row + 1, columns);
                for column in 0..columns {
                    // Row 0 of the block is query 5, at place 7; column 0 is key 4.
                    let distance = (row + 7) as isize - (column + 4) as isize;
                    let sees = (!causal || distance >= 0)
                        && window.is_none_or(|window| distance.unsigned_abs() < window);
                    assert_eq!(seen.contains(&column), sees, "{causal} {window:?} {row} {column}");
                    let back = band.transposed().columns(column..column + 1, rows);
                    assert_eq!(back.contains(&row), sees, "{causal} {window:?} {row} {column} transposed");
                }
            }
            let all = band.columns(0..rows, columns);
            let each = (0..rows).map(|row| band.columns(row..row + 1, columns));
            let each: Vec<usize> = each.flatten().collect();
            assert_eq!(all, *each.iter().min().unwrap()..each.iter().max().unwrap() + 1);
        }
    }
}
