//! The text of each answer, by steps that run one after the other: what one leaves for the next is small, so that the stack of who asks
//! holds one step at a time.

mod cpus;
mod disks;
mod load;
mod memory;
mod pids;
mod pressure;
mod times;

use crate::{
    answer::{Answer, answered_files},
    asker::Asker,
    doubt::Doubt,
    source::Window,
    text::{Sink, Text},
};

macro_rules! dispatch {
    ($($(#[$doc:meta])* $answer:ident: $kind:ident $($text:literal)+, in $switch:literal, by $($step:ident)::+($($argument:path)?);)+) => {
        /// Writes the text of `answer` to `out`; the reason where the kernel's own stands.
        pub fn compose(answer: Answer, asker: &impl Asker, out: &mut impl Sink) -> Result<(), Doubt> {
            match answer {
                $(Answer::$answer => $($step)::+($($argument,)? asker, out),)+
            }
        }
    };
}
answered_files!(dispatch);

/// Composes a text, with room to read the kernel's own through: both would otherwise be part of every caller's frame.
#[inline(never)]
fn text<S: Sink>(out: &mut S, write: impl FnOnce(&mut Text<'_, S>, &mut Window) -> Option<()>) -> Result<(), Doubt> {
    let mut text = Text::new(out);
    write(&mut text, &mut [0; _]).and_then(|()| text.finish()).ok_or(Doubt::UnknownForm)
}
