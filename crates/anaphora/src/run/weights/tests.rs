use super::*;

use proptest::prelude::*;

fn tensors() -> Vec<NamedTensor<'static>> {
    vec![
        NamedTensor::new(
            "rnn.weight_ih_l0",
            vec![2, 3],
            vec![1.0, -2.5, f32::MIN_POSITIVE, 3.0, 1e-45, -0.0],
        ),
        NamedTensor::new("head.bias", vec![2], vec![0.1, 0.2]),
        NamedTensor::new("scale", vec![], vec![7.0]),
    ]
}

const EXPECTED: [(&str, &[usize]); 3] = [("head.bias", &[2]), ("scale", &[]), ("rnn.weight_ih_l0", &[2, 3])];

fn written(tensors: &[NamedTensor<'_>]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    write_weights(&path, tensors).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn reads_what_it_wrote_bit_for_bit() {
    let bits = |tensors: &[NamedTensor<'_>]| -> Vec<(String, Vec<u32>)> {
        tensors.iter().map(|t| (t.name.to_string(), t.data.iter().map(|x| x.to_bits()).collect())).collect()
    };
    let parsed = parse(&written(&tensors())).unwrap();
    assert!(parsed.summed);
    assert_eq!(bits(&parsed.tensors), bits(&tensors()));
    assert_eq!(written(&tensors()), written(&tensors()), "the same tensors are the same bytes");
}

#[test]
fn longer_tensors_than_one_chunk() {
    let data: Vec<f32> = (0..10_001).map(|i| (i as f32).sin()).collect();
    let tensor = NamedTensor::new("long", vec![10_001], &data);
    assert_eq!(parse(&written(&[tensor])).unwrap().tensors[0].data, data);
}

#[test]
fn a_file_from_elsewhere_needs_no_sum() {
    let data = 1.5f32.to_le_bytes();
    let view = safetensors::tensor::TensorView::new(Dtype::F32, vec![1], &data).unwrap();
    let bytes = safetensors::serialize([("a", view)], None).unwrap();
    let parsed = parse(&bytes).unwrap();
    assert!(!parsed.summed);
    assert_eq!(parsed.tensors, [NamedTensor::new("a", vec![1], vec![1.5])]);

    let data = 1.5f64.to_le_bytes();
    let view = safetensors::tensor::TensorView::new(Dtype::F64, vec![1], &data).unwrap();
    let bytes = safetensors::serialize([("a", view)], None).unwrap();
    let error = parse(&bytes).err().unwrap().to_string();
    assert_eq!(error, "tensor a holds F64 numbers where F32, F16 or BF16 is expected");
}

#[test]
fn puts_tensors_in_the_models_order() {
    let names: Vec<_> = arrange(tensors(), &EXPECTED).unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["head.bias", "scale", "rnn.weight_ih_l0"]);
}

#[test]
fn says_which_tensor_does_not_fit() {
    let refusal =
        |tensors, expected: &[(&str, &[usize])]| arrange(tensors, expected).unwrap_err().to_string();
    assert_eq!(refusal(tensors()[1..].to_vec(), &EXPECTED), "tensor rnn.weight_ih_l0 is missing");
    assert_eq!(refusal(tensors(), &EXPECTED[1..]), "tensor head.bias is not part of this model");
    let expected: [(&str, &[usize]); 1] = [("rnn.weight_ih_l0", &[3, 2])];
    assert_eq!(
        refusal(tensors(), &expected),
        "tensor rnn.weight_ih_l0 has shape [2, 3] where the model has [3, 2]"
    );
    let mut tensors = tensors();
    tensors[1].data.to_mut()[1] = f32::INFINITY;
    assert_eq!(
        refusal(tensors, &EXPECTED),
        "tensor head.bias holds inf at position 1 where a finite number is expected"
    );
}

#[test]
fn the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let message = read_weights(&path).unwrap_err().to_string();
    assert!(message.starts_with(&format!("cannot read {}", path.display())), "{message}");
    write_weights(&path, &tensors()[1..]).unwrap();
    let message = read_model_weights(&path, &EXPECTED).unwrap_err().to_string();
    assert_eq!(message, format!("{}: tensor rnn.weight_ih_l0 is missing", path.display()));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_header_is_read_or_refused(header in r#"\{("a":\{"dtype":"(F32|F4|I8)","shape":\[[0-9]{0,20}(,-?[0-9]{1,3})?\],"data_offsets":\[[0-9]{1,20},[0-9]{1,2}\]\})?\}"#, data in 0usize..16) {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        let _ = parse(&bytes);
    }
}
