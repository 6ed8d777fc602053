//! A recurrent layer that reads an embedding works on the table where that is smaller; the gradients are the same.

use anaphora_autograd::{Cell, Device, Direction, Params, Precision, check};

#[test]
fn gradients_reach_a_table_smaller_than_the_batch() {
    const IDS: [u32; 8] = [0, 2, 1, 1, 2, 0, 2, 2];
    let (width, hidden) = (3, 4);
    let mut params = Params::new();
    let mut count = 0;
    let mut add = |name: &str, shape: &[usize]| {
        let next = |_| {
            count += 1;
            (count as f32 * 1.7).sin() * 0.5
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(next).collect();
        params.add(name, shape, &values)
    };
    let table = add("table", &[3, width]);
    let shapes: [(&str, &[usize]); 4] = [
        ("ih", &[4 * hidden, width]),
        ("hh", &[4 * hidden, hidden]),
        ("bi", &[4 * hidden]),
        ("bh", &[4 * hidden]),
    ];
    let weights = shapes.map(|(name, shape)| add(name, shape));
    let device = Device::new(2, Precision::F32);
    let found = check::gradients(&device, &mut params, 50, 1e-2, 1e-2, |graph| {
        let x = graph.embedding(table, &IDS)?;
        let direction = Direction { weights, h0: None, c0: None };
        let output = graph.recurrent(Cell::Lstm, x, &[3, 3, 2], &[direction])?;
        Ok(graph.cross_entropy(output.y, &[0, 1, 2, 3, 0, 1, 2, 3])?.1)
    });
    let (wrong, gradients) = found.unwrap();
    assert_eq!(wrong, []);
    let moved = gradients.value(table).iter().all(|g| g.abs() > 1e-6);
    assert!(moved, "{:?}", gradients.value(table));
}
