//! Linear maps, by rows and by columns, alone and with what follows them.

use anaphora_autograd::{
    Activation, Device, Gradients, Graph, ParamId, Params, Precision, Tensor, Workspace,
};

/// Evenly spread (Weyl's sequence), between -1 and 1.
fn numbers(len: usize) -> Vec<f32> {
    (1..=len).map(|i| ((i as f64 * 0.618_033_988_749_895).fract() * 2.0 - 1.0) as f32).collect()
}

/// The bits of the result and of every gradient.
fn bits(
    threads: usize,
    precision: Precision,
    [rows, inputs, outputs]: [usize; 3],
    run: impl Fn(&mut Graph, Tensor, [ParamId; 2]) -> Tensor,
) -> Vec<u32> {
    let (device, mut workspace, mut params) =
        (Device::new(threads, precision), Workspace::new(), Params::new());
    let weight = params.add("weight", &[outputs, inputs], &numbers(outputs * inputs));
    let bias = params.add("bias", &[outputs], &numbers(outputs));
    let mut gradients = Gradients::of(&params);
    let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, 0);
    let x = graph.variable(&numbers(rows * inputs), rows, inputs).unwrap();
    let y = run(&mut graph, x, [weight, bias]);
    let mut found = graph.value(y).to_vec();
    graph.backward_from(&[(y, &numbers(rows * outputs))]).unwrap();
    found.extend(graph.grad(x));
    drop(graph);
    found.extend(gradients.values());
    found.into_iter().map(f32::to_bits).collect()
}

#[test]
fn an_activation_in_the_product_is_one_behind_it_for_any_threads() {
    let function = Activation::Gelu;
    // Few rows are cut by columns, many by rows; some threads are left with nothing.
    for [rows, outputs] in [[1, 1], [5, 33], [40, 17], [150, 500], [333, 70]] {
        let sizes = [rows, 19, outputs];
        for precision in [Precision::F32, Precision::Bf16] {
            let expected = bits(1, precision, sizes, |graph, x, [weight, bias]| {
                let z = graph.linear(x, weight, Some(bias)).unwrap();
                graph.activate(function, z)
            });
            for threads in [1, 2, 3] {
                let found = bits(threads, precision, sizes, |graph, x, [weight, bias]| {
                    graph.linear_activated(x, weight, Some(bias), function).unwrap()
                });
                assert!(
                    found == expected,
                    "{rows} rows, {outputs} outputs, {precision:?}, {threads} threads"
                );
            }
        }
    }
}
