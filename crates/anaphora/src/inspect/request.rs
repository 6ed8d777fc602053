//! What is asked of an inspection, and why a view cannot be given.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Inspection, View};
use crate::recipe::Backbone;
use crate::{Error, Result};

/// The input to look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Source {
    /// What the training held out.
    #[default]
    HeldOut,
    /// A text.
    Text(String),
    /// A file of what the task reads, and the file of its truths if that is a separate one.
    File(PathBuf, Option<PathBuf>),
}

/// What is to be looked at, and of which input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The input.
    pub source: Source,
    /// Which example of it, from 0.
    pub index: usize,
    /// The views that are wanted; none for all that apply and are quick.
    pub views: Option<BTreeSet<View>>,
}

impl Request {
    /// Whether a view is wanted.
    pub fn wants(&self, view: View) -> bool {
        self.views.as_ref().map_or(!view.is_slow(), |views| views.contains(&view))
    }

    /// Whether one of some views is wanted.
    pub fn wants_any(&self, views: &[View]) -> bool {
        views.iter().any(|&view| self.wants(view))
    }

    /// Says that a view cannot be given, and why.
    ///
    /// # Errors
    /// [`Error::View`] where it was asked for by name.
    pub fn refuse(&self, inspection: &mut Inspection, view: View, reason: impl Into<String>) -> Result<()> {
        let reason = reason.into();
        match &self.views {
            Some(views) if views.contains(&view) => Err(Error::View { view, reason }),
            Some(_) => Ok(()),
            None => {
                inspection.not_shown.insert(view.to_string(), reason);
                Ok(())
            }
        }
    }

    /// As [`Request::refuse`], of several views.
    ///
    /// # Errors
    /// [`Error::View`] where one was asked for by name.
    pub fn refuse_all(&self, inspection: &mut Inspection, views: &[(View, &str)]) -> Result<()> {
        views.iter().try_for_each(|&(view, reason)| self.refuse(inspection, view, reason))
    }

    /// What a view is made from, if it is there: data may be gone since the training.
    ///
    /// # Errors
    /// Its own, where the view was asked for by name.
    pub fn need<T>(&self, inspection: &mut Inspection, view: View, found: Result<T>) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if self.views.is_some() => Err(error),
            Err(error) => self.refuse(inspection, view, error.to_string()).map(|()| None),
        }
    }
}

/// Says of which views of layers there is nothing to see in a model with such a backbone; `without` is why it does not attend, where
/// it does not.
///
/// # Errors
/// As [`Request::refuse`].
pub fn refuse_by_backbone(
    inspection: &mut Inspection,
    backbone: Backbone,
    request: &Request,
    without: &str,
) -> Result<()> {
    if !matches!(backbone, Backbone::Rnn | Backbone::Gru | Backbone::Lstm) {
        let reason = format!(
            "a model with backbone {backbone} has no recurrent layer; gates are those of rnn, gru and lstm"
        );
        request.refuse(inspection, View::Gates, reason)?;
    }
    let attends = |name: &str| ["attention.b", "cross.b", "q.b"].iter().any(|part| name.contains(part));
    if backbone != Backbone::Transformer && !inspection.arrays().any(|(name, _)| attends(name)) {
        request.refuse(inspection, View::Attention, without)?;
        request.refuse(inspection, View::Search, without)?;
    }
    Ok(())
}

/// Why a model that reads one sequence does not attend.
pub const NO_ATTENTION: &str = "the model does not attend; a transformer does, and what translates or captions with model.attention luong or bahdanau";
