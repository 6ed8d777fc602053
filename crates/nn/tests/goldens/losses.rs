//! Losses.

use anaphora_nn::{
    Builder, CrossEntropy, Gradients, Graph, Input, Linear, Params, ShapeError, Tensor, Workspace,
};

use crate::golden::Golden;
use crate::{SEED, device};

#[test]
fn embedding_linear_and_cross_entropy() {
    let golden = Golden::read("embedding_linear_cross_entropy");
    let &[vocab, width] = golden.shape("embedding.weight") else { panic!("the table is no matrix") };
    for threads in [1, 2] {
        let device = device(threads);
        let (mut params, mut workspace) = (Params::new(), Workspace::new());
        let mut builder = Builder::zeros(&mut params);
        let input = Input::new(&mut builder, "embedding", vocab, width, 1.0);
        let linear = Linear::new(&mut builder, "linear", width, vocab);
        drop(builder);
        for id in params.ids() {
            let values = golden.get(params.name(id));
            params.value_mut(id).copy_from_slice(values);
        }
        let mut gradients = Gradients::of(&params);
        let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, SEED);
        let x = input.forward(&mut graph, &golden.ids("ids")).unwrap();
        let logits = linear.forward(&mut graph, x).unwrap();
        golden.agrees("logits", graph.value(logits));
        let (_, loss) = graph.cross_entropy(logits, &golden.ids("targets")).unwrap();
        golden.agrees("loss", graph.value(loss));
        graph.backward(loss, 1.0).unwrap();
        drop(graph);
        for id in params.ids() {
            golden.agrees(&format!("grad.{}", params.name(id)), gradients.value(id));
        }
    }
}

/// The rows' losses, their mean and its gradient.
fn check(name: &str, loss: impl Fn(&mut Graph, Tensor, &Golden) -> Result<(Tensor, Tensor), ShapeError>) {
    let golden = Golden::read(&format!("loss_{name}"));
    let &[rows, cols] = golden.shape("x") else { panic!("{name}: x is no matrix") };
    for threads in [1, 2] {
        let device = device(threads);
        let (params, mut workspace) = (Params::new(), Workspace::new());
        let mut gradients = Gradients::of(&params);
        let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, SEED);
        let x = graph.variable(golden.get("x"), rows, cols).unwrap();
        let (losses, mean) = loss(&mut graph, x, &golden).unwrap();
        golden.agrees("losses", graph.value(losses));
        golden.agrees("mean", graph.value(mean));
        graph.backward(mean, 1.0).unwrap();
        golden.agrees("grad.x", graph.grad(x));
    }
}

#[test]
fn smoothed_and_weighted_cross_entropy() {
    for (name, label_smoothing, weighted) in [
        ("cross_entropy_smoothed", 0.1, false),
        ("cross_entropy_weighted", 0.0, true),
        ("cross_entropy_both", 0.2, true),
    ] {
        check(name, |graph, x, golden| {
            let weights = weighted.then(|| golden.get("weights"));
            graph.cross_entropy_with(x, &golden.ids("targets"), &CrossEntropy { label_smoothing, weights })
        });
    }
}

#[test]
fn binary_cross_entropy() {
    check("binary_cross_entropy", |graph, x, golden| {
        graph.binary_cross_entropy(x, golden.get("targets"), None)
    });
    check("binary_cross_entropy_weighted", |graph, x, golden| {
        graph.binary_cross_entropy(x, golden.get("targets"), Some(golden.get("weights")))
    });
}

#[test]
fn regression() {
    check("squared_error", |graph, x, golden| graph.squared_error(x, golden.get("targets")));
    check("absolute_error", |graph, x, golden| graph.absolute_error(x, golden.get("targets")));
    check("gaussian", |graph, x, golden| graph.gaussian(x, golden.get("targets")));
    check("quantile", |graph, x, golden| graph.quantile(x, golden.get("targets"), golden.get("levels")));
}
