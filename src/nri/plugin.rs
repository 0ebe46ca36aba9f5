//! The answers to an engine's calls.

use super::{
    adjustment::Giver,
    messages::{
        CREATE_CONTAINER, ConfigureRequest, ConfigureResponse, CreateContainerRequest, CreateContainerResponse,
        Request, SynchronizeRequest, SynchronizeResponse,
    },
};
use prost::{Message, bytes::Bytes};

/// What we are for one engine.
pub(super) struct Plugin<'g> {
    giver: &'g Giver,
    /// The engine's name, once it has said it, and that with its version.
    name: String,
    engine: String,
    is_synchronized: bool,
}

impl<'g> Plugin<'g> {
    pub(super) fn new(giver: &'g Giver) -> Self {
        Self { giver, name: String::new(), engine: String::new(), is_synchronized: false }
    }

    /// The engine, once it has told us all that there is: from now on it asks for each new container.
    pub(super) fn engine(&self) -> Option<&str> {
        self.is_synchronized.then_some(&*self.engine)
    }

    /// The answer to a call. What cannot be read, or is not known, is answered by nothing, which changes nothing.
    pub(super) fn answer(&mut self, request: &Request) -> Vec<u8> {
        match request.method.as_str() {
            "Configure" => self.configure(&request.payload),
            "Synchronize" => self.synchronize(&request.payload),
            "CreateContainer" => self.create_container(&request.payload),
            _ => Vec::new(),
        }
    }

    fn configure(&mut self, payload: &Bytes) -> Vec<u8> {
        let ConfigureRequest { engine, version } = ConfigureRequest::decode(payload.clone()).unwrap_or_default();
        self.engine = format!("{engine} {version}").trim().to_owned();
        self.name = engine;
        ConfigureResponse { events: 1 << (CREATE_CONTAINER - 1) }.encode_to_vec()
    }

    fn synchronize(&mut self, payload: &Bytes) -> Vec<u8> {
        let SynchronizeRequest { more } = SynchronizeRequest::decode(payload.clone()).unwrap_or_default();
        self.is_synchronized = !more;
        SynchronizeResponse { more }.encode_to_vec()
    }

    fn create_container(&self, payload: &Bytes) -> Vec<u8> {
        let Ok(request) = CreateContainerRequest::decode(payload.clone()) else { return Vec::new() };
        CreateContainerResponse { adjustment: Some(self.giver.adjustment(&request, &self.name)) }.encode_to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::{
        choice::{Rules, View},
        layout::Host,
    };
    use proptest::prelude::*;

    fn giver() -> Giver {
        let home = std::path::PathBuf::from("/nowhere");
        Giver {
            host: Host { directory: home.clone(), board: home },
            rules: Rules { view: View::On, namespaces: vec!["*".into()] },
        }
    }

    fn call(method: &str, payload: Vec<u8>) -> Request {
        Request { method: method.to_owned(), payload: payload.into(), ..Request::default() }
    }

    #[test]
    fn it_asks_for_new_containers_and_no_other_event() {
        let giver = giver();
        let mut plugin = Plugin::new(&giver);
        let engine = ConfigureRequest { engine: "containerd".into(), version: "v2".into() };
        let answer = plugin.answer(&call("Configure", engine.encode_to_vec()));
        assert_eq!(ConfigureResponse::decode(&*answer).unwrap().events, 0b1000);
        assert_eq!(plugin.engine(), None);
        for more in [true, false] {
            let answer = plugin.answer(&call("Synchronize", SynchronizeRequest { more }.encode_to_vec()));
            assert_eq!(SynchronizeResponse::decode(&*answer).unwrap().more, more);
            assert_eq!(plugin.engine(), Some("containerd v2").filter(|_| !more));
        }
    }

    proptest! {
        /// Calls of any kind have an answer, which is no change if they cannot be read.
        #[test]
        fn calls_that_cannot_be_read_change_nothing(
            method in "Configure|Synchronize|CreateContainer|StopContainer|",
            payload in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let giver = giver();
            let answer = Plugin::new(&giver).answer(&call(&method, payload));
            if method == "CreateContainer" {
                let given = CreateContainerResponse::decode(&*answer).unwrap().adjustment.unwrap_or_default();
                prop_assert_eq!(given, Default::default());
            }
        }
    }
}
