//! A question that a program asked about its machine.

use super::subject::Subject;

/// Who asked for what, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The process, by our numbers.
    pub(super) process: i32,
    /// The kernel's name for the program.
    pub(super) comm: String,
    pub(super) door: Door,
    /// What was asked for, in words: a path, or the figure's name.
    pub(super) asked: String,
    pub(super) subject: Subject,
    pub(super) outcome: Outcome,
}

/// The way that a question took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// A function of libc, which the witness saw, and the object whose code called it.
    Function { name: String, object: String },
    /// A system call of a program in which the library is not loaded: a static one, Go's, or one with other rights.
    Outside { call: String, object: String, has_libc: bool },
    /// A system call past the hooks of a program that has the library, and the object that made it.
    Unhooked { call: String, object: String },
    /// A system call that libc made, but in no function that the witness saw.
    Libc { call: String, object: String },
    /// A system call of libc's in a program without a witness: the function that made it is unknown.
    Unwitnessed { call: String },
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The container answered: the file is one of ours, or the call was answered from outside.
    Answered,
    /// The kernel did: the file is its own, or the call was left to it.
    Kernels,
    /// A function returned this number, and gave this text.
    Gave { returned: i64, text: String },
    /// It failed, with this error number.
    Failed(i32),
}

impl Door {
    /// Its name: that of a function or of a system call.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Function { name, .. } => name,
            Self::Outside { call, .. }
            | Self::Unhooked { call, .. }
            | Self::Libc { call, .. }
            | Self::Unwitnessed { call } => call,
        }
    }

    /// The object that called; empty if no file is behind its code, or if it is unknown.
    pub(super) fn object(&self) -> &str {
        match self {
            Self::Function { object, .. }
            | Self::Outside { object, .. }
            | Self::Unhooked { object, .. }
            | Self::Libc { object, .. } => object,
            Self::Unwitnessed { .. } => "",
        }
    }

    /// What kind of door it is, as a word of `--json`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Function { .. } => "function",
            Self::Outside { .. } => "outside",
            Self::Unhooked { .. } => "unhooked",
            Self::Libc { .. } => "libc",
            Self::Unwitnessed { .. } => "unwitnessed",
        }
    }
}

/// The last component of an object's path.
pub(super) fn short(object: &str) -> &str {
    match object.rsplit('/').next() {
        Some(name) if !name.is_empty() => name,
        _ => "code that no file is behind",
    }
}
