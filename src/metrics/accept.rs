//! Which of the two text forms a client wants, by its `Accept` header (RFC 9110, 12.5.1).

/// A text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Prometheus's own, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Form {
    /// The `Content-Type` of a text in this form.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_client::encoding::prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The form that an `Accept` header prefers. OpenMetrics has to be named: whoever takes anything gets Prometheus's
    /// form, which everybody reads. So does whoever takes neither, because a text is of more use than an error.
    pub(super) fn wanted(accept: &str) -> Self {
        let mut open_metrics = 0;
        // How closely a range names Prometheus's form, and how much it is wanted.
        let mut prometheus = (0, 0);
        for range in accept.split(',').filter_map(Range::parse) {
            match range.kind.as_str() {
                "application/openmetrics-text" if matches!(range.version, None | Some("1.0.0")) => {
                    open_metrics = open_metrics.max(range.quality);
                }
                "text/plain" if matches!(range.version, None | Some("0.0.4")) => {
                    prometheus = prometheus.max((3, range.quality));
                }
                "text/*" => prometheus = prometheus.max((2, range.quality)),
                "*/*" => prometheus = prometheus.max((1, range.quality)),
                _ => {}
            }
        }
        if open_metrics > 0 && open_metrics >= prometheus.1 { Self::OpenMetrics } else { Self::Prometheus }
    }
}

/// One of the header's ranges, such as `text/plain;version=0.0.4;q=0.5`.
struct Range<'a> {
    kind: String,
    version: Option<&'a str>,
    /// In thousandths.
    quality: u32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().filter(|it| !it.is_empty())?.to_ascii_lowercase();
        let mut range = Self { kind, version: None, quality: 1000 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "version" => range.version = Some(value),
                "q" => range.quality = thousandths(value)?,
                _ => {}
            }
        }
        Some(range)
    }
}

/// `0`, `0.5`, `1.000`; nothing else is a quality.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u32 = format!("{fraction:0<3}").parse().ok().filter(|_| is_number)?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Form::{OpenMetrics, Prometheus};

    #[test]
    fn clients_get_the_form_that_they_prefer() {
        for (accept, form) in [
            ("", Prometheus),
            ("*/*", Prometheus),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Prometheus),
            ("application/openmetrics-text", OpenMetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", OpenMetrics),
            ("Application/OpenMetrics-Text;Version=\"1.0.0\"", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", Prometheus),
            ("application/openmetrics-text;q=0, */*", Prometheus),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.5", Prometheus),
            ("application/openmetrics-text;q=0.5, text/plain;q=0.4, */*;q=0.9", OpenMetrics),
            ("application/openmetrics-text;q=2, text/plain", Prometheus),
            ("application/json", Prometheus),
            (";;,,q=1", Prometheus),
            // Prometheus 2.42.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 3 with its own form first.
            (
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,\
                 application/openmetrics-text;version=1.0.0;q=0.3,*/*;q=0.2",
                Prometheus,
            ),
        ] {
            assert_eq!(Form::wanted(accept), form, "{accept}");
        }
    }
}
