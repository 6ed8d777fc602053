//! Optimizers.

use anaphora_nn::{AdamW, Device, Graph, Memory, Params, Sgd};

use crate::golden::Golden;
use crate::{TRAIN, device};

/// Three steps with the gradients of a file, clipped to its norm; `step` takes the number of the step and the scale that
/// clips.
fn check_optimizer(golden: &Golden, mut step: impl FnMut(&Device, &mut Params, u64, f32)) {
    let device = device(2);
    let (mut params, mut memory) = (Params::new(), Memory::new());
    let ids = ["a", "b"].map(|name| {
        let key = format!("{name}.0");
        let (rows, cols) = match *golden.shape(&key) {
            [rows, cols] => (rows, cols),
            ref shape => (1, shape.iter().product()),
        };
        params.add(name, &[rows, cols], golden.get(&key))
    });
    for number in 1..=3 {
        params.zero_grads();
        // All rows of a table in order: what goes back is the table's gradient as it is.
        let mut graph = Graph::new(&device, &mut params, &mut memory, TRAIN);
        for (id, name) in ids.into_iter().zip(["a", "b"]) {
            let rows: Vec<u32> = (0..graph.params().shape(id)[0] as u32).collect();
            let all = graph.embedding(id, &rows).unwrap();
            graph.backward_from(&[(all, golden.get(&format!("grad.{name}.{number}")))]).unwrap();
        }
        drop(graph);
        let norm = params.grad_norm(&device);
        golden.agree("norm", &[norm], &golden.get("norm")[number - 1..number]);
        let scale = (golden.get("max_norm")[0] / (norm + 1e-6)).min(1.0);
        step(&device, &mut params, number as u64, scale);
        for id in ids {
            golden.agrees(&format!("{}.{number}", params.name(id)), params.value(id));
        }
    }
}

#[test]
fn adamw_with_clipping() {
    let golden = Golden::read("adamw");
    let setting = |name: &str| golden.get(name)[0];
    let settings = AdamW {
        learning_rate: setting("lr"),
        betas: (setting("beta1"), setting("beta2")),
        epsilon: setting("eps"),
        weight_decay: setting("weight_decay"),
    };
    let (mut mean, mut square) = ([0.0; 22], [0.0; 22]);
    check_optimizer(&golden, |device, params, number, scale| {
        params.adamw(device, settings, number, scale, &mut mean, &mut square);
    });
}

#[test]
fn sgd_with_momentum_and_clipping() {
    let golden = Golden::read("sgd_momentum");
    let settings =
        Sgd { learning_rate: golden.get("lr")[0], momentum: golden.get("momentum")[0], weight_decay: 0.0 };
    let mut velocity = [0.0; 22];
    check_optimizer(&golden, |device, params, _, scale| params.sgd(device, settings, scale, &mut velocity));
}
