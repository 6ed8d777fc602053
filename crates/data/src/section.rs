//! A part of some texts, from one place to another.

use std::sync::Arc;

use crate::error::DataError;
use crate::texts::{Event, Texts};

/// A place in texts: before a character of a piece, both counted from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The piece.
    pub piece: usize,
    /// The character of it.
    pub character: usize,
}

/// What lies between two places of texts.
#[derive(Debug, Clone)]
pub struct Section {
    texts: Arc<Texts>,
    from: Place,
    to: Place,
}

impl Section {
    /// The end of all texts.
    const END: Place = Place { piece: usize::MAX, character: 0 };

    /// All of them.
    pub fn whole(texts: Arc<Texts>) -> Self {
        Self { texts, from: Place::default(), to: Self::END }
    }

    /// What lies before a place, and what lies behind it.
    pub fn parted(texts: Arc<Texts>, at: Place) -> [Self; 2] {
        let before = Self { texts: texts.clone(), from: Place::default(), to: at };
        [before, Self { texts, from: at, to: Self::END }]
    }

    /// The texts that this is a part of.
    pub fn texts(&self) -> &Texts {
        &self.texts
    }

    /// Shows the pieces as [`Texts::replay`] does; one that is cut is a piece that begins on the line of the cut.
    ///
    /// # Errors
    /// Those of [`Texts::replay`].
    pub fn replay<E: From<DataError>>(&self, mut see: impl FnMut(Event) -> Result<(), E>) -> Result<(), E> {
        let mut piece = 0;
        // Of the current piece: its file and line until it has begun here, and characters seen, where they count.
        let (mut beginning, mut seen) = (None, 0);
        self.texts.replay(|event| match event {
            Event::Begin { file, line } => {
                (beginning, seen) = (Some((file, line)), 0);
                Ok(())
            }
            Event::Text(text) => {
                let text = match self.characters(piece) {
                    (first, end) if first >= end => return Ok(()),
                    (0, usize::MAX) => text,
                    (first, end) => {
                        let [from, to] = [first, end].map(|at| byte_at(text, at.saturating_sub(seen)));
                        seen += text.chars().count();
                        if let Some((_, line)) = &mut beginning {
                            *line += text[..from].matches('\n').count();
                        }
                        &text[from..to]
                    }
                };
                if text.is_empty() {
                    return Ok(());
                }
                if let Some((file, line)) = beginning.take() {
                    see(Event::Begin { file, line })?;
                }
                see(Event::Text(text))
            }
            Event::End => {
                piece += 1;
                if beginning.take().is_none() { see(Event::End) } else { Ok(()) }
            }
        })
    }

    /// Shows each piece whole. For those that are never long: tunes.
    ///
    /// # Errors
    /// Those of [`Texts::replay`].
    pub fn each_piece<E: From<DataError>>(
        &self,
        mut see: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut piece = String::new();
        self.replay(|event| {
            match event {
                Event::Begin { .. } => piece.clear(),
                Event::Text(text) => piece.push_str(text),
                Event::End => see(&piece)?,
            }
            Ok(())
        })
    }

    /// Which characters of a piece lie here: the first and the one behind the last.
    fn characters(&self, piece: usize) -> (usize, usize) {
        let first = if piece < self.from.piece { usize::MAX } else { self.from.character };
        let first = if piece > self.from.piece { 0 } else { first };
        let end = if piece < self.to.piece { usize::MAX } else { self.to.character };
        (first, if piece > self.to.piece { 0 } else { end })
    }
}

/// The byte at which a character begins; the end where there are not so many.
fn byte_at(text: &str, character: usize) -> usize {
    // Most often the end is meant, and that is known without a look at the text.
    if character >= text.len() {
        return text.len();
    }
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}
