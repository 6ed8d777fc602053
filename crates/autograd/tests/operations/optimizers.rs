//! Optimizers: they learn, go on from their state to the same bits, and no number of threads changes a bit.

use anaphora_autograd::optimizer::{
    AdamW, AdamWOptions, Lion, LionOptions, Muon, MuonOptions, Optimizer, Sgd, SgdOptions,
};
use anaphora_autograd::{Activation, Device, Gradients, Graph, ParamId, Params, Precision, Role, Workspace};

const ADAMW: AdamWOptions = AdamWOptions { betas: [0.9, 0.99], epsilon: 1e-8, weight_decay: 0.1 };
const IDS: [u32; 24] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];

/// An embedding, a stack of two hidden matrices and a head, which learn by heart what follows each token.
struct Model {
    params: Params,
    table: ParamId,
    hidden: ParamId,
    bias: ParamId,
    head: ParamId,
}

impl Model {
    fn new() -> Self {
        let mut params = Params::new();
        let mut seed = 0u64;
        let mut add = |params: &mut Params, name: &str, shape: &[usize], role: Role| {
            let values: Vec<f32> = (0..shape.iter().product())
                .map(|_| {
                    seed += 1;
                    // Evenly spread (Weyl's sequence).
                    ((seed as f64 * 0.618_033_988_749_895).fract() - 0.5) as f32 * 0.4
                })
                .collect();
            let id = params.add(name, shape, &values);
            params.set_role(id, role);
            id
        };
        let table = add(&mut params, "table", &[24, 17], Role::Embedding);
        let hidden = add(&mut params, "hidden", &[40, 17], Role::Hidden(vec![20, 20]));
        let bias = add(&mut params, "bias", &[40], Role::Vector);
        let head = add(&mut params, "head", &[24, 40], Role::Head);
        Self { params, table, hidden, bias, head }
    }

    /// The loss, and its gradients in place of those that were there.
    fn pass(&self, device: &Device, gradients: &mut Gradients, workspace: &mut Workspace) -> f32 {
        gradients.zero();
        let mut graph = Graph::train(device, &self.params, gradients, workspace, 1);
        let x = graph.embedding(self.table, &IDS).unwrap();
        let x = graph.linear_activated(x, self.hidden, Some(self.bias), Activation::Tanh).unwrap();
        let logits = graph.linear(x, self.head, None).unwrap();
        let following: Vec<u32> = IDS.iter().map(|id| id * 7 % 24).collect();
        let (_, loss) = graph.cross_entropy(logits, &following).unwrap();
        graph.backward(loss, 1.0).unwrap();
        graph.value(loss)[0]
    }
}

/// Each optimizer and a learning rate for it.
fn optimizers(params: &Params) -> [(&'static str, Box<dyn Optimizer>, f32); 4] {
    let lion = LionOptions { betas: [0.9, 0.99], weight_decay: 0.1 };
    [
        ("adamw", Box::new(AdamW::new(params, ADAMW)), 0.01),
        ("sgd", Box::new(Sgd::new(params, SgdOptions { momentum: 0.9, weight_decay: 1e-4 })), 0.5),
        ("muon", Box::new(Muon::new(params, MuonOptions { momentum: 0.9, rest: ADAMW })), 0.01),
        ("lion", Box::new(Lion::new(params, lion)), 0.004),
    ]
}

/// The losses of some steps with each optimizer, and the weights behind them, as bits.
fn train(threads: usize, steps: usize) -> Vec<(&'static str, Vec<f32>, Vec<u32>)> {
    let device = Device::new(threads, Precision::F32);
    (0..4)
        .map(|number| {
            let mut model = Model::new();
            let (mut gradients, mut workspace) = (Gradients::of(&model.params), Workspace::new());
            let (name, mut optimizer, rate) =
                optimizers(&model.params).into_iter().nth(number).expect("there are four");
            let mut step = || {
                let loss = model.pass(&device, &mut gradients, &mut workspace);
                let scale = (1.0 / gradients.norm(&device)).min(1.0);
                optimizer.step(&device, &mut model.params, &gradients, rate, scale);
                loss
            };
            let losses = (0..steps).map(|_| step()).collect();
            let bits = model.params.values().iter().map(|value| value.to_bits()).collect();
            (name, losses, bits)
        })
        .collect()
}

#[test]
fn the_loss_falls_with_each() {
    for (name, losses, _) in train(2, 150) {
        assert!((losses[0] - 24f32.ln()).abs() < 0.2, "{name} begins at {}", losses[0]);
        assert!(losses[149] < 0.5, "{name} ends at {}", losses[149]);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let expected = train(1, 3);
    for threads in [2, 3] {
        assert!(train(threads, 3) == expected, "{threads} threads and one");
    }
}

#[test]
fn with_its_state_each_goes_on_to_the_same_bits() {
    let device = Device::new(1, Precision::F32);
    for number in 0..4 {
        let mut model = Model::new();
        let (mut gradients, mut workspace) = (Gradients::of(&model.params), Workspace::new());
        let [mut first, mut second] =
            [(), ()].map(|()| optimizers(&model.params).into_iter().nth(number).unwrap());
        let (name, rate) = (first.0, first.2);
        for _ in 0..3 {
            model.pass(&device, &mut gradients, &mut workspace);
            first.1.step(&device, &mut model.params, &gradients, rate, 1.0);
        }
        // What a checkpoint holds, by name.
        let saved: Vec<(String, Vec<f32>)> =
            first.1.state().tensors().map(|(name, values)| (name, values.to_vec())).collect();
        let state = second.1.state_mut();
        state.steps = first.1.state().steps;
        for ((name, values), (wanted, there)) in saved.iter().zip(state.tensors_mut()) {
            assert_eq!(*name, wanted);
            there.copy_from_slice(values);
        }
        assert_eq!((state.steps, &*state), (3, first.1.state()));
        let weights = model.params.values().to_vec();
        model.pass(&device, &mut gradients, &mut workspace);
        let results = [first.1, second.1].map(|mut optimizer| {
            model.params.values_mut().copy_from_slice(&weights);
            optimizer.step(&device, &mut model.params, &gradients, rate, 1.0);
            model.params.values().to_vec()
        });
        assert!(results[0] == results[1] && results[0] != weights, "{name}");
    }
}

#[test]
fn muon_leaves_all_but_hidden_matrices_to_adamw() {
    let device = Device::new(2, Precision::F32);
    let mut model = Model::new();
    let (mut gradients, mut workspace) = (Gradients::of(&model.params), Workspace::new());
    model.pass(&device, &mut gradients, &mut workspace);
    let begin = model.params.values().to_vec();
    let mut muon = Muon::new(&model.params, MuonOptions { momentum: 0.9, rest: ADAMW });
    assert_eq!(
        muon.state().tensors().map(|(name, values)| (name, values.len())).collect::<Vec<_>>(),
        [("moments.0".to_owned(), begin.len()), ("moments.1".to_owned(), begin.len() - 40 * 17)]
    );
    let mut adamw = AdamW::new(&model.params, ADAMW);
    let mut after = |optimizer: &mut dyn Optimizer| {
        model.params.values_mut().copy_from_slice(&begin);
        (0..2).for_each(|_| optimizer.step(&device, &mut model.params, &gradients, 0.01, 1.0));
        [model.table, model.bias, model.head, model.hidden].map(|id| model.params.value(id).to_vec())
    };
    let [by_muon, by_adamw] = [after(&mut muon), after(&mut adamw)];
    assert!(by_muon[..3] == by_adamw[..3] && by_muon[3] != by_adamw[3]);
}

#[test]
fn a_steady_step_allocates_no_matrix() {
    // One thread: what is counted is what this thread allocates.
    let device = Device::new(1, Precision::Bf16);
    let mut model = Model::new();
    let (mut gradients, mut workspace) = (Gradients::of(&model.params), Workspace::new());
    model.pass(&device, &mut gradients, &mut workspace);
    for (name, mut optimizer, rate) in optimizers(&model.params) {
        let bytes = [1, 2].map(|_| {
            let step = || optimizer.step(&device, &mut model.params, &gradients, rate, 1.0);
            allocation_counter::measure(step).bytes_total
        });
        // A product notes whose packed columns it reads, and no more.
        let matrix = 20 * 17 * size_of::<f32>() as u64;
        assert!(bytes[1] < if name == "muon" { matrix } else { 1 }, "{name}: {bytes:?}");
        assert!(name != "muon" || bytes[0] > 0, "what is counted is not what is allocated");
    }
}
