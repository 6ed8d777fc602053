//! Whether work is still wanted: reading long data asks now and then, and ends where nobody waits for it any more.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::DataError;

thread_local! {
    /// How it is asked on this thread; nobody says no where there is nothing.
    static WANTED: RefCell<Option<Rc<dyn Fn() -> bool>>> = const { RefCell::new(None) };
}

/// Does work on this thread, of which what calls [`check`] breaks off with [`DataError::Unwanted`] once `wanted` says no.
pub fn while_wanted<T>(wanted: impl Fn() -> bool + 'static, work: impl FnOnce() -> T) -> T {
    /// Puts back what was asked before, however the work ends.
    struct Before(Option<Rc<dyn Fn() -> bool>>);
    impl Drop for Before {
        fn drop(&mut self) {
            WANTED.set(self.0.take());
        }
    }
    let _before = Before(WANTED.replace(Some(Rc::new(wanted))));
    work()
}

/// Whether the work of this thread is still wanted.
pub fn is_wanted() -> bool {
    WANTED.with_borrow(|wanted| wanted.as_ref().is_none_or(|wanted| wanted()))
}

/// Breaks off work that nobody wants any more.
///
/// # Errors
/// [`DataError::Unwanted`].
pub fn check() -> Result<(), DataError> {
    if is_wanted() { Ok(()) } else { Err(DataError::Unwanted) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{TableError, TableOptions, parse_table};

    #[test]
    fn what_nobody_wants_ends() {
        assert!(check().is_ok(), "nobody was asked");
        let read = || parse_table(b"a,b\n1,2\n3,4\n", "a.csv".as_ref(), &TableOptions::default());
        assert!(while_wanted(|| true, read).is_ok());
        let left = while_wanted(|| false, read);
        assert!(matches!(left, Err(TableError::File(DataError::Unwanted))), "{left:?}");
        assert!(read().is_ok(), "it is forgotten");
    }
}
