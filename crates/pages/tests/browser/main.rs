//! The pages in a real browser, without a network.

mod charts;
mod fixtures;
mod inspection;
mod lecture;
