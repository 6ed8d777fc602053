use std::fs;

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

fn parsed(bytes: &[u8]) -> Result<Parsed, WeightsError> {
    parse(bytes, bytes.len() as u64, |_| true).map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Io(error) => panic!("{error}"),
    })
}

/// A model of those tensors, in another order.
fn model() -> Params {
    let mut params = Params::new();
    for (name, shape) in EXPECTED {
        params.declare(name, shape);
    }
    params
}

#[test]
fn reads_what_it_wrote_bit_for_bit() {
    let bits = |tensors: &[NamedTensor<'_>]| -> Vec<(String, Vec<u32>)> {
        tensors.iter().map(|t| (t.name.to_string(), t.data.iter().map(|x| x.to_bits()).collect())).collect()
    };
    let file = parsed(&written(&tensors())).unwrap();
    assert!(file.summed);
    assert_eq!(bits(&file.tensors), bits(&tensors()));
    assert_eq!(written(&tensors()), written(&tensors()), "the same tensors are the same bytes");
}

#[test]
fn longer_tensors_than_one_chunk() {
    let data: Vec<f32> = (0..10_001).map(|i| (i as f32).sin()).collect();
    let tensor = NamedTensor::new("long", vec![10_001], &data);
    assert_eq!(parsed(&written(&[tensor])).unwrap().tensors[0].data, data);
}

#[test]
fn a_file_from_elsewhere_needs_no_sum() {
    let data = 1.5f32.to_le_bytes();
    let view = safetensors::tensor::TensorView::new(Dtype::F32, vec![1], &data).unwrap();
    let bytes = safetensors::serialize([("a", view)], None).unwrap();
    let file = parsed(&bytes).unwrap();
    assert!(!file.summed);
    assert_eq!(file.tensors, [NamedTensor::new("a", vec![1], vec![1.5])]);

    let data = 1.5f64.to_le_bytes();
    let view = safetensors::tensor::TensorView::new(Dtype::F64, vec![1], &data).unwrap();
    let bytes = safetensors::serialize([("a", view)], None).unwrap();
    let error = parsed(&bytes).err().unwrap().to_string();
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
    let message = read_into(&path, &mut model(), None).unwrap_err().to_string();
    assert_eq!(message, format!("{}: tensor rnn.weight_ih_l0 is missing", path.display()));
}

#[test]
fn a_model_is_read_in_place_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let read = |bytes: &[u8], precision| {
        fs::write(&path, bytes).unwrap();
        let mut params = model();
        read_into(&path, &mut params, precision).map(|()| params)
    };
    let bytes = written(&tensors());
    let params = read(&bytes, None).unwrap();
    let find = |name| params.value(params.find(name).unwrap());
    assert_eq!((find("head.bias"), find("scale")), (&[0.1, 0.2][..], &[7.0][..]));
    assert_eq!(find("rnn.weight_ih_l0"), &tensors()[0].data[..]);

    let refusal = |bytes: &[u8]| {
        let [whole, packed] =
            [None, Some(Precision::F32)].map(|precision| read(bytes, precision).unwrap_err().to_string());
        assert_eq!(whole, packed);
        whole
    };
    // A wrong sum goes before what it led to: the last number becomes infinite.
    let mut altered = bytes.clone();
    let last = altered.len() - 4;
    altered[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert!(refusal(&altered).contains("has checksum"), "{}", refusal(&altered));
    for len in 0..bytes.len() {
        refusal(&bytes[..len]);
    }
    let mut infinite = tensors();
    infinite[0].data.to_mut()[4] = f32::NAN;
    let message = refusal(&written(&infinite));
    assert!(
        message.ends_with("weight_ih_l0 holds NaN at position 4 where a finite number is expected"),
        "{message}"
    );
    let message = refusal(&written(&[&tensors()[..], &[NamedTensor::new("more", vec![0], vec![])]].concat()));
    assert!(message.ends_with("tensor more is not part of this model"), "{message}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parsed(&bytes);
    }

    #[test]
    fn any_header_is_read_or_refused(header in r#"\{("a":\{"dtype":"(F32|F4|I8)","shape":\[[0-9]{0,20}(,-?[0-9]{1,3})?\],"data_offsets":\[[0-9]{1,20},[0-9]{1,2}\]\})?\}"#, data in 0usize..16) {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        let _ = parsed(&bytes);
    }
}
