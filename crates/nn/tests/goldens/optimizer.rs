//! Optimizers.

use anaphora_nn::optimizer::{AdamW, AdamWOptions, Optimizer, Sgd, SgdOptions};
use anaphora_nn::{Gradients, Graph, Params, Workspace};

use crate::golden::Golden;
use crate::{SEED, device};

/// Three steps with the gradients of a file, clipped to its norm.
fn check_optimizer(golden: &Golden, rate: f32, optimizer: impl FnOnce(&Params) -> Box<dyn Optimizer>) {
    let device = device(2);
    let (mut params, mut workspace) = (Params::new(), Workspace::new());
    let ids = ["a", "b"].map(|name| {
        let key = format!("{name}.0");
        params.add(name, golden.shape(&key), golden.get(&key))
    });
    let [a, b] = ids;
    // Carries `b` as its bias, and no gradient comes to it.
    let carrier = params.add("carrier", &[params.shape(b)[0], 1], &[0.0; 7]);
    let mut optimizer = optimizer(&params);
    for number in 1..=3 {
        let mut gradients = Gradients::of(&params);
        let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, SEED);
        // All rows of a table in order, and a bias alone: what goes back is the gradient as it is.
        let rows: Vec<u32> = (0..graph.params().shape(a)[0] as u32).collect();
        let table = graph.embedding(a, &rows).unwrap();
        let nothing = graph.constant(&[0.0], 1, 1).unwrap();
        let bias = graph.linear(nothing, carrier, Some(b)).unwrap();
        let [da, db] = ["a", "b"].map(|name| golden.get(&format!("grad.{name}.{number}")));
        graph.backward_from(&[(table, da), (bias, db)]).unwrap();
        drop(graph);
        let norm = gradients.norm(&device);
        golden.agree("norm", &[norm], &golden.get("norm")[number - 1..number]);
        let scale = (golden.get("max_norm")[0] / (norm + 1e-6)).min(1.0);
        optimizer.step(&device, &mut params, &gradients, rate, scale);
        for id in ids {
            golden.agrees(&format!("{}.{number}", params.name(id)), params.value(id));
        }
    }
}

#[test]
fn adamw_with_clipping() {
    let golden = Golden::read("adamw");
    let [rate, beta1, beta2, epsilon, weight_decay] =
        ["lr", "beta1", "beta2", "eps", "weight_decay"].map(|name| golden.get(name)[0]);
    let options = AdamWOptions { betas: [beta1, beta2], epsilon, weight_decay };
    check_optimizer(&golden, rate, |params| Box::new(AdamW::new(params, options)));
}

#[test]
fn sgd_with_momentum_and_clipping() {
    let golden = Golden::read("sgd_momentum");
    let [rate, momentum, weight_decay] = ["lr", "momentum", "weight_decay"].map(|name| golden.get(name)[0]);
    check_optimizer(&golden, rate, |params| {
        Box::new(Sgd::new(params, SgdOptions { momentum, weight_decay }))
    });
}
