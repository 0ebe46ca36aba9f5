//! A process as a configuration or `--process` file describes it: its `LD_PRELOAD`.

use super::document::{Edits, Node, quoted};
use crate::inject::preload::{self, VARIABLE};
use anyhow::Result;

/// The variable in `env`. Of several, the last one counts: runtimes set one after the other.
struct Variable<'t> {
    node: Node<'t>,
    value: String,
}

/// The value of `LD_PRELOAD`.
pub(super) fn preload(process: Node<'_>) -> Result<Option<String>> {
    Ok(find(&environment(process)?)?.map(|variable| variable.value))
}

/// Puts the library into `LD_PRELOAD`, before whatever is there. Fails if that would be too long.
pub(super) fn set_preload(edits: &mut Edits<'_>, process: Node<'_>, library: &str) -> Result<()> {
    let variable = find(&environment(process)?)?;
    let Some(value) = preload::with(variable.as_ref().map(|variable| variable.value.as_str()), library)? else {
        return Ok(());
    };
    let entry = quoted(&format!("{VARIABLE}={value}"))?;
    match (variable, process.fields()?.get("env")?) {
        (Some(variable), _) => edits.replace(variable.node, entry),
        (None, Some(env)) if env.is_null() => edits.replace(env, format!("[{entry}]")),
        (None, Some(env)) => edits.append(env, &[entry]),
        (None, None) => edits.insert(process, "env", &format!("[{entry}]")),
    }
}

fn environment(process: Node<'_>) -> Result<Vec<Node<'_>>> {
    process.fields()?.some("env")?.map_or(Ok(Vec::new()), Node::items)
}

fn find<'t>(environment: &[Node<'t>]) -> Result<Option<Variable<'t>>> {
    let mut last = None;
    for node in environment {
        let text = node.string()?;
        if let Some((VARIABLE, value)) = text.split_once('=') {
            last = Some(Variable { node: *node, value: value.to_owned() });
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Option<String> {
        let process = Node::of(text).ok()?;
        let mut edits = Edits::of(text);
        set_preload(&mut edits, process, "/l/libcgproc.so").ok()?;
        edits.apply().ok()
    }

    #[test]
    fn the_library_comes_first() {
        for (text, expected) in [
            (r#"{}"#, r#"{"env":["LD_PRELOAD=/l/libcgproc.so"]}"#),
            (r#"{"env":null,"x":1}"#, r#"{"env":["LD_PRELOAD=/l/libcgproc.so"],"x":1}"#),
            (r#"{"env": [ ]}"#, r#"{"env": [ "LD_PRELOAD=/l/libcgproc.so"]}"#),
            (r#"{"env":["A=1"]}"#, r#"{"env":["A=1","LD_PRELOAD=/l/libcgproc.so"]}"#),
            (r#"{"env":["LD_PRELOAD=\u002fj.so","A=1"]}"#, r#"{"env":["LD_PRELOAD=/l/libcgproc.so:/j.so","A=1"]}"#),
            (
                r#"{"env":["LD_PRELOAD=/j.so","LD_PRELOAD=/k.so"]}"#,
                r#"{"env":["LD_PRELOAD=/j.so","LD_PRELOAD=/l/libcgproc.so:/k.so"]}"#,
            ),
            (r#"{"env":["LD_PRELOAD"]}"#, r#"{"env":["LD_PRELOAD","LD_PRELOAD=/l/libcgproc.so"]}"#),
        ] {
            let once = with(text).unwrap();
            assert_eq!(once, expected, "{text}");
            assert_eq!(with(&once).unwrap(), once, "once is enough");
        }
        let own = r#"{"env":["LD_PRELOAD=/usr/lib/libcgproc.so"]}"#;
        assert_eq!(with(own).unwrap(), own, "an image that brings its own");
        let long = format!(r#"{{"env":["LD_PRELOAD={}"]}}"#, "/".repeat(preload::LONGEST - 20));
        for text in [r#"{"env":[1]}"#, r#"{"env":{}}"#, r#"{"Env":[]}"#, "[]", &long] {
            assert_eq!(with(text), None, "{text}");
        }
    }
}
