//! On which terms programs are supervised: the same for whoever answers.

use super::observer::Observer;
use crate::run::environment::Environment;
use std::{os::fd::RawFd, sync::Arc};

/// What every process and thread that answers is given.
#[derive(Clone)]
pub(crate) struct Terms {
    /// What the first program is started with.
    pub(crate) gave: Environment,
    /// Who is told of each call.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

impl Terms {
    /// What an answering process must keep for them.
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.observer.as_ref().map(|observer| observer.descriptor())
    }
}
