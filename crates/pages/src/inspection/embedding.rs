//! The embedding: its plane, and which symbols lie close to each.

use anaphora::inspect::{Array, Inspection};
use serde::Serialize;

use super::pack::{Bits, Packed};

/// Symbols that are shown, at most.
const SHOWN: usize = 2_048;
/// Neighbours that are kept of each.
const NEAR: usize = 8;

/// An embedding.
#[derive(Debug, Serialize)]
pub struct Embedding {
    /// The name of its array.
    name: String,
    /// The axis of its symbols.
    axis: String,
    /// The numbers of the symbols that are shown: those of the input first.
    symbols: Vec<usize>,
    /// Their places, `[symbols, 2]`.
    plane: Packed,
    /// Of each the places in `symbols` of its nearest, `[symbols × near]`, by cosine.
    near: Vec<u32>,
    /// The cosines.
    cosines: Packed,
}

impl Embedding {
    /// The name of its array.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What is shown of an inspection's embeddings.
pub fn embeddings(inspection: &Inspection, notes: &mut Vec<String>) -> Vec<Embedding> {
    let named = inspection.arrays().filter(|(name, _)| name.ends_with("embedding"));
    named.filter_map(|(name, table)| embedding(inspection, name, table, notes)).collect()
}

fn embedding(
    inspection: &Inspection,
    name: &str,
    table: &Array,
    notes: &mut Vec<String>,
) -> Option<Embedding> {
    let plane = inspection.get(&format!("{name}.plane"))?;
    let [count, width] = table.shape[..] else { return None };
    let mut is_shown = vec![count <= SHOWN; count];
    let mut symbols: Vec<usize> = Vec::new();
    if count > SHOWN {
        let read = inspection
            .get(&name.replace("embedding", "tokens"))
            .map(|tokens| &tokens.values[..])
            .unwrap_or_default();
        let all = read.iter().map(|&token| token as usize).chain(0..count);
        for symbol in all.filter(|&symbol| symbol < count) {
            if symbols.len() < SHOWN && !std::mem::replace(&mut is_shown[symbol], true) {
                symbols.push(symbol);
            }
        }
        notes.push(format!(
            "{SHOWN} of {count} symbols are shown of {name}, those of the input among them; neighbours are found among these"
        ));
    } else {
        symbols.extend(0..count);
    }
    let row = |symbol: usize| &table.values[symbol * width..(symbol + 1) * width];
    let unit: Vec<f32> = symbols
        .iter()
        .flat_map(|&symbol| {
            let norm = row(symbol).iter().map(|value| value * value).sum::<f32>().sqrt();
            row(symbol).iter().map(move |value| if norm > 0.0 { value / norm } else { 0.0 })
        })
        .collect();
    let near = NEAR.min(symbols.len().saturating_sub(1));
    let (mut order, mut cosines) = (Vec::new(), Vec::new());
    for (place, own) in unit.chunks_exact(width.max(1)).enumerate() {
        let mut others: Vec<(f32, u32)> = unit
            .chunks_exact(width.max(1))
            .enumerate()
            .filter(|(other, _)| *other != place)
            .map(|(other, row)| (own.iter().zip(row).map(|(a, b)| a * b).sum(), other as u32))
            .collect();
        let by_cosine = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0);
        if near < others.len() {
            others.select_nth_unstable_by(near, by_cosine);
            others.truncate(near);
        }
        others.sort_by(by_cosine);
        order.extend(others.iter().map(|(_, other)| *other));
        cosines.extend(others.iter().map(|(cosine, _)| *cosine));
    }
    let places: Vec<f32> =
        symbols.iter().flat_map(|&symbol| plane.values[2 * symbol..][..2].iter().copied()).collect();
    Some(Embedding {
        name: name.to_owned(),
        axis: table.axes[0].clone(),
        plane: Packed::new(&[symbols.len(), 2], &places, Bits::Sixteen),
        near: order,
        cosines: Packed::new(&[symbols.len(), near], &cosines, Bits::Sixteen),
        symbols,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_those_of_the_largest_cosine() {
        let mut inspection = Inspection::default();
        let table = vec![1.0, 0.0, 3.0, 0.3, 0.0, 2.0, -1.0, 0.1];
        inspection.add("embedding", &["symbols", "width"], &[4, 2], table, "");
        inspection.add("embedding.plane", &["symbols", "plane"], &[4, 2], vec![0.0; 8], "");
        let embeddings = embeddings(&inspection, &mut Vec::new());
        let [embedding] = &embeddings[..] else { panic!("one") };
        let first: Vec<u32> = embedding.near.chunks(3).map(|near| near[0]).collect();
        assert_eq!(first, [1, 0, 1, 2]);
    }
}
