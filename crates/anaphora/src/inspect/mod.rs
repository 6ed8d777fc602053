//! What happens inside a model, as data: named arrays with labels, from which every view is drawn.

mod context;
mod describe;
mod embedding;
pub mod features;
mod gradients;
mod inspection;
mod pass;
mod request;
mod sequence;
mod statistics;
mod units;
mod view;

pub use self::context::{context, cross_entropy};
pub use self::describe::weights;
pub use self::embedding::{embedding, embedding_of, plane};
pub use self::gradients::gradients;
pub use self::inspection::{Array, Inspection};
pub use self::pass::pass;
pub use self::request::{Request, Source, refuse_by_backbone};
pub use self::sequence::{Says, running, saliency};
pub use self::statistics::{QUANTILES, quantiles};
pub use self::units::{Tracked, features, units};
pub use self::view::View;
