//! Work of the library under Python: the interpreter is let go of, Ctrl-C ends it, and whatever goes wrong is an exception.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anaphora::run::Names;
use anaphora::{Error, Result};
use anaphora_data::wanted::while_wanted;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// The time between two looks at whether Ctrl-C was pressed: the interpreter is taken for each, and others may have it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether the caller still wants the work: an exception that a signal or a function of the caller's raised ends it.
pub struct Caller {
    /// Whether the work saves itself where its observer breaks, and is not to be broken off elsewhere.
    saves: Cell<bool>,
    looked: Cell<Instant>,
    raised: RefCell<Option<PyErr>>,
}

impl Caller {
    fn new() -> Self {
        Self { saves: Cell::new(false), looked: Cell::new(Instant::now()), raised: RefCell::new(None) }
    }

    /// From now on the work is ended by its observer alone.
    pub fn saves(&self) {
        self.saves.set(true);
    }

    /// Whether to go on, for what observes the work.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.raised.borrow().is_none() && self.looked.get().elapsed() >= LOOK_EVERY {
            self.looked.set(Instant::now());
            Python::attach(|py| self.raise(py.check_signals()));
        }
        if self.raised.borrow().is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Asks a function of the caller's, which ends the work by an exception, or by false.
    pub fn ask(&self, ask: impl FnOnce(Python) -> PyResult<bool>) -> ControlFlow<()> {
        if self.raised.borrow().is_some() {
            return ControlFlow::Break(());
        }
        match Python::attach(ask) {
            Ok(true) => self.flow(),
            Ok(false) => ControlFlow::Break(()),
            Err(error) => {
                self.raise(Err(error));
                ControlFlow::Break(())
            }
        }
    }

    fn raise(&self, result: PyResult<()>) {
        if let Err(error) = result {
            self.raised.replace(Some(error));
        }
    }
}

/// Does work without the interpreter; see [`work_on`].
pub fn work<T: Send>(py: Python, work: impl FnOnce(&Caller) -> Result<T> + Send) -> PyResult<T> {
    work_on(py, &Names::new(), work)
}

/// Does work without the interpreter, on files that the caller knows by these names.
///
/// # Errors
/// What a signal or the caller's function raised; what the work says, as the package's exception with the library's sentence; and a
/// panic, which is a mistake of the library.
pub fn work_on<T: Send>(
    py: Python,
    names: &Names,
    work: impl FnOnce(&Caller) -> Result<T> + Send,
) -> PyResult<T> {
    let (done, raised) = py.detach(|| {
        let caller = Rc::new(Caller::new());
        let asked = Rc::clone(&caller);
        let wanted = move || asked.saves.get() || asked.flow().is_continue();
        let done = catch_unwind(AssertUnwindSafe(|| while_wanted(wanted, || work(&caller))));
        (done, caller.raised.take())
    });
    match (raised, done) {
        (Some(raised), _) => Err(raised),
        (None, Ok(done)) => done.map_err(|error| exception(py, names, &error)),
        (None, Err(panic)) => Err(failure(py, mistake(&*panic))),
    }
}

/// What is said of a panic.
pub fn mistake(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason is known");
    format!("it broke off by a mistake of this program: {said}")
}

/// An error of the library as an exception.
pub fn exception(py: Python, names: &Names, found: &Error) -> PyErr {
    use Error::{NoSearch, Recipe, RecipeFile, RunTwice, Sampling, Setting, View};
    let by_call = matches!(
        found,
        Recipe(_) | RecipeFile { .. } | Setting { .. } | Sampling(_) | RunTwice(_) | NoSearch | View { .. }
    );
    error(py, by_call, names.say(&found.to_string()))
}

/// An exception for a call that is wrong.
pub fn wrong_call(py: Python, sentence: impl Into<String>) -> PyErr {
    error(py, true, sentence.into())
}

/// An exception for what went wrong although the call was right.
pub fn failure(py: Python, sentence: String) -> PyErr {
    error(py, false, sentence)
}

/// One of the package's two exceptions.
fn error(py: Python, by_call: bool, sentence: String) -> PyErr {
    static ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static CALL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let (kind, name) = if by_call { (&CALL, "CallError") } else { (&ERROR, "Error") };
    match kind.import(py, "anaphora._errors", name) {
        Ok(kind) => PyErr::from_type(kind.clone(), sentence),
        Err(error) => error,
    }
}
