//! `libcgproc_witness.so`: preloaded in front of `libcgproc.so`, it tells `cgproc trace` what a program asks libc about
//! its machine: through which function, from whose code, with what result.
//!
//! A hook looks at the arguments. If they are not about the machine, it calls next and has nothing else to do
//! (`asked`). If they are, it tells the reader before and after that call (`watch`, `tell`; the words are those of
//! `cgproc-witness-event`). It changes no argument, no result and not errno.
//!
//! Hooks run within malloc's own initialisation, in signal handlers, in forked and vforked children, and before this
//! library's constructor. So nothing in their way allocates, waits for a lock of ours, or calls a hooked function: our
//! own system calls are rustix's, which bypass libc. Nothing is kept but a few atomics: an event has a socket of its
//! own, so there is no descriptor that a program could close, replace, inherit or count.
//!
//! README.md says what became of the faults of redhook and ctor, and what the witness cannot see.

mod address;
mod asked;
mod caller;
mod door;
mod got;
mod hooks;
mod marked;
mod next;
mod quiet;
mod start;
mod tables;
mod tell;
mod text;
mod watch;
