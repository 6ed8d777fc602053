//! Forecasts that nothing has to be learnt for, and how far they are from what came.

use super::{Collection, Origin};

/// Repeats what was `period` steps before, as often as is needed: forecasts `[origins, ahead, columns]`.
pub fn repeated(collection: &Collection, origins: &[Origin], ahead: usize, period: usize) -> Vec<f32> {
    let columns = collection.columns();
    let mut forecasts = Vec::new();
    for &Origin { member, at } in origins {
        let period = period.min(at);
        for step in 0..ahead {
            let from = at - period + step % period;
            forecasts.extend_from_slice(&collection.members[member].values[from * columns..][..columns]);
        }
    }
    forecasts
}

/// What goes on as fast as it went in the mean of what was read, `[origins, horizon, columns]`.
pub fn straight_on(collection: &Collection, origins: &[Origin], horizon: usize) -> Vec<f32> {
    let columns = collection.columns();
    let mut forecasts = Vec::new();
    for &Origin { member, at } in origins {
        let step = |index: usize| &collection.members[member].values[index * columns..][..columns];
        let (first, last) = (step(0), step(at - 1));
        for ahead in 1..=horizon {
            let share = ahead as f32 / (at - 1) as f32;
            forecasts.extend(first.iter().zip(last).map(|(first, last)| last + share * (last - first)));
        }
    }
    forecasts
}

/// The mean error of repeating each column of `learnt[steps, columns]` a season later; 0 where there is no whole season.
pub fn season_errors(learnt: &[f32], columns: usize, season: usize) -> Vec<f32> {
    let apart = season * columns;
    let error = |column: usize| {
        let later = learnt.iter().skip(apart + column).step_by(columns);
        let (sum, count) = later
            .zip(learnt.iter().skip(column).step_by(columns))
            .fold((0.0, 0), |(sum, count), (a, b)| (sum + f64::from((a - b).abs()), count + 1));
        (sum / f64::from(count.max(1))) as f32
    };
    (0..columns).map(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Member;

    #[test]
    fn what_was_is_repeated_or_goes_straight_on() {
        let values = vec![1.0, 2.0, 4.0, 7.0];
        let member = Member { name: "any".into(), values, truth: None, calendar: None };
        let collection = Collection { names: vec!["x".into()], members: vec![member] };
        let origin = [Origin { member: 0, at: 3 }];
        assert_eq!(repeated(&collection, &origin, 3, 2), [2.0, 4.0, 2.0]);
        assert_eq!(straight_on(&collection, &origin, 2), [5.5, 7.0]);
    }

    #[test]
    fn the_error_of_a_repeated_season() {
        let learnt = [1.0, 10.0, 2.0, 20.0, 3.0, 10.0, 4.0, 20.0];
        assert_eq!(season_errors(&learnt, 2, 2), [2.0, 0.0]);
        assert_eq!(season_errors(&learnt, 2, 4), [0.0, 0.0]);
    }
}
