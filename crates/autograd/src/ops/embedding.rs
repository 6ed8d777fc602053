//! Token numbers to rows of values.

use std::rc::Rc;

use anaphora_kernels::embedding;

use crate::Gradients;
use crate::error::{ShapeError, expect};
use crate::graph::{Graph, Lookup, Operation, Tensor};
use crate::params::ParamId;

struct Embedding {
    table: ParamId,
    ids: Rc<[u32]>,
    y: Tensor,
}

impl Graph<'_> {
    /// Rows of `table[vocab, width]`: `[ids.len(), width]`.
    pub fn embedding(&mut self, table: ParamId, ids: &[u32]) -> Result<Tensor, ShapeError> {
        let &[vocab, width] = self.params.shape(table) else {
            let side = (self.params.name(table), self.params.shape(table));
            return Err(expect(
                false,
                "embedding",
                ("ids", &[ids.len()]),
                side,
                "a table has rows and columns",
            )
            .unwrap_err());
        };
        check_ids(ids, "embedding", self.params.name(table), &[vocab, width])?;
        let mut value = self.workspace.take(ids.len() * width);
        for (row, &id) in value.chunks_exact_mut(width.max(1)).zip(ids) {
            self.params.copy_row(table, id as usize, row);
        }
        let y = self.push("embedding", value, ids.len(), width, true);
        let ids: Rc<[u32]> = ids.into();
        self.set_lookup(y, Lookup { table, ids: Rc::clone(&ids) });
        self.record(Embedding { table, ids, y });
        Ok(y)
    }

    /// `[ids.len(), vocab]`, zero but for a one at each id.
    pub fn one_hot(&mut self, vocab: usize, ids: &[u32]) -> Result<Tensor, ShapeError> {
        check_ids(ids, "one_hot", "vocabulary", &[vocab])?;
        let mut value = self.workspace.take(ids.len() * vocab);
        embedding::one_hot(vocab, ids, &mut value);
        Ok(self.push("one_hot", value, ids.len(), vocab, false))
    }
}

/// All ids are rows of a table that has `shape[0]` of them.
pub(super) fn check_ids(
    ids: &[u32],
    operation: &'static str,
    table: &str,
    shape: &[usize],
) -> Result<(), ShapeError> {
    let largest = ids.iter().copied().max().map_or(0, |id| id as usize);
    let fits = ids.is_empty() || largest < shape[0];
    expect(
        fits,
        operation,
        ("the largest id", &[largest]),
        (table, shape),
        "ids must be below the number of rows",
    )
}

impl Operation for Embedding {
    fn backward(&self, graph: &mut Graph, gradients: &mut Gradients) {
        let dy = graph.take_grad(self.y);
        if !dy.is_empty() {
            let dtable = gradients.value_mut(self.table);
            embedding::backward(&graph.device.pool, dtable, self.y.cols, &self.ids, &dy);
        }
        graph.workspace.give(dy);
    }
}
