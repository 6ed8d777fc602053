//! Weights that many work with: whose they are, when they change, and how often they are kept.

use anaphora_autograd::{Cell, Device, Direction, Graph, ParamId, Params, Precision, Workspace};

const VOCAB: usize = 37;
const HIDDEN: usize = 96;
const CELL: Cell = Cell::Lstm;
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::Bf16];

/// An embedding, a recurrent layer and a linear map back to the table's rows.
struct Model {
    params: Params,
    table: ParamId,
    weights: [ParamId; 4],
}

impl Model {
    fn shapes() -> [(&'static str, Vec<usize>); 5] {
        let rows = CELL.gates() * HIDDEN;
        [
            ("table", vec![VOCAB, HIDDEN]),
            ("ih", vec![rows, HIDDEN]),
            ("hh", vec![rows, HIDDEN]),
            ("bias_ih", vec![rows]),
            ("bias_hh", vec![rows]),
        ]
    }

    /// Weights that follow from `seed`, evenly spread (Weyl's sequence).
    fn values(seed: usize, len: usize) -> Vec<f32> {
        (1..=len).map(|i| (((seed * len + i) as f64 * 0.618_033_988_749_895).fract() - 0.5) as f32).collect()
    }

    fn declared() -> Self {
        let mut params = Params::new();
        let [table, weights @ ..] = Self::shapes().map(|(name, shape)| params.declare(name, &shape));
        params.looked_up(table);
        params.multiplied(table, 1);
        weights[..2].iter().for_each(|&weight| params.multiplied(weight, CELL.gates()));
        Self { params, table, weights }
    }

    /// A model for training, or one that keeps weights for predictions in a precision.
    fn new(seed: usize, precision: Option<Precision>) -> Self {
        let mut model = Self::declared();
        for id in model.params.ids() {
            let values = Self::values(seed, model.params.shape(id).iter().product());
            let mut rest = values.iter();
            let next = |some: &mut [f32]| {
                some.iter_mut().zip(&mut rest).for_each(|(to, &value)| *to = value);
                Ok::<_, ()>(())
            };
            model.params.fill(id, precision, next).unwrap();
        }
        model
    }

    /// The logits of a few tokens, as bits.
    fn logits(&self, device: &Device, workspace: &mut Workspace) -> Vec<u32> {
        let mut graph = Graph::infer(device, &self.params, workspace);
        let x = graph.embedding(self.table, &[1, 36, 5, 5, 20]).unwrap();
        let direction = Direction { weights: self.weights, h0: None, c0: None };
        let y = graph.recurrent(CELL, x, &[2, 2, 1], &[direction]).unwrap().y;
        let logits = graph.linear(y, self.table, None).unwrap();
        graph.value(logits).iter().map(|value| value.to_bits()).collect()
    }
}

#[test]
fn models_of_one_shape_share_a_workspace_and_nothing_else() {
    for precision in PRECISIONS {
        let device = Device::new(2, precision);
        let models = [1, 2].map(|seed| Model::new(seed, None));
        let alone = models.each_ref().map(|model| model.logits(&device, &mut Workspace::new()));
        assert_ne!(alone[0], alone[1]);
        let mut workspace = Workspace::new();
        for _ in 0..2 {
            for (model, alone) in models.iter().zip(&alone) {
                assert_eq!(&model.logits(&device, &mut workspace), alone, "{precision:?}");
            }
        }
    }
}

#[test]
fn a_changed_weight_is_seen() {
    let (device, mut workspace) = (Device::new(1, Precision::F32), Workspace::new());
    let mut model = Model::new(1, None);
    let before = model.logits(&device, &mut workspace);
    for id in model.params.ids() {
        let original = std::mem::replace(&mut model.params.value_mut(id)[7], 0.7);
        let changed = model.logits(&device, &mut workspace);
        assert_ne!(changed, before, "{}", model.params.name(id));
        // A fresh model with these weights says the same.
        let mut same = Model::declared();
        same.params.values_mut().copy_from_slice(model.params.values());
        assert_eq!(same.logits(&device, &mut Workspace::new()), changed);
        model.params.value_mut(id)[7] = original;
        assert_eq!(model.logits(&device, &mut workspace), before);
    }
}

#[test]
fn weights_for_predictions_are_kept_once_and_predict_the_same_on_any_device() {
    let raw: usize = Model::shapes().iter().map(|(_, shape)| 4 * shape.iter().product::<usize>()).sum();
    for precision in PRECISIONS {
        let (whole, kept) = (Model::new(1, None), Model::new(1, Some(precision)));
        for threads in [1, 2, 3] {
            let device = Device::new(threads, precision);
            let expected = whole.logits(&device, &mut Workspace::new());
            assert_eq!(kept.logits(&device, &mut Workspace::new()), expected, "{threads}, {precision:?}");
        }
        // The table of 37 rows is filled up to whole panels, and in bf16 each matrix to whole groups of them.
        let (most, least) = if precision == Precision::F32 { (1.05, 1.95) } else { (0.7, 1.45) };
        let [kept, whole] = [kept, whole].map(|model| model.params.bytes() as f64 / raw as f64);
        assert!(kept <= most && whole >= least, "{precision:?}: {kept} and {whole} of the weights");
    }
}

#[test]
fn a_weight_that_cannot_be_read_stops_the_rest() {
    for precision in [None, Some(Precision::F32), Some(Precision::Bf16)] {
        let mut model = Model::declared();
        let mut calls = 0;
        let found = model.params.fill(model.weights[0], precision, |_| {
            calls += 1;
            Err("cut short")
        });
        assert_eq!((found, calls), (Err("cut short"), 1));
    }
}

/// Whoever has a reference may predict.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Params>();
};
