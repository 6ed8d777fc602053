//! Attention: what each head does in numbers, small pictures of all heads, and as many whole matrices as the page has room for.

use std::collections::BTreeMap;

use anaphora::inspect::{Array, Inspection};
use serde::Serialize;

use super::pack::{Bits, Packed};

/// Rows and columns of a small picture, at most.
const SMALL: usize = 48;

/// The attention of a block.
#[derive(Debug, Serialize)]
pub struct Attention {
    /// The name of its array.
    name: String,
    /// "self", "masked" (a step sees itself and what came before) or "cross".
    kind: &'static str,
    /// The axes of queries and keys.
    axes: [String; 2],
    /// How many queries and keys there are.
    shape: [usize; 2],
    /// What each head does.
    heads: Vec<Head>,
}

impl Attention {
    /// The name of its array.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A head.
#[derive(Debug, Serialize)]
struct Head {
    /// Mean entropy of a query's weights, in nats.
    entropy: f64,
    /// Mean distance between a query and what it looks at, in steps; none of cross attention.
    distance: Option<f64>,
    /// Mean weight on the step before the query; none of cross attention.
    previous: Option<f64>,
    /// The greatest weight.
    most: f32,
    /// The matrix in small: the square roots of the means of its parts.
    small: Packed,
    /// The whole matrix as square roots of weights, in which small ones keep more digits; none where the page has no room.
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<Packed>,
}

/// The attention of all blocks, and of whole matrices the first heads of each block, so many as fit into `room` bytes.
pub fn attention(inspection: &Inspection, room: &mut usize, notes: &mut Vec<String>) -> Vec<Attention> {
    let arrays: Vec<(&str, &Array)> = inspection
        .arrays()
        .filter(|(_, array)| array.axes.len() == 3 && array.axes[0] == "heads" && array.axes[2] != "head_dim")
        .collect();
    let mut all: Vec<Attention> = arrays.iter().map(|(name, array)| of_block(name, array)).collect();
    let most = arrays.iter().map(|(_, array)| array.shape[0]).max().unwrap_or(0);
    let (mut whole, mut left_out) = (0, 0);
    for head in 0..most {
        for ((_, array), attention) in arrays.iter().zip(&mut all) {
            let Some(to) = attention.heads.get_mut(head) else { continue };
            let size = attention.shape[0] * attention.shape[1];
            let roots: Vec<f32> =
                array.values[head * size..(head + 1) * size].iter().map(|weight| weight.sqrt()).collect();
            // A matrix is seldom larger when packed than a quarter of its bytes in base64; what is, is left out all the same.
            let packed = (size / 16 <= *room).then(|| Packed::new(&attention.shape, &roots, Bits::Eight));
            match packed.filter(|packed| packed.size() <= *room) {
                Some(packed) => {
                    *room -= packed.size();
                    whole += 1;
                    to.whole = Some(packed);
                }
                None => left_out += 1,
            }
        }
    }
    if left_out > 0 {
        notes.push(format!(
            "the page has room for the whole matrices of {whole} of {} heads; the others are shown as means over neighbouring steps",
            whole + left_out
        ));
    }
    all
}

fn of_block(name: &str, array: &Array) -> Attention {
    let [heads, queries, keys] = array.shape[..] else { unreachable!("three axes") };
    let size = queries * keys;
    let is_cross = array.axes[1] != array.axes[2];
    let is_masked = !is_cross
        && queries == keys
        && (0..heads * queries).all(|row| {
            array.values[row * keys..][row % queries + 1..keys].iter().all(|&weight| weight == 0.0)
        });
    let of_head = |head: usize| {
        let weights = &array.values[head * size..(head + 1) * size];
        let mean = |of_row: &dyn Fn(usize, &[f32]) -> f64, rows: std::ops::Range<usize>| {
            let count = rows.len().max(1) as f64;
            rows.map(|row| of_row(row, &weights[row * keys..(row + 1) * keys])).sum::<f64>() / count
        };
        let entropy = |_: usize, row: &[f32]| -> f64 {
            let terms = row.iter().filter(|weight| **weight > 0.0).map(|&weight| f64::from(weight));
            -terms.map(|weight| weight * weight.ln()).sum::<f64>()
        };
        let distance = |query: usize, row: &[f32]| -> f64 {
            row.iter().enumerate().map(|(key, &weight)| f64::from(weight) * key.abs_diff(query) as f64).sum()
        };
        let previous = |query: usize, row: &[f32]| f64::from(row[query - 1]);
        Head {
            entropy: mean(&entropy, 0..queries),
            distance: (!is_cross).then(|| mean(&distance, 0..queries)),
            previous: (!is_cross && queries > 1).then(|| mean(&previous, 1..queries)),
            most: weights.iter().copied().fold(0.0, f32::max),
            small: small(weights, queries, keys),
            whole: None,
        }
    };
    Attention {
        name: name.to_owned(),
        kind: if is_cross {
            "cross"
        } else if is_masked {
            "masked"
        } else {
            "self"
        },
        axes: [array.axes[1].clone(), array.axes[2].clone()],
        shape: [queries, keys],
        heads: (0..heads).map(of_head).collect(),
    }
}

/// The square roots of the means of the parts of a matrix.
fn small(weights: &[f32], queries: usize, keys: usize) -> Packed {
    let (rows, columns) = (queries.min(SMALL), keys.min(SMALL));
    let (mut sums, mut counts) = (vec![0.0_f64; rows * columns], vec![0_usize; rows * columns]);
    for (row, line) in weights.chunks_exact(keys.max(1)).enumerate() {
        for (column, &weight) in line.iter().enumerate() {
            let at = row * rows / queries * columns + column * columns / keys;
            sums[at] += f64::from(weight);
            counts[at] += 1;
        }
    }
    let means: Vec<f32> =
        sums.iter().zip(counts).map(|(sum, count)| (sum / count.max(1) as f64).sqrt() as f32).collect();
    Packed::new(&[rows, columns], &means, Bits::Eight)
}

/// Queries, keys and values, so many heads as fit into `room` bytes.
pub fn search(
    inspection: &Inspection,
    room: &mut usize,
    notes: &mut Vec<String>,
) -> BTreeMap<String, Vec<Packed>> {
    let arrays: Vec<(&str, &Array)> = inspection
        .arrays()
        .filter(|(_, array)| {
            array.axes.last().is_some_and(|axis| axis == "head_dim") && array.axes.len() == 3
        })
        .collect();
    let mut packed: BTreeMap<String, Vec<Packed>> = BTreeMap::new();
    let most = arrays.iter().map(|(_, array)| array.shape[0]).max().unwrap_or(0);
    for head in 0..most {
        let of_head = |(name, array): &(&str, &Array)| {
            let size = array.shape[1] * array.shape[2];
            let values = &array.values[head * size..(head + 1) * size];
            ((*name).to_owned(), Packed::new(&array.shape[1..], values, Bits::Sixteen))
        };
        let own: Vec<(String, Packed)> =
            arrays.iter().filter(|(_, array)| head < array.shape[0]).map(of_head).collect();
        let size: usize = own.iter().map(|(_, packed)| packed.size()).sum();
        if size > *room {
            notes.push(format!(
                "queries, keys and values are in the page for {head} of {most} heads of each block; --out FILE.safetensors has all"
            ));
            break;
        }
        *room -= size;
        for (name, array) in own {
            packed.entry(name).or_default().push(array);
        }
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_looks_one_step_back_is_told() {
        let mut inspection = Inspection::default();
        // Head 0 looks one step back, head 1 at all that it sees alike.
        let (mut back, mut even) = (vec![0.0; 16], vec![0.0; 16]);
        for query in 0..4_usize {
            back[query * 4 + query.saturating_sub(1)] = 1.0;
            even[query * 4..=query * 5].fill(1.0 / (query + 1) as f32);
        }
        inspection.add("attention.b0", &["heads", "steps", "steps"], &[2, 4, 4], [back, even].concat(), "");
        let all = attention(&inspection, &mut 1_000, &mut Vec::new());
        assert_eq!(all[0].kind, "masked");
        let [first, second] = &all[0].heads[..] else { panic!("two heads") };
        assert_eq!((first.entropy, first.distance, first.previous), (0.0, Some(0.75), Some(1.0)));
        let entropy = (2_f64.ln() + 3_f64.ln() + 4_f64.ln()) / 4.0;
        assert!((second.entropy - entropy).abs() < 1e-6);
        assert!((second.distance.expect("one") - (0.0 + 0.5 + 1.0 + 1.5) / 4.0).abs() < 1e-6);
    }

    #[test]
    fn heads_beyond_the_room_are_small_and_it_is_said() {
        let mut inspection = Inspection::default();
        let mut state = 1_u32;
        let mut random = || {
            (0..5).for_each(|_| state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let weights: Vec<f32> = (0..3 * 128 * 128).map(|_| random()).collect();
        inspection.add("attention.b0", &["heads", "steps", "steps"], &[3, 128, 128], weights, "");
        let (mut room, mut notes) = (30_000, Vec::new());
        let all = attention(&inspection, &mut room, &mut notes);
        let whole: Vec<bool> = all[0].heads.iter().map(|head| head.whole.is_some()).collect();
        assert_eq!(whole, [true, false, false]);
        assert_eq!(all[0].kind, "self");
        assert!(notes[0].contains("1 of 3 heads"), "{notes:?}");
    }
}
