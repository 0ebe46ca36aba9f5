//! The messages of a connection: a header of ten bytes (length, stream, type, flags), then a protocol buffer. Each call
//! has a stream of its own: a request there, a response back.

use super::messages::{Request, Response};
use prost::{
    Message as _,
    bytes::{Buf, Bytes, BytesMut},
};

pub(super) const HEADER_LEN: usize = 10;

/// The longest message that engines take, or send.
pub(super) const LONGEST: usize = 4 << 20;

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;

/// What engines send.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// A call of ours, on its stream.
    Request(u32, Request),
    /// The answer to a call of the same stream.
    Response(u32, Response),
    /// A further part of a call: no call that we know has any.
    Other,
}

/// The bytes are no messages.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a message of {0} bytes")]
    TooLong(usize),
    #[error("a message that is none: {0}")]
    Undecodable(#[from] prost::DecodeError),
}

/// Puts together what comes of one connection.
#[derive(Default)]
pub(super) struct Stream(BytesMut);

impl Stream {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The next message, if it has come to its end.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Malformed> {
        let Some(mut header) = self.0.get(..HEADER_LEN) else { return Ok(None) };
        let length = usize::try_from(header.get_u32()).unwrap_or(usize::MAX);
        let (stream, kind) = (header.get_u32(), header.get_u8());
        if length > LONGEST {
            return Err(Malformed::TooLong(length));
        }
        if self.0.len() - HEADER_LEN < length {
            return Ok(None);
        }
        let message = self.0.split_to(HEADER_LEN + length).freeze().slice(HEADER_LEN..);
        Ok(Some(match kind {
            REQUEST => Message::Request(stream, Request::decode(message)?),
            RESPONSE => Message::Response(stream, Response::decode(message)?),
            _ => Message::Other,
        }))
    }
}

/// A call.
pub(super) fn request(stream: u32, request: &Request) -> Vec<u8> {
    message(stream, REQUEST, &request.encode_to_vec())
}

/// The answer to a call: always that it succeeded.
pub(super) fn response(stream: u32, payload: Vec<u8>) -> Vec<u8> {
    let response = Response { status: None, payload: Bytes::from(payload) };
    message(stream, RESPONSE, &response.encode_to_vec())
}

fn message(stream: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    const NO_FLAGS: u8 = 0;
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &stream.to_be_bytes(), &[kind, NO_FLAGS], payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(method: &str) -> Request {
        Request { method: method.to_owned(), payload: Bytes::from_static(b"x"), ..Request::default() }
    }

    #[test]
    fn messages_arrive_in_pieces_and_together() {
        let sent = [request(1, &call("A")), response(3, b"y".to_vec()), message(5, 3, b"")].concat();
        for size in 1..=sent.len() {
            let (mut stream, mut come) = (Stream::default(), Vec::new());
            for piece in sent.chunks(size) {
                stream.push(piece);
                while let Some(message) = stream.next().unwrap() {
                    come.push(message);
                }
            }
            let answer = Response { status: None, payload: Bytes::from_static(b"y") };
            assert_eq!(come, [Message::Request(1, call("A")), Message::Response(3, answer), Message::Other], "{size}");
        }
    }

    #[test]
    fn lengths_have_a_limit() {
        let mut stream = Stream::default();
        stream.push(&[&u32::try_from(LONGEST + 1).unwrap().to_be_bytes()[..], &[0; 6]].concat());
        assert_eq!(stream.next(), Err(Malformed::TooLong(LONGEST + 1)));
    }

    proptest! {
        /// Whatever comes, there is an end to it: messages, an error, or nothing until more comes.
        #[test]
        fn nothing_that_comes_is_fatal(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0u8..40) {
            let mut stream = Stream::default();
            stream.push(&[&[0, 0, 0, length], &bytes[..]].concat());
            let mut most = bytes.len() + 4;
            while let Ok(Some(_)) = stream.next() {
                most = most.checked_sub(HEADER_LEN).expect("more messages than bytes");
            }
        }
    }
}
