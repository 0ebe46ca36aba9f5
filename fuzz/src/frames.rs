//! What an engine sends on the socket of its plugins. The first byte of the input says in what pieces it comes.

use super::{
    adjustment::Giver,
    messages::{CreateContainerRequest, CreateContainerResponse, Mount, Request},
    plugin::Plugin,
    trunk::{TO_ENGINE, TO_PLUGIN, Trunk, frames as framed},
    ttrpc::{self, Malformed, Message, Stream},
};
use crate::{
    command::inject::{
        choice::{Rules, View},
        layout::{BOARD, DIRECTORY, Host},
    },
    home,
};
use prost::Message as _;
use std::{collections::BTreeSet, fs, sync::OnceLock};

/// What came of a conversation: each answer, and how it ended.
#[derive(Debug, PartialEq)]
struct Said {
    answers: Vec<Vec<u8>>,
    end: Option<String>,
}

/// A conversation, whole and in pieces.
pub(crate) fn frames(bytes: &[u8]) {
    let Some((size, sent)) = bytes.split_first() else { return };
    let whole = listen(&[sent]);
    let pieces: Vec<_> = sent.chunks(usize::from(*size) + 1).collect();
    assert_eq!(listen(&pieces), whole, "in pieces of {} bytes", usize::from(*size) + 1);
    if whole.end.is_none() {
        assert_eq!(whole.answers.len(), calls(sent), "each call that has come to its end is answered");
    }
    for answer in &whole.answers {
        assert_eq!(received(&framed(TO_PLUGIN, answer)), *answer, "what is sent arrives");
    }
}

fn listen(pieces: &[&[u8]]) -> Said {
    let mut plugin = Plugin::new(giver());
    let (mut trunk, mut calls, mut own) = (Trunk::default(), Stream::default(), Stream::default());
    let mut said = Said { answers: Vec::new(), end: None };
    for piece in pieces {
        let taken = trunk.take(piece, |connection, bytes| match connection {
            TO_PLUGIN => calls.push(bytes),
            TO_ENGINE => own.push(bytes),
            _ => {}
        });
        if said.end.is_none() {
            said.end = answer(&mut calls, &mut plugin, &mut said.answers).err().map(|error| error.to_string());
        }
        if let Err(error) = taken {
            said.end.get_or_insert(error.to_string());
        }
        if said.end.is_some() {
            break;
        }
    }
    while let Ok(Some(_)) = own.next() {}
    said
}

/// How many calls have come to their ends: a second reading of the frames, and of the messages in them.
fn calls(sent: &[u8]) -> usize {
    const REQUEST: u8 = 1;
    let number = |bytes: &[u8]| bytes.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
    let (mut stream, mut rest) = (Vec::new(), sent);
    while let Some((header, after)) = rest.split_at_checked(8) {
        let (bytes, later) = after.split_at(number(&header[4..]).min(after.len()));
        if number(&header[..4]) == 1 {
            stream.extend_from_slice(bytes);
        }
        rest = later;
    }
    let (mut count, mut rest) = (0, &stream[..]);
    while let Some((header, after)) = rest.split_at_checked(10) {
        let Some((_, later)) = after.split_at_checked(number(&header[..4])) else { break };
        count += usize::from(header[8] == REQUEST);
        rest = later;
    }
    count
}

/// Answers the calls that have come to their ends.
fn answer(calls: &mut Stream, plugin: &mut Plugin<'_>, answers: &mut Vec<Vec<u8>>) -> Result<(), Malformed> {
    while let Some(message) = calls.next()? {
        if let Message::Request(stream, request) = message {
            let payload = plugin.answer(&request);
            judge(&request, &payload);
            answers.push(ttrpc::response(stream, payload));
        }
    }
    Ok(())
}

/// No mount of ours is given twice, or in the place of another; `LD_PRELOAD` keeps what it had.
fn judge(request: &Request, payload: &[u8]) {
    let answer = CreateContainerResponse::decode(payload);
    let asked = CreateContainerRequest::decode(request.payload.clone());
    if request.method != "CreateContainer" {
        return;
    }
    let adjustment = answer.expect("an answer that can be read").adjustment.unwrap_or_default();
    let Ok(asked) = asked else {
        assert_eq!(adjustment, Default::default(), "a call that cannot be read changes nothing");
        return;
    };
    let container = asked.container.unwrap_or_default();
    let places = |mounts: &[Mount]| -> Vec<String> { mounts.iter().map(|mount| mount.destination.clone()).collect() };
    let given = places(&adjustment.mounts);
    assert!(
        given.iter().all(|place| [DIRECTORY, BOARD].contains(&place.as_str()) || place == "/etc/ld.so.preload"),
        "{given:?}"
    );
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), given.len(), "{given:?}");
    assert!(!places(&container.mounts).iter().any(|there| given.contains(there)), "over another's mount: {given:?}");
    let old = container.env.iter().rev().find_map(|entry| entry.strip_prefix("LD_PRELOAD="));
    for variable in adjustment.env.iter().filter(|variable| !variable.name.starts_with('-')) {
        assert_eq!(variable.name, "LD_PRELOAD");
        let theirs = old.filter(|old| !old.trim_matches([' ', ':', '\t', '\n']).is_empty());
        let keeps = theirs.is_none_or(|old| old.contains('#') || variable.value.ends_with(&format!(":{old}")));
        assert!(keeps && variable.value.starts_with(DIRECTORY), "{:?} for {old:?}", variable.value);
    }
}

/// What a reader of frames gets of them.
fn received(frames: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let end = Trunk::default().take(frames, |connection, bytes| {
        assert_eq!(connection, TO_PLUGIN);
        all.extend_from_slice(bytes);
    });
    assert_eq!(end, Ok(()));
    all
}

/// A host that has the package, and gives the view to every container.
fn giver() -> &'static Giver {
    static GIVER: OnceLock<Giver> = OnceLock::new();
    GIVER.get_or_init(|| {
        let home = home::directory("nri");
        let host = Host { directory: home.join("lib"), board: home.join("board") };
        for directory in [&host.directory, &host.board] {
            fs::create_dir(directory).expect("a directory");
        }
        for file in ["libcgproc.so", "ld.so.preload"] {
            fs::write(host.directory.join(file), "").expect("a file");
        }
        Giver { host, rules: Rules { view: View::On, namespaces: vec!["*".to_owned()] } }
    })
}
