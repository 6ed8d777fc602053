//! A recurrent layer unrolled: each time step an operation of its own, so that the gradient of each state can be seen.

use anaphora_autograd::{Cell, Direction, Graph, RecurrentOutput, ShapeError, Tensor};

/// What [`Graph::recurrent`] computes, a step at a time; where somebody looks on, each operation watches its states.
pub fn recurrent(
    graph: &mut Graph,
    cell: Cell,
    x: Tensor,
    batch_sizes: &[usize],
    directions: &[Direction],
) -> Result<RecurrentOutput, ShapeError> {
    let mut output: Option<RecurrentOutput> = None;
    for (number, direction) in directions.iter().enumerate() {
        let RecurrentOutput { y, hn, cn } = one(graph, cell, x, batch_sizes, *direction, number == 1)?;
        output = Some(match output {
            None => RecurrentOutput { y, hn, cn },
            Some(mut first) => {
                first.y = graph.concat(first.y, y)?;
                first.hn.extend(hn);
                first.cn.extend(cn);
                first
            }
        });
    }
    match output {
        Some(output) => Ok(output),
        // Says what is wrong with no direction.
        None => graph.recurrent(cell, x, batch_sizes, directions),
    }
}

/// One direction of it.
fn one(
    graph: &mut Graph,
    cell: Cell,
    x: Tensor,
    batch_sizes: &[usize],
    direction: Direction,
    is_reverse: bool,
) -> Result<RecurrentOutput, ShapeError> {
    let batch = batch_sizes.first().copied().unwrap_or(0);
    let hidden = graph.params().shape(direction.weights[1]).last().copied().unwrap_or(0);
    let mut first = |state: Option<Tensor>| match state {
        Some(state) => Ok(state),
        None => graph.constant(&vec![0.0; batch * hidden], batch, hidden),
    };
    // The hidden state and, for an LSTM, the cell state, of sequences that have not begun.
    let mut starts = vec![first(direction.h0)?];
    if cell.has_cell_state() {
        starts.push(first(direction.c0)?);
    }
    let mut first_rows = Vec::with_capacity(batch_sizes.len());
    batch_sizes.iter().fold(0, |row, rows| {
        first_rows.push(row);
        row + rows
    });
    let mut steps: Vec<usize> = (0..batch_sizes.len()).collect();
    if is_reverse {
        steps.reverse();
    }
    let (mut outputs, mut states) = (vec![None; steps.len()], starts.clone());
    // Where sequences end, the states that are their last, the shortest sequences first.
    let mut ends: Vec<Vec<Tensor>> = vec![Vec::new(); starts.len()];
    let mut present = if is_reverse { 0 } else { batch };
    for step in steps {
        let rows = batch_sizes[step];
        for (part, (state, start)) in states.iter_mut().zip(&starts).enumerate() {
            if rows < present {
                ends[part].push(graph.slice_rows(*state, rows..present)?);
                *state = graph.slice_rows(*state, 0..rows)?;
            } else if present == 0 {
                *state = graph.slice_rows(*start, 0..rows)?;
            } else if rows > present {
                let begins = graph.slice_rows(*start, present..rows)?;
                *state = graph.stack(&[*state, begins])?;
            }
        }
        present = rows;
        let x = graph.slice_rows(x, first_rows[step]..first_rows[step] + rows)?;
        let from = Direction { h0: Some(states[0]), c0: states.get(1).copied(), ..direction };
        let RecurrentOutput { y, hn, cn } = graph.recurrent(cell, x, &[rows], &[from])?;
        outputs[step] = Some(y);
        states = hn.into_iter().chain(cn).collect();
    }
    let mut last = Vec::with_capacity(states.len());
    for (state, mut parts) in states.into_iter().zip(ends) {
        parts.push(state);
        parts.reverse();
        last.push(graph.stack(&parts)?);
    }
    let outputs: Vec<Tensor> = outputs.into_iter().flatten().collect();
    let y = graph.stack(&outputs)?;
    let mut last = last.into_iter();
    Ok(RecurrentOutput { y, hn: last.by_ref().take(1).collect(), cn: last.collect() })
}
