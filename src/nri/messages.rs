//! The protocol buffers that engines and their plugins exchange, of ttRPC and of NRI (`nri.pkg.api.v1alpha1`). Of each,
//! the fields that we use, with their numbers; decoding skips all others.

use prost::{Message, bytes::Bytes};
use std::collections::HashMap;

/// A call.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    #[prost(string, tag = "1")]
    pub(super) service: String,
    #[prost(string, tag = "2")]
    pub(super) method: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) payload: Bytes,
}

/// The answer to a call.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Response {
    /// If it failed; otherwise there may be none.
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Status>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) payload: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    /// 0 if the call succeeded.
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

/// What a plugin tells the engine first.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RegisterPluginRequest {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// Two digits: engines call their plugins in this order.
    #[prost(string, tag = "2")]
    pub(super) index: String,
}

/// What the engine tells the plugin then.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigureRequest {
    #[prost(string, tag = "2")]
    pub(super) engine: String,
    #[prost(string, tag = "3")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigureResponse {
    /// The calls that the plugin wants, a bit each; bit 0 is event 1.
    #[prost(int32, tag = "2")]
    pub(super) events: i32,
}

/// The event in which a container is made, and can be changed.
pub(super) const CREATE_CONTAINER: i32 = 4;

/// All pods and containers that there are already. We leave them as they are.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SynchronizeRequest {
    /// They do not fit into one call, so there will be another.
    #[prost(bool, tag = "3")]
    pub(super) more: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SynchronizeResponse {
    /// The plugin expects another call; must be as in the request.
    #[prost(bool, tag = "2")]
    pub(super) more: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CreateContainerRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) pod: Option<Pod>,
    #[prost(message, optional, tag = "2")]
    pub(super) container: Option<Container>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Pod {
    #[prost(string, tag = "4")]
    pub(super) namespace: String,
    #[prost(map = "string, string", tag = "5")]
    pub(super) labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "6")]
    pub(super) annotations: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Container {
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(map = "string, string", tag = "5")]
    pub(super) labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "6")]
    pub(super) annotations: HashMap<String, String>,
    /// `NAME=VALUE`, of the image and the pod together.
    #[prost(string, repeated, tag = "8")]
    pub(super) env: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    pub(super) mounts: Vec<Mount>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Mount {
    #[prost(string, tag = "1")]
    pub(super) destination: String,
    #[prost(string, tag = "2")]
    pub(super) kind: String,
    #[prost(string, tag = "3")]
    pub(super) source: String,
    #[prost(string, repeated, tag = "4")]
    pub(super) options: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CreateContainerResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) adjustment: Option<ContainerAdjustment>,
}

/// What a container gets beside what it has.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ContainerAdjustment {
    #[prost(message, repeated, tag = "3")]
    pub(super) mounts: Vec<Mount>,
    /// A name with a `-` before it removes the variable.
    #[prost(message, repeated, tag = "4")]
    pub(super) env: Vec<Variable>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Variable {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}
