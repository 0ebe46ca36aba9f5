//! The frames of the engine's socket: a connection's number and a length, four bytes each, then as many bytes of that
//! connection.

/// The connection on which the engine calls us.
pub(super) const TO_PLUGIN: u32 = 1;

/// The connection on which we call the engine.
pub(super) const TO_ENGINE: u32 = 2;

const HEADER_LEN: usize = 8;

/// The largest frame that engines take, or send: a whole message.
const LONGEST: usize = super::ttrpc::HEADER_LEN + super::ttrpc::LONGEST;

/// The largest frame that we send. Engines read the beginning of a message through a buffer of this size, which a frame
/// must not exceed.
const LONGEST_SENT: usize = 4096;

/// A frame is longer than any that engines send.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes")]
pub(super) struct TooLong(usize);

/// Takes apart what comes from the socket, in pieces of any size.
#[derive(Default)]
pub(super) struct Trunk {
    header: Vec<u8>,
    connection: u32,
    /// How much of the current frame is still to come.
    left: usize,
}

impl Trunk {
    /// Gives each piece of a connection to `give`, with the connection's number.
    pub(super) fn take(&mut self, mut bytes: &[u8], mut give: impl FnMut(u32, &[u8])) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if self.left == 0 {
                bytes = self.begin(bytes)?;
            }
            let (piece, rest) = bytes.split_at(self.left.min(bytes.len()));
            if !piece.is_empty() {
                give(self.connection, piece);
            }
            self.left -= piece.len();
            bytes = rest;
        }
        Ok(())
    }

    /// Reads a frame's header, as far as it is there; returns the rest.
    fn begin<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], TooLong> {
        let (piece, rest) = bytes.split_at((HEADER_LEN - self.header.len()).min(bytes.len()));
        self.header.extend_from_slice(piece);
        if let [a, b, c, d, e, f, g, h] = *self.header {
            self.header.clear();
            self.connection = u32::from_be_bytes([a, b, c, d]);
            self.left = usize::try_from(u32::from_be_bytes([e, f, g, h])).unwrap_or(usize::MAX);
        }
        if self.left > LONGEST { Err(TooLong(self.left)) } else { Ok(rest) }
    }
}

/// The frames that carry `bytes`.
pub(super) fn frames(connection: u32, bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len() + HEADER_LEN);
    for piece in bytes.chunks(LONGEST_SENT) {
        all.extend_from_slice(&connection.to_be_bytes());
        all.extend_from_slice(&u32::try_from(piece.len()).unwrap_or(u32::MAX).to_be_bytes());
        all.extend_from_slice(piece);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(pieces: &[&[u8]]) -> Result<[Vec<u8>; 2], TooLong> {
        let (mut trunk, mut connections) = (Trunk::default(), [Vec::new(), Vec::new()]);
        for piece in pieces {
            trunk.take(piece, |connection, bytes| {
                if let Some(of) = connections.get_mut(connection.wrapping_sub(1) as usize) {
                    of.extend_from_slice(bytes);
                }
            })?;
        }
        Ok(connections)
    }

    #[test]
    fn long_messages_are_sent_in_several_frames() {
        let frames = frames(TO_PLUGIN, &[7; LONGEST_SENT + 1]);
        assert_eq!(frames.len(), LONGEST_SENT + 1 + 2 * HEADER_LEN);
        assert_eq!(taken(&[&frames]).unwrap()[0], [7; LONGEST_SENT + 1]);
    }

    #[test]
    fn frames_have_a_limit() {
        let header = |length: usize| [&1u32.to_be_bytes()[..], &u32::try_from(length).unwrap().to_be_bytes()].concat();
        assert!(taken(&[&header(LONGEST)]).is_ok());
        assert_eq!(taken(&[&header(LONGEST + 1)]), Err(TooLong(LONGEST + 1)));
        assert_eq!(taken(&[&[0xff; 8]]), Err(TooLong(u32::MAX as usize)));
    }

    proptest! {
        /// Wherever the socket cuts them, the connections' bytes arrive in their order.
        #[test]
        fn cuts_do_not_matter(
            messages in prop::collection::vec((1u32..4, prop::collection::vec(any::<u8>(), 0..50)), 0..8),
            size in 1usize..30,
        ) {
            let sent: Vec<u8> = messages.iter().flat_map(|(connection, bytes)| {
                let length = u32::try_from(bytes.len()).unwrap();
                [&connection.to_be_bytes()[..], &length.to_be_bytes(), bytes].concat()
            }).collect();
            let expected = [1, 2].map(|wanted| {
                messages.iter().filter(|it| it.0 == wanted).flat_map(|it| it.1.clone()).collect::<Vec<u8>>()
            });
            prop_assert_eq!(taken(&sent.chunks(size).collect::<Vec<_>>()).unwrap(), expected);
        }
    }
}
