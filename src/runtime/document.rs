//! A JSON text that is changed in a few places. Everything else stays as it is, byte for byte: numbers of any size,
//! fields that we do not know, their order.

use anyhow::{Context, Result, bail, ensure};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::{RawValue, Value};
use std::fmt;

/// A value of the text, where it stands.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    text: &'t str,
}

/// An object's fields, in their order.
pub(super) struct Fields<'t> {
    all: Vec<(String, &'t RawValue)>,
}

/// Changes to a text.
pub(super) struct Edits<'t> {
    text: &'t str,
    changes: Vec<Change>,
}

struct Change {
    /// Where it begins in the text, and how many bytes it replaces.
    at: usize,
    replaced: usize,
    with: String,
}

impl<'t> Node<'t> {
    /// The text's only value.
    pub(super) fn of(text: &'t str) -> Result<Self> {
        Ok(Self { text: serde_json::from_str::<&RawValue>(text)?.get() })
    }

    pub(super) fn is_null(self) -> bool {
        self.text == "null"
    }

    pub(super) fn fields(self) -> Result<Fields<'t>> {
        Ok(serde_json::from_str(self.text)?)
    }

    pub(super) fn items(self) -> Result<Vec<Node<'t>>> {
        let items: Vec<&RawValue> = serde_json::from_str(self.text)?;
        Ok(items.into_iter().map(|item| Self { text: item.get() }).collect())
    }

    /// The string that it is.
    pub(super) fn string(self) -> Result<String> {
        Ok(serde_json::from_str(self.text)?)
    }

    /// Whether it is that value, however it is written.
    pub(super) fn is(self, value: &Value) -> bool {
        serde_json::from_str::<Value>(self.text).is_ok_and(|own| own == *value)
    }

    pub(super) fn number(self) -> Result<u32> {
        Ok(serde_json::from_str(self.text)?)
    }
}

impl<'t> Fields<'t> {
    /// The field of this name, `None` if there is none. The runtimes written in Go take a name in any case, and the
    /// last of several fields; others do not, so such a text is refused.
    pub(super) fn get(&self, name: &str) -> Result<Option<Node<'t>>> {
        let mut found = self.all.iter().filter(|(key, _)| folded(key) == folded(name));
        let first = found.next();
        ensure!(found.next().is_none(), "more than one field {name:?}");
        match first {
            Some((key, value)) if key == name => Ok(Some(Node { text: value.get() })),
            Some((key, _)) => bail!("a field {key:?} in place of {name:?}"),
            None => Ok(None),
        }
    }

    /// The same, and `None` for null.
    pub(super) fn some(&self, name: &str) -> Result<Option<Node<'t>>> {
        Ok(self.get(name)?.filter(|node| !node.is_null()))
    }

    /// The string of this name; `None` if there is none.
    pub(super) fn string(&self, name: &str) -> Result<Option<String>> {
        self.some(name)?.map(Node::string).transpose().with_context(|| format!("{name:?}"))
    }

    fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Names that Go takes for the same one: it knows `ſ` for an `s`, and the sign of kelvins for a `k`.
fn folded(name: &str) -> String {
    name.to_lowercase().to_uppercase()
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(field) = map.next_entry()? {
                    all.push(field);
                }
                Ok(Fields { all })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'t> Edits<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self { text, changes: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Puts another value in the place of one that is there.
    pub(super) fn replace(&mut self, node: Node<'_>, with: String) -> Result<()> {
        let at = self.place(node)?;
        self.changes.push(Change { at, replaced: node.text.len(), with });
        Ok(())
    }

    /// Adds items at the end of an array.
    pub(super) fn append(&mut self, array: Node<'_>, items: &[String]) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let separator = if array.items()?.is_empty() { "" } else { "," };
        let at = self.place(array)? + array.text.len() - 1;
        self.changes.push(Change { at, replaced: 0, with: format!("{separator}{}", items.join(",")) });
        Ok(())
    }

    /// Leaves an array these of its items.
    pub(super) fn keep(&mut self, array: Node<'_>, items: &[Node<'_>]) -> Result<()> {
        let items: Vec<&str> = items.iter().map(|item| item.text).collect();
        self.replace(array, format!("[{}]", items.join(",")))
    }

    /// Adds a field to an object that has none of this name; one field to each object.
    pub(super) fn insert(&mut self, object: Node<'_>, name: &str, value: &str) -> Result<()> {
        let separator = if object.fields()?.is_empty() { "" } else { "," };
        let at = self.place(object)? + 1;
        self.changes.push(Change { at, replaced: 0, with: format!("\"{name}\":{value}{separator}") });
        Ok(())
    }

    /// Where in the text a value of it stands.
    fn place(&self, node: Node<'_>) -> Result<usize> {
        let at = node.text.as_ptr().addr().checked_sub(self.text.as_ptr().addr()).context("another text's value")?;
        ensure!(self.text.get(at..).is_some_and(|rest| rest.starts_with(node.text)), "another text's value");
        Ok(at)
    }

    /// The text with all changes, which is JSON again.
    pub(super) fn apply(mut self) -> Result<String> {
        self.changes.sort_by_key(|change| change.at);
        let (mut text, mut copied) = (String::with_capacity(self.text.len() + 4096), 0);
        for change in &self.changes {
            text.push_str(self.text.get(copied..change.at).context("two changes of one value")?);
            text.push_str(&change.with);
            copied = change.at + change.replaced;
        }
        text.push_str(self.text.get(copied..).context("two changes of one value")?);
        Node::of(&text)?;
        Ok(text)
    }
}

/// A string as JSON has it.
pub(super) fn quoted(text: &str) -> Result<String> {
    Ok(serde_json::to_string(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\n{ \"a\" : [1, 2.0e999 ], \"o\":{}, \"e\":[ ],\"n\":null,\"s\":\"\\u0041\", \"big\":123456789012345678901234567890}\n";

    #[test]
    fn what_is_not_changed_stays_to_the_byte() {
        let fields = Node::of(TEXT).unwrap().fields().unwrap();
        let field = |name| fields.get(name).unwrap().unwrap();
        let mut edits = Edits::of(TEXT);
        edits.append(field("a"), &["3".to_owned(), "4".to_owned()]).unwrap();
        edits.append(field("e"), &["5".to_owned()]).unwrap();
        edits.insert(field("o"), "x", "1").unwrap();
        edits.replace(field("n"), "[]".to_owned()).unwrap();
        edits.insert(Node::of(TEXT).unwrap(), "first", "0").unwrap();
        assert_eq!(
            edits.apply().unwrap(),
            "\n{\"first\":0, \"a\" : [1, 2.0e999 ,3,4], \"o\":{\"x\":1}, \"e\":[ 5],\"n\":[],\"s\":\"\\u0041\", \"big\":123456789012345678901234567890}\n"
        );
    }

    #[test]
    fn fields_are_found_by_their_exact_names_alone() {
        let fields = |text: &'static str| Node::of(text).unwrap().fields().unwrap();
        assert_eq!(fields(TEXT).string("s").unwrap().as_deref(), Some("A"));
        assert!(fields(TEXT).get("none").unwrap().is_none());
        assert!(fields(TEXT).some("n").unwrap().is_none() && fields(TEXT).get("n").unwrap().is_some());
        assert!(fields("{\"mo\\u0075nts\":[]}").get("mounts").unwrap().is_some());
        for text in
            ["{\"Mounts\":[]}", "{\"mounts\":[],\"mounts\":[]}", "{\"mounts\":1,\"MOUNTS\":2}", "{\"mount\u{17f}\":1}"]
        {
            assert!(fields(text).get("mounts").is_err(), "{text}");
        }
        assert!(fields(TEXT).string("a").is_err());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "{", "{} {}", "{\"a\":}", "\u{feff}{}"] {
            assert!(Node::of(text).is_err(), "{text}");
        }
        assert!(Node::of("[1]").unwrap().fields().is_err());
        let (one, other) = ("{\"a\":1}".to_owned(), "{\"a\":1}".to_owned());
        assert!(Edits::of(&one).replace(Node::of(&other).unwrap(), "2".to_owned()).is_err());
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(Node::of(&deep).is_ok_and(|node| !node.is_null()), "depth costs no stack");
    }
}
