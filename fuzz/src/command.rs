//! Those files of the command's that read what strangers write. They are compiled here as they are; the targets stand
//! beside them, where their `pub(super)` reaches.

#![expect(dead_code, reason = "of the command's files, the targets call a part")]

/// What the command asks of the machine.
#[path = "../../src/host"]
pub(crate) mod host {
    pub(crate) mod elf;
    pub(crate) mod kernel;
    pub(crate) mod object;
    pub(crate) mod preload_file;
}

/// What containers are given.
#[path = "../../src/inject"]
pub(crate) mod inject {
    pub(crate) mod choice;
    pub(crate) mod layout;
    pub(crate) mod preload;
    pub(crate) mod room;
}

/// The runtime's.
#[path = "../../src/runtime"]
pub(crate) mod runtime {
    mod container;
    mod document;
    mod mounts;
    mod process;
    mod rootfs;

    #[path = "../../fuzz/src/configuration.rs"]
    mod configuration;
    pub(crate) use configuration::configuration;
}

/// The plugin's.
#[path = "../../src/nri"]
pub(crate) mod nri {
    mod adjustment;
    mod messages;
    mod plugin;
    mod trunk;
    mod ttrpc;

    #[path = "../../fuzz/src/frames.rs"]
    mod frames;
    pub(crate) use frames::frames;
}

/// The exporter's.
#[path = "../../src/metrics"]
pub(crate) mod metrics {
    mod accept;
    mod address;

    #[path = "../../fuzz/src/requests.rs"]
    mod requests;
    pub(crate) use requests::requests;
}
