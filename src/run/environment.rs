//! The environment of the program that is started: ours except for a few variables, in the same order, so that the
//! process in between goes unnoticed.

use std::{
    ffi::{CStr, OsStr, c_char},
    os::unix::ffi::OsStrExt,
    sync::{Arc, atomic::AtomicPtr},
};

/// Its entries, `NAME=value`, each followed by a NUL: the form of `/proc/PID/environ`.
#[derive(Clone)]
pub(crate) struct Environment {
    text: Arc<[u8]>,
}

/// An environment in the form that `execve` takes, laid out before a fork.
pub(super) struct LaidOut {
    /// The last is null. An `AtomicPtr` is laid out as a pointer, and can be sent to another thread.
    pointers: Vec<AtomicPtr<c_char>>,
    /// The text that they point into.
    _text: Vec<u8>,
}

unsafe extern "C" {
    /// Where `execvp` finds the environment (environ(7)).
    static mut environ: *const *const c_char;
}

impl Environment {
    /// Our own, including entries that are not variables: the kernel passes on any text.
    pub(super) fn own() -> Self {
        let mut text = Vec::new();
        // SAFETY: nothing in this process changes its environment, whose entries are strings, followed by a null
        // pointer.
        unsafe {
            let mut entry = environ;
            while !entry.is_null() && !(*entry).is_null() {
                text.extend_from_slice(CStr::from_ptr(*entry).to_bytes_with_nul());
                entry = entry.add(1);
            }
        }
        Self { text: text.into() }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Sets a variable in its place, or after all others.
    pub(super) fn set(&mut self, name: &str, value: &OsStr) {
        let entry = [name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat();
        let mut is_set = false;
        let mut text = Vec::with_capacity(self.text.len() + entry.len());
        for kept in self.entries() {
            let is_it = !is_set && is_of(kept, name);
            text.extend_from_slice(if is_it { &entry } else { kept });
            is_set |= is_it;
        }
        if !is_set {
            text.extend_from_slice(&entry);
        }
        self.text = text.into();
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.text = self.entries().filter(|entry| !is_of(entry, name)).flatten().copied().collect();
    }

    /// Lays it out in the form that a program is started with.
    pub(super) fn laid_out(&self) -> LaidOut {
        let mut text = self.text.to_vec();
        let mut pointers: Vec<AtomicPtr<c_char>> = text
            .split_inclusive_mut(|byte| *byte == 0)
            .map(|entry| AtomicPtr::new(entry.as_mut_ptr().cast()))
            .collect();
        pointers.push(AtomicPtr::default());
        LaidOut { pointers, _text: text }
    }

    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        self.text.split_inclusive(|byte| *byte == 0)
    }
}

impl LaidOut {
    /// Makes the next `execvp` of this process use it.
    ///
    /// # Safety
    ///
    /// This is a child between fork and exec, and `self` lives until then.
    pub(super) unsafe fn put_in_force(&self) {
        // SAFETY: the child has only one thread, and its copy of the variable is its own.
        unsafe { environ = self.pointers.as_ptr().cast() };
    }
}

fn is_of(entry: &[u8], name: &str) -> bool {
    entry.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io, os::unix::process::CommandExt, process::Command};

    fn changed(text: &str, name: &str, value: Option<&str>) -> String {
        let mut environment = Environment { text: text.as_bytes().into() };
        match value {
            Some(value) => environment.set(name, OsStr::new(value)),
            None => environment.remove(name),
        }
        String::from_utf8_lossy(&environment.text).into_owned()
    }

    #[test]
    fn variables_keep_their_order() {
        let all = "B=1\0A=2\0AB=3\0noise\0A=4\0";
        assert_eq!(changed(all, "A", Some("x")), "B=1\0A=x\0AB=3\0noise\0A=4\0", "the first counts");
        assert_eq!(changed(all, "C", Some("")), format!("{all}C=\0"));
        assert_eq!(changed(all, "A", None), "B=1\0AB=3\0noise\0");
        assert_eq!(changed(all, "noise", None), all);
        assert_eq!(changed("", "A", Some("1")), "A=1\0");
    }

    #[test]
    fn a_program_is_started_with_it() {
        for text in ["Z=1\0A=2\0noise\0=\0A=3\0E=\0", ""] {
            let environment = Environment { text: text.as_bytes().into() }.laid_out();
            let put_in_force = move || -> io::Result<()> {
                // SAFETY: the closure owns the environment, and the command owns the closure.
                unsafe { environment.put_in_force() };
                Ok(())
            };
            let mut command = Command::new("/bin/cat");
            // SAFETY: only writes a pointer.
            unsafe { command.arg("/proc/self/environ").pre_exec(put_in_force) };
            let told = command.output().unwrap();
            assert!(told.status.success(), "{told:?}");
            assert_eq!(told.stdout, text.as_bytes());
        }
    }

    #[test]
    fn ours_is_whole() {
        let own = Environment::own();
        let variables: usize = std::env::vars_os().map(|(name, value)| name.len() + value.len() + 2).sum();
        assert!(own.text.len() >= variables && own.text.ends_with(b"\0"));
    }
}
