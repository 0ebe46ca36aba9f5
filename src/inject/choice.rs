//! Which containers are given the view: those that ask for it, else those that the host's configuration chooses.

use serde::Deserialize;

/// The label or annotation by which a container or its pod asks.
pub(crate) const KEY: &str = "cgproc.io/view";

/// Whether programs see the container or the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum View {
    /// The container.
    On,
    /// The machine.
    Off,
}

/// The configuration of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// What containers get that do not ask.
    pub(crate) view: View,
    /// The namespaces in which that is so, as patterns with `*` and `?`; containers that have no namespace do not need
    /// any. Patterns do not reach [`SYSTEM_NAMESPACE`], which can be named.
    pub(crate) namespaces: Vec<String>,
}

/// Where a cluster runs its own parts.
const SYSTEM_NAMESPACE: &str = "kube-system";

/// What the labels and annotations of [`KEY`] ask for, in whatever order. Off wins; other words ask for nothing. YAML
/// reads a bare `on` as `true`, and some tools write it so.
pub(crate) fn asked<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<View> {
    let views = values.into_iter().filter_map(|value| match value {
        "on" | "true" => Some(View::On),
        "off" | "false" => Some(View::Off),
        _ => None,
    });
    views.reduce(|one, other| if one == View::Off { one } else { other })
}

impl Rules {
    /// Whether a container in this namespace, if any, is given the view.
    pub(crate) fn choose(&self, asked: Option<View>, namespace: Option<&str>) -> bool {
        let view = asked.unwrap_or(match namespace {
            Some(namespace) if !self.extend_to(namespace) => View::Off,
            _ => self.view,
        });
        view == View::On
    }

    fn extend_to(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|pattern| {
            pattern == namespace || namespace != SYSTEM_NAMESPACE && matches(pattern.as_bytes(), namespace.as_bytes())
        })
    }
}

/// Whether a pattern with `*` (any text) and `?` (any byte) stands for the name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut upto) = (0, 0);
    // The last star, and where in the name the text begins that follows what it stands for.
    let mut star = None;
    while upto < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, upto));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[upto] => {
                at += 1;
                upto += 1;
            }
            _ => match star {
                Some((place, begun)) => {
                    star = Some((place, begun + 1));
                    (at, upto) = (place + 1, begun + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_wins_and_other_words_ask_for_nothing() {
        for (values, expected) in [
            (&[][..], None),
            (&["on"][..], Some(View::On)),
            (&["true", "maybe"], Some(View::On)),
            (&["on", "off"], Some(View::Off)),
            (&["off", "on"], Some(View::Off)),
            (&["false"], Some(View::Off)),
            (&["ON", "", "1"], None),
        ] {
            assert_eq!(asked(values.iter().copied()), expected, "{values:?}");
        }
    }

    #[test]
    fn who_asks_is_heard_before_the_rules() {
        let rules = |view, namespaces: &[&str]| Rules {
            view,
            namespaces: namespaces.iter().map(ToString::to_string).collect(),
        };
        let (all, none) = (rules(View::On, &["*"]), rules(View::Off, &["*"]));
        assert!(all.choose(None, None) && !none.choose(None, None));
        assert!(none.choose(Some(View::On), None) && !all.choose(Some(View::Off), Some("web")));
        assert!(all.choose(None, Some("web")) && !none.choose(None, Some("web")));
        let some = rules(View::On, &["team-*", "db"]);
        for (namespace, expected) in [("team-a", true), ("db", true), ("db2", false), ("kube-system", false)] {
            assert_eq!(some.choose(None, Some(namespace)), expected, "{namespace}");
        }
        assert!(!all.choose(None, Some("kube-system")) && all.choose(Some(View::On), Some("kube-system")));
        assert!(rules(View::On, &["kube-system"]).choose(None, Some("kube-system")));
        assert!(!rules(View::On, &[]).choose(None, Some("web")) && rules(View::On, &[]).choose(None, None));
    }

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("**", "x", true),
            ("a*", "ba", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
