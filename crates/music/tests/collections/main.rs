//! Reading, writing and playing music, on single signs and on whole collections.

mod abc2midi;
mod collection;
mod common;
mod irish;
mod notation;
mod reading;
mod sound;
