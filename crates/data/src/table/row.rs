//! A row and its cells, which lie one behind the other: a large table has many of them.

use std::fmt;
use std::ops::Index;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its cells, without white space around them.
    pub cells: Cells,
}

/// The texts of the cells of a row.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Cells {
    /// Their texts.
    text: Box<str>,
    /// Where each ends, in bytes of `text`.
    ends: Box<[usize]>,
}

impl Cells {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Their texts in their order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator + Clone {
        (0..self.len()).map(move |index| &self[index])
    }

    /// Leaves out those behind the first `count`.
    pub fn truncate(&mut self, count: usize) {
        if count < self.len() {
            *self = self.iter().take(count).collect();
        }
    }
}

impl Index<usize> for Cells {
    type Output = str;

    fn index(&self, index: usize) -> &str {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[index]]
    }
}

impl<T: AsRef<str>> FromIterator<T> for Cells {
    fn from_iter<I: IntoIterator<Item = T>>(cells: I) -> Self {
        let mut all = NewCells::default();
        cells.into_iter().for_each(|cell| all.push(cell.as_ref()));
        all.finish()
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Cells that are found one after the other.
#[derive(Default)]
pub(super) struct NewCells {
    text: String,
    ends: Vec<usize>,
}

impl NewCells {
    /// Adds one.
    pub fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }

    /// All of them, with no room for others.
    pub fn finish(self) -> Cells {
        Cells { text: self.text.into(), ends: self.ends.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_what_was_put_in() {
        let mut cells: Cells = ["a", "bc", "", "ä d"].into_iter().collect();
        assert_eq!(cells.iter().collect::<Vec<_>>(), ["a", "bc", "", "ä d"]);
        assert_eq!((&cells[0], &cells[3], cells.len()), ("a", "ä d", 4));
        assert_eq!(cells.iter().rposition(str::is_empty), Some(2));
        cells.truncate(9);
        assert_eq!(cells.len(), 4);
        cells.truncate(2);
        assert_eq!(cells, ["a", "bc"].into_iter().collect());
        assert!(Cells::default().is_empty() && !cells.is_empty());
    }
}
