use super::*;

use serde_json::json;

fn checkpoint(step: u64) -> Checkpoint<'static> {
    Checkpoint {
        step,
        tensors: vec![
            NamedTensor::new("rnn.weight_ih_l0", vec![2, 3], vec![1.0, -2.5, 0.1, step as f32, 1e-45, -0.0]),
            NamedTensor::new("adamw.m.rnn.weight_ih_l0", vec![2, 3], vec![0.25; 6]),
        ],
        state: json!({
            "rng": [u64::MAX, 1, 0x0123_4567_89ab_cdef_u64, 0],
            "best": 0.1 + 0.2,
            "note": "quotes \" and ünïcode \u{1d11e}",
        }),
    }
}

fn folder() -> (tempfile::TempDir, Checkpoints) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path());
    (folder, checkpoints)
}

#[test]
fn reads_what_it_wrote() {
    let (_folder, checkpoints) = folder();
    let path = checkpoints.save(&checkpoint(123)).unwrap();
    assert!(path.ends_with("step-000123.safetensors"));
    assert_eq!(Checkpoint::read(&path).unwrap(), checkpoint(123));
    let bytes = fs::read(&path).unwrap();
    checkpoints.save(&checkpoint(123)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes, "the same checkpoint is the same bytes");
}

#[test]
fn floats_in_the_state_keep_their_bits() {
    use proptest::prelude::*;
    let (_folder, checkpoints) = folder();
    let single = any::<f32>().prop_filter("finite", |x| x.is_finite());
    let double = any::<f64>().prop_filter("finite", |x| x.is_finite());
    proptest!(ProptestConfig::with_cases(2000), |(single in single, double in double, whole: u64)| {
        let text = json!([single, double, whole]).to_string();
        let back: (f32, f64, u64) = serde_json::from_str(&text).unwrap();
        prop_assert_eq!((back.0.to_bits(), back.1.to_bits(), back.2), (single.to_bits(), double.to_bits(), whole));
    });
    let state = json!({ "x": 0.1 + 0.2, "y": f64::MIN_POSITIVE / 3.0, "z": -0.0 });
    let path = checkpoints.save(&Checkpoint { state: state.clone(), ..checkpoint(1) }).unwrap();
    let back = Checkpoint::read(path).unwrap().state;
    for key in ["x", "y", "z"] {
        assert_eq!(back[key].as_f64().unwrap().to_bits(), state[key].as_f64().unwrap().to_bits());
    }
}

fn parsed(bytes: &[u8]) -> Result<Checkpoint<'static>, Failure> {
    parse(bytes, bytes.len() as u64)
}

#[test]
fn truncated_at_every_length_it_is_refused() {
    let (_folder, checkpoints) = folder();
    let bytes = fs::read(checkpoints.save(&checkpoint(1)).unwrap()).unwrap();
    assert!(parsed(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(parsed(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    assert!(parsed(&[&bytes[..], &[0]].concat()).is_err(), "one byte more");
}

#[test]
fn with_any_bit_flipped_it_is_refused() {
    let (_folder, checkpoints) = folder();
    let mut bytes = fs::read(checkpoints.save(&checkpoint(1)).unwrap()).unwrap();
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(parsed(&bytes).is_err(), "bit {} of byte {}", bit % 8, bit / 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert!(parsed(&bytes).is_ok());
}

#[test]
fn keeps_the_last_two() {
    let (_folder, checkpoints) = folder();
    for step in [100, 200, 300, 400] {
        checkpoints.save(&checkpoint(step)).unwrap();
    }
    assert_eq!(checkpoints.steps().unwrap(), [300, 400]);
    // Six digits are a width, not a limit.
    checkpoints.save(&checkpoint(1_000_000)).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [400, 1_000_000]);
}

#[test]
fn the_newest_that_is_whole_is_taken() {
    let (folder, checkpoints) = folder();
    assert!(checkpoints.latest_valid().unwrap().checkpoint.is_none());
    checkpoints.save(&checkpoint(200)).unwrap();
    let newest = checkpoints.save(&checkpoint(300)).unwrap();
    fs::write(folder.path().join(".step-000400.safetensors.77.tmp"), b"half").unwrap();
    fs::write(folder.path().join("step-+500.safetensors"), b"foreign").unwrap();

    let found = checkpoints.latest_valid().unwrap();
    assert_eq!(found.checkpoint.unwrap().1, checkpoint(300));
    assert!(found.damaged.is_empty());

    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() - 5]).unwrap();
    let found = checkpoints.latest_valid().unwrap();
    assert_eq!(found.checkpoint.unwrap().1.step, 200);
    let message = found.damaged[0].to_string();
    assert!(message.starts_with(&format!("checkpoint {} is damaged: ", newest.display())), "{message}");
    assert!(message.ends_with("an earlier checkpoint of the same run can be used"), "{message}");

    fs::write(checkpoints.path(200), b"").unwrap();
    let found = checkpoints.latest_valid().unwrap();
    assert_eq!((found.checkpoint, found.damaged.len()), (None, 2));
}

#[test]
fn going_back_leaves_no_later_ones() {
    let (_folder, checkpoints) = folder();
    for step in [100, 200] {
        checkpoints.save(&checkpoint(step)).unwrap();
    }
    checkpoints.discard_after(100).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [100]);
    // A step saved again does not push out the later ones, nor count twice.
    checkpoints.save(&checkpoint(200)).unwrap();
    checkpoints.save(&checkpoint(100)).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [100, 200]);
}

#[test]
fn a_full_disk_loses_no_earlier_checkpoint() {
    let Some(disk) = crate::run::small_disk::SmallDisk::mount("52k") else { return };
    let checkpoints = Checkpoints::new(disk.path());
    let large = |step| Checkpoint {
        tensors: vec![NamedTensor::new("w", vec![5000], vec![step as f32; 5000])],
        ..checkpoint(step)
    };
    checkpoints.save(&large(100)).unwrap();
    checkpoints.save(&large(200)).unwrap();
    let message = checkpoints.save(&large(300)).unwrap_err().to_string();
    assert!(message.contains("step-000300.safetensors: the disk is full"), "{message}");
    assert_eq!(checkpoints.steps().unwrap(), [100, 200]);
    assert_eq!(checkpoints.latest_valid().unwrap().checkpoint.unwrap().1, large(200));
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 2, "no half file stays");
}
