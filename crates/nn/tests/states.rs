//! Gradients through the states of recurrent layers: a decoder that goes on where an encoder ended.

use anaphora_autograd::{ShapeError, check};
use anaphora_nn::{Builder, Cell, Device, Graph, Params, Precision, Recurrent, RecurrentOptions, Tensor};

/// For each of the decoder's sequences, which are sorted by their own lengths, the encoder's.
const SOURCES: [u32; 3] = [2, 0, 1];
const ENCODER_SIZES: [usize; 4] = [3, 2, 2, 1];
const DECODER_SIZES: [usize; 3] = [3, 3, 1];

#[test]
fn a_decoder_goes_on_where_an_encoder_ended() {
    // Finite differences step over the kink of the fourth.
    for cell in [Cell::Tanh, Cell::Gru, Cell::Lstm] {
        let mut params = Params::new();
        let mut builder = Builder::random(&mut params, 3);
        let options = RecurrentOptions {
            cell,
            input_size: 3,
            hidden_size: 4,
            layers: 2,
            bidirectional: false,
            dropout: 0.2,
            variational: true,
            forget_bias: 1.0,
            chrono: None,
        };
        let encoder = Recurrent::new(&mut builder, "encoder", options);
        let decoder = Recurrent::new(&mut builder, "decoder", options);
        let wave = |len: usize, factor| (0..len).map(|i| (i as f32 * 1.7).sin() * factor).collect::<Vec<_>>();
        drop(builder);
        let source = params.add("source", &[8, 3], &wave(24, 1.5));
        let target = params.add("target", &[7, 3], &wave(21, 1.0));
        // Larger than they begin, so that what came first still counts.
        let recurrent: Vec<_> = params.ids().filter(|&id| params.name(id).contains("weight")).collect();
        for id in recurrent {
            params.value_mut(id).iter_mut().enumerate().for_each(|(i, w)| *w += (i as f32 * 2.3).cos() * 0.3);
        }
        let loss = |graph: &mut Graph| -> Result<Tensor, ShapeError> {
            let x = graph.embedding(source, &[0, 1, 2, 3, 4, 5, 6, 7])?;
            let (_, ends) = encoder.run(graph, x, &ENCODER_SIZES, &[])?;
            let starts =
                ends.into_iter().map(|end| graph.gather(end, &SOURCES, 1)).collect::<Result<Vec<_>, _>>()?;
            let x = graph.embedding(target, &[0, 1, 2, 3, 4, 5, 6])?;
            let (y, _) = decoder.run(graph, x, &DECODER_SIZES, &starts)?;
            Ok(graph.cross_entropy(y, &[0, 1, 2, 3, 3, 2, 1])?.1)
        };
        let device = Device::new(1, Precision::F32);
        let (wrong, gradients) = check::gradients(&device, &mut params, 30, 1e-3, 1e-3, loss).unwrap();
        assert_eq!(wrong, [], "{cell:?}");
        // Nothing but the states leads to the encoder.
        for id in params.ids() {
            let largest = gradients.value(id).iter().fold(0.0f32, |largest, grad| largest.max(grad.abs()));
            assert!(largest > 0.002, "{cell:?}: the gradient of {} is {largest} at most", params.name(id));
        }
    }
}
