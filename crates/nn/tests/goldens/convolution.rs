//! Convolutions.

use anaphora_nn::{Builder, Convolution, ConvolutionOptions, Gradients, Graph, Params, Workspace};

use crate::golden::Golden;
use crate::{SEED, device};

#[test]
fn convolution_outputs_and_gradients() {
    for (name, [kernel, stride, padding]) in
        [("same", [3, 1, 1]), ("strided", [3, 2, 1]), ("valid", [2, 3, 0])]
    {
        let golden = Golden::read(&format!("convolution_{name}"));
        let whole = |name: &str| [0, 1].map(|side| golden.get(name)[side] as usize);
        let &[filters, window] = golden.shape("weight") else { panic!("{name}: the weight is no matrix") };
        let options =
            ConvolutionOptions { channels: window / (kernel * kernel), filters, kernel, stride, padding };
        for threads in [1, 2] {
            let device = device(threads);
            let (mut params, mut workspace) = (Params::new(), Workspace::new());
            let layer = Convolution::new(&mut Builder::zeros(&mut params), "stem", options);
            let weights =
                ["weight", "bias"].map(|part| (params.find(&format!("stem.{part}")).unwrap(), part));
            for (id, part) in weights {
                assert_eq!(params.shape(id), golden.shape(part));
                params.value_mut(id).copy_from_slice(golden.get(part));
            }
            let mut gradients = Gradients::of(&params);
            let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, SEED);
            let &[rows, channels] = golden.shape("x") else { panic!("{name}: x is no matrix") };
            let x = graph.variable(golden.get("x"), rows, channels).unwrap();
            let (y, size) = layer.forward(&mut graph, x, whole("size")).unwrap();
            assert_eq!(size, whole("output_size"));
            golden.agrees("y", graph.value(y));
            graph.backward_from(&[(y, golden.get("dy"))]).unwrap();
            golden.agrees("grad.x", graph.grad(x));
            drop(graph);
            for (id, part) in weights {
                golden.agrees(&format!("grad.{part}"), gradients.value(id));
            }
        }
    }
}
