//! What happens inside a model, as data: named arrays with labels, from which every view is drawn.

mod context;
mod describe;
mod embedding;
pub mod features;
mod gradients;
mod inspection;
mod music;
mod original;
mod pass;
mod request;
mod sequence;
mod speed;
mod statistics;
mod units;
mod view;

pub use self::context::{context, cross_entropy};
pub use self::describe::about;
pub use self::embedding::{embedding, embedding_of, plane};
pub use self::gradients::gradients;
pub use self::inspection::{Array, Inspection, overlay};
pub use self::music::{Sounding, WrittenNote, notes, sounding, written_notes};
pub use self::original::{Curves, Cut, Original, Pixels, Times};
pub use self::pass::pass;
pub use self::request::{NO_ATTENTION, Request, Source, refuse_by_backbone};
pub use self::sequence::{Says, repeated, running, saliency};
pub use self::speed::speed;
pub use self::statistics::QUANTILES;
pub use self::units::{Tracked, features, units};
pub use self::view::View;
