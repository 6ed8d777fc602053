//! Shapes that do not fit: every operation says what both sides are.

use anaphora_autograd::{
    Cell, CrossEntropy, Device, Direction, Gradients, Graph, Mask, NOWHERE, Params, Precision, Reduction,
    ShapeError, Workspace,
};

#[test]
fn every_shape_error_names_both_sides() {
    let device = Device::new(1, Precision::F32);
    let (mut params, mut workspace) = (Params::new(), Workspace::new());
    let mut add = |name: &str, shape: &[usize]| params.add(name, shape, &vec![0.0; shape.iter().product()]);
    let (weight, bias, wide_bias) =
        (add("head.weight", &[5, 3]), add("head.bias", &[5]), add("wide.bias", &[6]));
    let gru =
        [add("weight_ih", &[6, 3]), add("weight_hh", &[6, 2]), add("bias_ih", &[6]), add("bias_hh", &[6])];
    let short = add("short.bias", &[4]);
    let narrow = add("narrow.weight", &[6, 4]);

    let mut gradients = Gradients::of(&params);
    let graph = &mut Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let x = graph.constant(&[0.0; 12], 4, 3).unwrap();
    let wrong_width = graph.constant(&[0.0; 8], 4, 2).unwrap();
    let state = graph.constant(&[0.0; 4], 2, 2).unwrap();
    let layer = |weights| Direction { weights, h0: None, c0: None };
    let steps = [2, 2];
    let [ih, hh, bias_ih, bias_hh] = gru;
    let smooth = CrossEntropy { label_smoothing: 0.1, weights: None };

    let mut cases: Vec<(Result<(), ShapeError>, &str)> = Vec::new();
    let mut case = |result: Result<(), ShapeError>, message| cases.push((result, message));
    case(graph.constant(&[0.0; 5], 2, 3).map(drop), "constant: values is [5] and tensor is [2, 3]");
    case(graph.variable(&[0.0; 5], 2, 3).map(drop), "variable: values is [5] and tensor is [2, 3]");
    case(graph.backward(x, 1.0), "backward: loss is [4, 3] and scalar is [1, 1]");
    case(graph.backward_from(&[(x, &[0.0; 11])]), "backward_from: gradient is [11] and tensor is [4, 3]");
    case(
        graph.embedding(weight, &[4, 5]).map(drop),
        "embedding: the largest id is [5] and head.weight is [5, 3]",
    );
    case(graph.embedding(bias, &[0, 1]).map(drop), "embedding: ids is [2] and head.bias is [5]");
    case(graph.one_hot(5, &[7, 0]).map(drop), "one_hot: the largest id is [7] and vocabulary is [5]");
    case(
        graph.linear(wrong_width, weight, None).map(drop),
        "linear: input is [4, 2] and head.weight is [5, 3]",
    );
    case(graph.linear(x, bias, None).map(drop), "linear: input is [4, 3] and head.bias is [5]");
    case(
        graph.linear(x, weight, Some(wide_bias)).map(drop),
        "linear: head.weight is [5, 3] and wide.bias is [6]",
    );
    case(graph.window(x, &[2, 1], 1, &[]).map(drop), "window: input is [4, 3] and batch_sizes (sum) is [3]");
    case(graph.window(x, &[1, 3], 1, &[]).map(drop), "window: batch_sizes is [1, 3] and steps is [2]");
    case(graph.window(x, &steps, 0, &[]).map(drop), "window: length is [0] and input is [4, 3]");
    case(graph.window(x, &steps, 2, &[0.0; 3]).map(drop), "window: context is [3] and window is [2, 3]");
    case(graph.cross_entropy(x, &[0, 1]).map(drop), "cross_entropy: logits is [4, 3] and targets is [2]");
    case(
        graph.cross_entropy(x, &[0, 1, 2, 3]).map(drop),
        "cross_entropy: the largest id is [3] and classes is [3]",
    );
    case(
        graph.cross_entropy_with(x, &[0, 1], &smooth).map(drop),
        "cross_entropy_with: logits is [4, 3] and targets is [2]",
    );
    case(
        graph
            .cross_entropy_with(x, &[0, 1, 2, 0], &CrossEntropy { weights: Some(&[1.0]), ..smooth })
            .map(drop),
        "cross_entropy_with: logits is [4, 3] and weights is [1]",
    );
    case(
        graph.binary_cross_entropy(x, &[0.0; 11], None).map(drop),
        "binary_cross_entropy: logits is [4, 3] and targets is [11]",
    );
    case(
        graph.binary_cross_entropy(x, &[0.0; 12], Some(&[1.0])).map(drop),
        "binary_cross_entropy: logits is [4, 3] and positive weights is [1]",
    );
    case(graph.squared_error(x, &[0.0]).map(drop), "squared_error: input is [4, 3] and targets is [1]");
    case(graph.absolute_error(x, &[0.0]).map(drop), "absolute_error: input is [4, 3] and targets is [1]");
    case(graph.gaussian(x, &[0.0; 6]).map(drop), "gaussian: input is [4, 3] and targets is [6]");
    case(graph.gaussian(wrong_width, &[0.0]).map(drop), "gaussian: input is [4, 2] and targets is [1]");
    case(graph.quantile(x, &[0.0; 4], &[0.1, 0.9]).map(drop), "quantile: input is [4, 3] and levels is [2]");
    case(graph.quantile(x, &[0.0; 4], &[]).map(drop), "quantile: input is [4, 3] and levels is [0]");
    case(
        graph.quantile(x, &[0.0; 5], &[0.1, 0.5, 0.9]).map(drop),
        "quantile: input is [4, 3] and targets is [5]",
    );
    case(graph.gather(x, &[0, 1, 2], 2).map(drop), "gather: indices is [3] and per_row is [2]");
    case(graph.gather(x, &[0], 0).map(drop), "gather: indices is [1] and per_row is [0]");
    case(graph.gather(x, &[4, NOWHERE], 2).map(drop), "gather: the largest index is [4] and input is [4, 3]");
    case(
        graph.pool(x, &[2, 1], Reduction::Mean).map(drop),
        "pool: input is [4, 3] and batch_sizes (sum) is [3]",
    );
    case(graph.pool(x, &[1, 3], Reduction::Last).map(drop), "pool: batch_sizes is [1, 3] and steps is [2]");
    case(graph.add(x, wrong_width).map(drop), "add: left is [4, 3] and right is [4, 2]");
    case(graph.sub(x, wrong_width).map(drop), "sub: left is [4, 3] and right is [4, 2]");
    case(graph.mul(x, wrong_width).map(drop), "mul: left is [4, 3] and right is [4, 2]");
    case(graph.matmul(x, wrong_width).map(drop), "matmul: left is [4, 3] and right is [4, 2]");
    case(graph.slice_rows(x, 2..5).map(drop), "slice_rows: rows is [2, 5] and input is [4, 3]");
    case(graph.slice_cols(x, 1..4).map(drop), "slice_cols: columns is [1, 4] and input is [4, 3]");
    case(graph.concat(x, state).map(drop), "concat: left is [4, 3] and right is [2, 2]");
    case(graph.stack(&[x, state]).map(drop), "stack: part is [2, 2] and columns is [3]");
    let mut recurrent = |x, steps: &[usize], directions: &[Direction], message| {
        case(graph.recurrent(Cell::Gru, x, steps, directions).map(drop), message);
    };
    recurrent(x, &[2, 1], &[layer(gru)], "recurrent: input is [4, 3] and batch_sizes (sum) is [3]");
    recurrent(x, &[1, 3], &[layer(gru)], "recurrent: batch_sizes is [1, 3] and steps is [2]");
    recurrent(x, &[4, 0], &[layer(gru)], "recurrent: batch_sizes is [4, 0] and steps is [2]");
    recurrent(x, &steps, &[], "recurrent: directions is [0] and layer is [1, 2]");
    recurrent(
        wrong_width,
        &steps,
        &[layer(gru)],
        "recurrent: weight_ih is [6, 3] and input and hidden state is [6, 2]",
    );
    recurrent(
        x,
        &steps,
        &[layer(gru), layer([ih, narrow, bias_ih, bias_hh])],
        "recurrent: narrow.weight is [6, 4] and input and hidden state is [6, 2]",
    );
    recurrent(
        x,
        &steps,
        &[layer([ih, hh, short, bias_hh])],
        "recurrent: short.bias is [4] and input and hidden state is [6]",
    );
    recurrent(
        x,
        &steps,
        &[Direction { h0: Some(x), ..layer(gru) }],
        "recurrent: h0 is [4, 3] and batch and hidden is [2, 2]",
    );
    recurrent(
        x,
        &steps,
        &[Direction { h0: Some(state), c0: Some(x), ..layer(gru) }],
        "recurrent: c0 is [4, 3] and batch and hidden is [2, 2]",
    );

    for (result, expected) in cases {
        let message = result.expect_err(expected).to_string();
        let rule =
            message.strip_prefix(expected).unwrap_or_else(|| panic!("{message:?} is not {expected:?}"));
        assert!(rule.starts_with(", but ") && rule.len() > 20, "{message:?} says what would be right");
    }
}

#[test]
#[should_panic(expected = "dropout: batch_sizes (sum) is [3] and the input is [4, 3]")]
fn a_mask_for_other_rows_than_the_input_has() {
    let device = Device::new(1, Precision::F32);
    let (params, mut workspace) = (Params::new(), Workspace::new());
    let mut gradients = Gradients::of(&params);
    let mut graph = Graph::train(&device, &params, &mut gradients, &mut workspace, 1);
    let x = graph.constant(&[0.0; 12], 4, 3).unwrap();
    graph.dropout(x, 0.5, Mask::Sequence(&[2, 1]));
}
