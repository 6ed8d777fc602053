//! A ball in a box, thrown, slowed by the air and bouncing.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{Random, normal, seeded};
use crate::frames::Frames;
use crate::series::{Collection, Member};

/// The world the ball is in: a box from 0 to 4 m across, with a floor at 0 and no lid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ball {
    /// Acceleration downwards, in m/s².
    pub gravity: f64,
    /// Deceleration by the air over the speed's square, in 1/m.
    pub drag: f64,
    /// Share of the speed against floor or wall that is left after a bounce.
    pub bounce: f64,
    /// Deviation of what is seen of a place, in m.
    pub noise: f64,
    /// From one frame to the next, in s.
    pub step: f64,
    /// Number of frames.
    pub frames: usize,
}

impl Default for Ball {
    /// Three seconds of a rubber ball, seen twenty times a second to 2 cm.
    fn default() -> Self {
        Ball { gravity: 9.81, drag: 0.05, bounce: 0.8, noise: 0.02, step: 0.05, frames: 60 }
    }
}

/// One throw.
#[derive(Debug, Clone, PartialEq)]
pub struct Flight {
    /// Where the ball is and how fast: x, y, velocity in x and y, `[frames, 4]`.
    pub truth: Frames,
    /// Where it is seen: x, y, `[frames, 2]`.
    pub seen: Frames,
}

/// Metres from wall to wall.
pub const WALL: f64 = 4.0;
/// Steps of the simulation to a frame.
const SUBSTEPS: usize = 50;

/// Throws from any place between 1 and 3 m above the floor, in any direction, with up to 4 m/s.
pub fn flights(seed: u64, count: usize, ball: &Ball) -> Vec<Flight> {
    let mut random = seeded(seed);
    (0..count).map(|_| flight(ball, &mut random)).collect()
}

fn flight(ball: &Ball, random: &mut Random) -> Flight {
    let mut within = |low: f64, high: f64| low + (high - low) * random.random::<f64>();
    let (speed, direction) = (within(1.0, 4.0), within(0.0, std::f64::consts::TAU));
    let mut state = State {
        place: [within(0.5, WALL - 0.5), within(1.0, 3.0)],
        velocity: [speed * direction.cos(), speed * direction.sin()],
    };
    let (mut truth, mut seen) = (vec![], vec![]);
    for _ in 0..ball.frames {
        truth.extend(state.place.into_iter().chain(state.velocity).map(|value| value as f32));
        seen.extend(state.place.map(|place| (place + ball.noise * normal(random)) as f32));
        (0..SUBSTEPS).for_each(|_| state.advance(ball, ball.step / SUBSTEPS as f64));
    }
    Flight { truth: Frames { width: 4, values: truth }, seen: Frames { width: 2, values: seen } }
}

struct State {
    place: [f64; 2],
    velocity: [f64; 2],
}

impl State {
    /// One step by the midpoint rule, then what floor and walls do.
    fn advance(&mut self, ball: &Ball, step: f64) {
        let middle = self.pushed(self.velocity, ball, step / 2.0);
        let after = self.pushed(middle, ball, step);
        for (place, velocity) in self.place.iter_mut().zip(middle) {
            *place += step * velocity;
        }
        self.velocity = after;
        let [x, y] = &mut self.place;
        let [across, up] = &mut self.velocity;
        if *y < 0.0 {
            (*y, *up) = (-*y * ball.bounce, up.abs() * ball.bounce);
        }
        if *x < 0.0 {
            (*x, *across) = (-*x * ball.bounce, across.abs() * ball.bounce);
        }
        if *x > WALL {
            (*x, *across) = (WALL - (*x - WALL) * ball.bounce, -across.abs() * ball.bounce);
        }
    }

    /// The velocity after a time under gravity, and the drag that there is at velocity `at`.
    fn pushed(&self, at: [f64; 2], ball: &Ball, time: f64) -> [f64; 2] {
        let drag = ball.drag * at[0].hypot(at[1]);
        [self.velocity[0] - time * drag * at[0], self.velocity[1] - time * (drag * at[1] + ball.gravity)]
    }
}

/// Throws of a ball as series of its place, as it is seen and as it is.
pub fn throws(seed: u64, count: usize) -> Collection {
    let throw = |(index, flight): (usize, Flight)| Member {
        name: format!("throw {}", index + 1),
        values: flight.seen.values,
        truth: Some(flight.truth.values.chunks_exact(4).flat_map(|state| [state[0], state[1]]).collect()),
        calendar: None,
    };
    let throws = flights(seed, count, &Ball::default());
    Collection {
        names: vec!["x".into(), "y".into()],
        members: throws.into_iter().enumerate().map(throw).collect(),
    }
}
