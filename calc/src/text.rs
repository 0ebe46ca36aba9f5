//! The writer of composed text: small chunks on the stack, flushed to a sink.

/// Where composed text goes: the memory file of an answer, a `Vec` in the command, a test.
pub trait Sink {
    /// Appends `bytes`; `None` when they cannot be written, which abandons the answer.
    fn write(&mut self, bytes: &[u8]) -> Option<()>;
}

/// Bytes gathered before the sink is called: one write for most answers' lines, little stack.
const CHUNK: usize = 512;

/// Text on its way to a [`Sink`].
pub struct Text<'s, S: Sink> {
    sink: &'s mut S,
    chunk: [u8; CHUNK],
    len: usize,
}

impl<'s, S: Sink> Text<'s, S> {
    /// An empty text that goes to `sink`.
    pub fn new(sink: &'s mut S) -> Self {
        Self { sink, chunk: [0; CHUNK], len: 0 }
    }

    /// Appends `bytes` as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        todo_helper(self, bytes)
    }

    /// Appends `number` in decimal.
    pub fn number(&mut self, number: u64) -> Option<()> {
        self.padded(number, 0)
    }

    /// Appends `number` in decimal, right-aligned in `width` columns of spaces, wider when it must be.
    pub fn padded(&mut self, number: u64, width: usize) -> Option<()> {
        let _ = (number, width);
        None
    }

    /// Hands what is left to the sink.
    pub fn finish(self) -> Option<()> {
        self.sink.write(self.chunk.get(..self.len)?)
    }
}

fn todo_helper<S: Sink>(_t: &mut Text<'_, S>, _b: &[u8]) -> Option<()> {
    None
}
