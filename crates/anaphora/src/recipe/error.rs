//! Why a recipe is refused.

/// Why a recipe is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The text is not TOML.
    #[error("line {line}: this is not TOML: {reason}")]
    Toml {
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// There is no such field.
    #[error("there is no field {field}{}", nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default())]
    UnknownField {
        /// Its dotted path.
        field: String,
        /// The known field with the most similar name.
        nearest: Option<&'static str>,
    },
    /// A field has a value that it does not take.
    #[error("field {field} is {found}; it takes {accepts}")]
    Value {
        /// Its dotted path.
        field: &'static str,
        /// The value, as TOML.
        found: String,
        /// What would be right.
        accepts: String,
    },
    /// A field is set that the task, the backbone or another field leaves unread.
    #[error("field {field} is read {readers}, and {found}")]
    Unread {
        /// Its dotted path.
        field: &'static str,
        /// What does read it: "by the backbone transformer only".
        readers: String,
        /// What there is instead: "this one is lstm".
        found: String,
    },
    /// Two fields do not go together, or one that is needed is missing.
    #[error("{0}")]
    Conflict(String),
}
