use proptest::prelude::*;

use super::*;

const END: u32 = 0;

/// Pieces of the given lengths, whose tokens are all different.
fn stream(lengths: &[usize]) -> Arc<TokenStream> {
    stream_in(lengths, &Spill::to_scratch())
}

fn stream_in(lengths: &[usize], spill: &Spill) -> Arc<TokenStream> {
    let mut builder = StreamBuilder::new(lengths.iter().sum::<usize>() + 1, spill);
    let mut next = 0;
    for &length in lengths {
        next += length as u32;
        builder.push(&(next - length as u32 + 1..=next).collect::<Vec<u32>>()).unwrap();
        builder.end(END).unwrap();
    }
    Arc::new(builder.finish().unwrap())
}

/// The rows of a batch as they were before packing: inputs and targets.
fn unpack(batch: &Batch) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut rows = vec![(vec![], vec![]); batch.rows()];
    let mut at = 0;
    for &size in &batch.batch_sizes {
        for (row, tokens) in rows.iter_mut().take(size).zip(at..) {
            row.0.push(batch.ids[tokens]);
            row.1.push(batch.targets[tokens]);
        }
        at += size;
    }
    assert_eq!(at, batch.tokens());
    assert_eq!(batch.ids.len(), batch.targets.len());
    assert!(batch.batch_sizes.is_sorted_by(|a, b| a >= b));
    rows
}

fn plans() -> impl Strategy<Value = Plan> {
    let sizes = (1usize..9, 1usize..12);
    (sizes, 0..3, any::<bool>(), proptest::option::of(1usize..20)).prop_map(
        |((batch, length), kind, shuffle, longest)| match kind {
            0 => Plan::Random { batch, length },
            1 => Plan::Sequential { batch, length, shuffle },
            _ => Plan::Pieces { batch, length, longest, shuffle },
        },
    )
}

/// All batches of the first epoch.
fn epoch(windows: &mut Windows) -> Vec<Batch> {
    let mut batches = vec![];
    while windows.epoch() == 0 {
        let mut batch = Batch::default();
        windows.next_into(&mut batch).unwrap();
        batches.push(batch);
    }
    batches
}

#[test]
fn equal_rows_are_time_major() {
    let mut windows =
        Windows::new(stream(&[5, 5]), Plan::Sequential { batch: 2, length: 3, shuffle: false }, 0).unwrap();
    let mut batch = Batch::default();
    windows.next_into(&mut batch).unwrap();
    assert_eq!(batch.ids, [0, 0, 1, 6, 2, 7]);
    assert_eq!(batch.targets, [1, 6, 2, 7, 3, 8]);
    assert_eq!(
        (batch.batch_sizes.as_slice(), batch.reset.as_slice()),
        ([2, 2, 2].as_slice(), [true, true].as_slice())
    );
    windows.next_into(&mut batch).unwrap();
    assert_eq!(batch.ids, [3, 8, 4, 9, 5, 10]);
    assert_eq!(batch.targets, [4, 9, 5, 10, 0, 0]);
    assert_eq!(batch.reset, [false, false]);
    assert_eq!((windows.epoch(), windows.progress()), (1, 1.0));
}

#[test]
fn pieces_are_packed_longest_first_and_carried_on() {
    let mut windows = Windows::new(
        stream(&[1, 4, 2]),
        Plan::Pieces { batch: 2, length: 3, longest: None, shuffle: false },
        0,
    )
    .unwrap();
    let batches = epoch(&mut windows);
    let seen =
        batches.iter().map(|b| format!("{:?} {:?} {:?} {:?}", b.indices, b.reset, b.batch_sizes, b.targets));
    let expected = [
        "[1, 2] [true, true] [2, 2, 2] [2, 6, 3, 7, 4, 0]",
        "[1] [false] [1, 1] [5, 0]",
        "[0] [true] [1, 1] [1, 0]",
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(batches[0].ids, [0, 0, 2, 6, 3, 7]);
}

#[test]
fn shuffling_differs_by_epoch_and_by_seed() {
    for plan in [
        Plan::Sequential { batch: 1, length: 100, shuffle: true },
        Plan::Pieces { batch: 9, length: 100, longest: None, shuffle: true },
    ] {
        let first = |seed| {
            let lengths: Vec<usize> = (0..18).map(|i| i % 5).collect();
            let mut windows = Windows::new(stream(&lengths), plan, seed).unwrap();
            let mut epochs = [vec![], vec![]];
            while windows.epoch() < 2 {
                let (epoch, mut batch) = (windows.epoch(), Batch::default());
                windows.next_into(&mut batch).unwrap();
                epochs[epoch as usize].extend(batch.targets);
            }
            epochs
        };
        assert_ne!(first(1)[0], first(1)[1]);
        assert_ne!(first(1)[0], first(2)[0]);
        assert_eq!(first(1), first(1));
    }
}

#[test]
fn a_steady_step_allocates_nothing() {
    let lengths: Vec<usize> = (0..200).map(|i| i * 7 % 60).collect();
    for plan in [
        Plan::Random { batch: 8, length: 16 },
        Plan::Sequential { batch: 8, length: 16, shuffle: true },
        Plan::Pieces { batch: 8, length: 16, longest: Some(40), shuffle: true },
    ] {
        let mut windows = Windows::new(stream(&lengths), plan, 0).unwrap();
        let mut batch = Batch::default();
        let memory = |windows: &Windows, batch: &Batch| {
            let of_batch = (batch.ids.as_ptr(), batch.targets.as_ptr(), batch.batch_sizes.as_ptr());
            let of_windows = (windows.rows.as_ptr(), windows.order.as_ptr(), windows.starts.as_ptr());
            let of_rows = (batch.indices.as_ptr(), batch.reset.as_ptr(), windows.tokens.as_ptr());
            (of_batch, of_rows, of_windows, windows.parts.as_ptr())
        };
        while windows.epoch() < 1 {
            windows.next_into(&mut batch).unwrap();
        }
        let before = memory(&windows, &batch);
        while windows.epoch() < 4 {
            windows.next_into(&mut batch).unwrap();
            assert_eq!(memory(&windows, &batch), before, "{plan:?}");
        }
    }
}

#[test]
fn windows_need_data_and_sizes() {
    let message = |stream, plan| Windows::new(stream, plan, 0).unwrap_err().to_string();
    assert!(message(stream(&[]), Plan::Random { batch: 1, length: 1 }).contains("no piece"));
    assert!(message(stream(&[3]), Plan::Random { batch: 0, length: 1 }).contains("batch size of 0"));
    assert!(message(stream(&[3]), Plan::Random { batch: 1, length: 0 }).contains("window length of 0"));
    assert!(
        message(stream(&[3]), Plan::Pieces { batch: 1, length: 1, longest: Some(0), shuffle: false })
            .contains("longest part of 0")
    );
}

#[test]
fn a_position_of_another_training_is_refused() {
    let plan = Plan::Random { batch: 2, length: 2 };
    let windows = |lengths: &[usize], plan| Windows::new(stream(lengths), plan, 0).unwrap();
    let position = windows(&[5, 6], plan).position().clone();
    let message = |mut w: Windows, p: &Position| w.resume(p).unwrap_err().to_string();
    assert!(message(windows(&[5, 7], plan), &position).contains("on other data"));
    assert!(message(windows(&[5, 6], Plan::Random { batch: 3, length: 2 }), &position).contains("batch: 2"));
    let damaged = Position { step: 99, ..position };
    assert!(message(windows(&[5, 6], plan), &damaged).contains("at batch 99 of an epoch that has 4"));
}

proptest! {
    #[test]
    fn every_token_is_predicted_once_an_epoch(
        lengths in proptest::collection::vec(0usize..30, 1..12), plan in plans(), seed: u64,
    ) {
        let stream = stream(&lengths);
        let mut windows = Windows::new(stream.clone(), plan, seed).unwrap();
        let steps = windows.steps_per_epoch();
        let batches = epoch(&mut windows);
        prop_assert_eq!(batches.len() as u64, steps);
        let (rows, length) = plan.sizes();
        let mut targets = vec![];
        // What each row predicted last, to be the first input of the row that continues it.
        let mut last: Vec<u32> = vec![];
        for batch in &batches {
            prop_assert!(batch.rows() <= rows && batch.steps() <= length && batch.tokens() > 0);
            prop_assert_eq!(batch.reset.len(), batch.rows());
            for (row, (ids, to_predict)) in unpack(batch).into_iter().enumerate() {
                prop_assert_eq!(&ids[1..], &to_predict[..ids.len() - 1]);
                // Tokens are numbered in the order of the pieces, and each first one follows an end.
                for (&input, &target) in ids.iter().zip(&to_predict) {
                    prop_assert!(target == END || input == END || target == input + 1);
                }
                if !batch.reset[row] {
                    prop_assert_eq!(ids[0], last[row]);
                }
                if row < last.len() { last[row] = to_predict[ids.len() - 1] } else { last.push(to_predict[ids.len() - 1]) }
                targets.extend(to_predict);
            }
        }
        if !matches!(plan, Plan::Random { .. }) {
            let mut all = vec![];
            stream.read(0..stream.len(), &mut all).unwrap();
            all.sort_unstable();
            targets.sort_unstable();
            prop_assert_eq!(targets, all);
        }
    }

    #[test]
    fn a_stored_position_continues_with_the_same_batches(
        lengths in proptest::collection::vec(0usize..30, 1..12), plan in plans(), seed: u64, stop in 0usize..40,
    ) {
        let mut windows = Windows::new(stream(&lengths), plan, seed).unwrap();
        let mut batch = Batch::default();
        (0..stop).for_each(|_| windows.next_into(&mut batch).unwrap());
        let stored = serde_json::to_string(windows.position()).unwrap();
        let mut resumed = Windows::new(stream(&lengths), plan, seed ^ 1).unwrap();
        resumed.resume(&serde_json::from_str(&stored).unwrap()).unwrap();
        let mut other = Batch::default();
        for _ in 0..40 {
            windows.next_into(&mut batch).unwrap();
            resumed.next_into(&mut other).unwrap();
            prop_assert_eq!(&batch, &other);
        }
    }

    #[test]
    fn tokens_in_a_file_give_the_same_batches(
        lengths in proptest::collection::vec(0usize..30, 1..12), plan in plans(), seed: u64,
    ) {
        let in_file = stream_in(&lengths, &Spill::to_scratch().above(0));
        prop_assert!(in_file.is_in_file() && !stream(&lengths).is_in_file());
        let mut windows = [stream(&lengths), in_file].map(|stream| Windows::new(stream, plan, seed).unwrap());
        let mut batches = [Batch::default(), Batch::default()];
        for _ in 0..40 {
            for (windows, batch) in windows.iter_mut().zip(&mut batches) {
                windows.next_into(batch).unwrap();
            }
            prop_assert_eq!(&batches[0], &batches[1]);
        }
    }

    #[test]
    fn a_shuffled_epoch_is_a_ring_of_the_pieces(
        lengths in proptest::collection::vec(0usize..30, 1..12), seed: u64, batch in 1usize..9, length in 1usize..12,
    ) {
        let stream = stream(&lengths);
        let plan = Plan::Sequential { batch, length, shuffle: true };
        let mut windows = Windows::new(stream.clone(), plan, seed).unwrap();
        // Laid out as a whole: the pieces in the order drawn, begun at the place drawn.
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..stream.piece_count()).collect();
        order.shuffle(&mut random);
        let mut ring = vec![];
        order.iter().for_each(|&piece| stream.read(stream.range(piece), &mut ring).unwrap());
        let cut = random.random_range(0..ring.len());
        ring.rotate_left(cut);
        let mut segments = vec![vec![]; batch];
        for batch in epoch(&mut windows) {
            for (row, (ids, targets)) in unpack(&batch).into_iter().enumerate() {
                let segment = &mut segments[batch.indices[row]];
                let before = if segment.is_empty() { ids[0] } else { *segment.last().unwrap() };
                prop_assert_eq!(ids[0], before);
                segment.extend(targets);
            }
        }
        prop_assert_eq!(segments.concat(), ring);
    }
}
