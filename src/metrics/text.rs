//! The text of a look, in either form.

use super::{
    accept::Form,
    choice::Choice,
    figures::{FIGURES, Figure, PREFIX, Value},
    health::{HEALTH, Health},
    labels::Labels,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text},
    metrics::MetricType,
    registry::Registry,
};
use std::{fmt, sync::Arc};

/// All that is written.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) choice: Choice,
    pub(super) health: Health,
}

/// Writes it in this form.
pub(super) fn write(exposition: Arc<Exposition>, form: Form) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(exposition));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = match form {
        Form::Prometheus => prometheus_text::encode(&mut text, &registry),
        Form::OpenMetrics => text::encode(&mut text, &registry),
    };
    text
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for figure in &FIGURES {
            let values = self.choice.cgroups.iter().filter_map(|it| Some((&it.labels, (figure.value)(it)?)));
            family(&mut encoder, figure, values)?;
        }
        for figure in &HEALTH {
            let labels = match figure.name {
                "build_info" => vec![("version", env!("CARGO_PKG_VERSION").to_owned())],
                _ => Labels::new(),
            };
            family(&mut encoder, figure, (figure.value)(&self.health).map(|value| (&labels, value)).into_iter())?;
        }
        Ok(())
    }
}

/// Writes a metric with its series; nothing if there are none.
fn family<'a, T>(
    encoder: &mut DescriptorEncoder<'_>,
    figure: &Figure<T>,
    series: impl Iterator<Item = (&'a Labels, Value)>,
) -> fmt::Result {
    let mut series = series.peekable();
    if series.peek().is_none() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(figure.name, figure.help, figure.unit.as_ref(), figure.kind)?;
    for (labels, value) in series {
        // Without labels there are no braces either.
        put(family.encode_family(labels)?, figure.kind, value)?;
    }
    Ok(())
}

fn put(mut series: MetricEncoder<'_>, kind: MetricType, value: Value) -> fmt::Result {
    match (kind, value) {
        (MetricType::Counter, Value::Whole(value)) => series.encode_counter::<NoLabelSet, _, f64>(&value, None),
        (MetricType::Counter, Value::Real(value)) => series.encode_counter::<NoLabelSet, _, f64>(&value, None),
        (_, Value::Whole(value)) => series.encode_gauge(&value),
        (_, Value::Real(value)) => series.encode_gauge(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::choice::choose, *};
    use crate::stats::sample::{CgroupSample, Container, CpuUse, Engine, Sample};

    fn exposition() -> Arc<Exposition> {
        let name = Some("we\"b\\".to_owned());
        let container = Some(Container { engine: Engine::Docker, id: "4f".to_owned(), name, pod: None });
        let cpu = CpuUse { usage_usec: Some(2_500_000), periods: Some(7), ..CpuUse::default() };
        let one = CgroupSample { path: "/docker/4f".into(), container, cpu, ..CgroupSample::default() };
        let mut two = CgroupSample { path: "/a.service".into(), ..CgroupSample::default() };
        two.limits.memory_bytes = Some(1 << 29);
        let sample = Sample { cgroups: vec![one, two], ..Sample::default() };
        Arc::new(Exposition { choice: choose(sample, 100), health: Health::default() })
    }

    #[test]
    fn both_forms_have_the_same_series() {
        let [prometheus, open_metrics] = [Form::Prometheus, Form::OpenMetrics].map(|form| write(exposition(), form));
        let begins = "# HELP cgproc_cpu_usage_seconds_total CPU time used\n\
                      # TYPE cgproc_cpu_usage_seconds_total counter\n\
                      cgproc_cpu_usage_seconds_total{id=\"/docker/4f\",name=\"we\\\"b\\\\\"} 2.5\n\
                      # HELP cgproc_cpu_cfs_periods_total ";
        assert!(prometheus.starts_with(begins), "{prometheus}");
        assert!(open_metrics.starts_with(
            "# HELP cgproc_cpu_usage_seconds CPU time used\n\
             # TYPE cgproc_cpu_usage_seconds counter\n\
             # UNIT cgproc_cpu_usage_seconds seconds\n"
        ));
        assert!(open_metrics.ends_with("\n# EOF\n"));
        let series = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
        };
        assert_eq!(series(&prometheus), series(&open_metrics));
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            "cgproc_spec_memory_limit_bytes{id=\"/a.service\"} 536870912",
            "cgproc_cgroups 0",
            &format!("cgproc_build_info{{version=\"{version}\"}} 1"),
        ] {
            assert!(prometheus.lines().any(|it| it == line), "{line} in {prometheus}");
        }
    }
}
