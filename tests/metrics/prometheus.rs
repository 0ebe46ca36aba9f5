//! A real Prometheus scrapes a sampler beside three containers, and evaluates all expressions of the dashboard and of the
//! alert rules.

use crate::{
    bed::{self, Findings, Version},
    dashboard,
    exporter::{Answer, Exporter},
    processes::{Place, Started, until},
    rules::file,
    tools::prometheus,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
};

struct Prometheus {
    address: SocketAddr,
    log: PathBuf,
    #[expect(dead_code, reason = "held")]
    process: Started,
}

impl Prometheus {
    /// Scrapes `target` each second; its alerts do not wait.
    fn start(place: &Place, target: SocketAddr) -> Self {
        let rules = fs::read_to_string(file("rules.yaml")).expect("the rules");
        let rules: Vec<&str> = rules.lines().filter(|line| !line.trim().starts_with("for: ")).collect();
        fs::write(place.file("rules.yaml"), rules.join("\n")).expect("rules");
        let configuration = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yaml]\n\
             scrape_configs: [{{job_name: cgproc, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(place.file("prometheus.yaml"), configuration).expect("a configuration");
        // Nobody else gets the port so soon: the kernel goes on to others.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        let log = place.file("prometheus.log");
        let mut command = prometheus("prometheus");
        command.arg(format!("--config.file={}", place.file("prometheus.yaml").display()));
        command.arg(format!("--storage.tsdb.path={}", place.file("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let process = Started::quietly(command.stderr(File::create(&log).expect("a log")));
        let it = Self { address, log, process };
        let is_ready = || it.get("/-/ready").is_some();
        bed::until_but("Prometheus is ready", is_ready, || fs::read_to_string(&it.log).unwrap_or_default());
        it
    }

    fn get(&self, path: &str) -> Option<String> {
        let stream = TcpStream::connect(self.address).ok()?;
        let answer = Answer::of(stream, &format!("GET {path} HTTP/1.0\r\n\r\n")).ok()?;
        (answer.status == 200).then_some(answer.body)
    }

    fn api(&self, path: &str) -> Value {
        let body = self.get(&format!("/api/v1/{path}")).unwrap_or_else(|| panic!("{path} is refused"));
        serde_json::from_str::<Value>(&body).expect("JSON")["data"].take()
    }

    /// The series that an expression has now.
    fn query(&self, expression: &str) -> Vec<Value> {
        let code = |byte: u8| format!("%{byte:02X}");
        let expression: String = expression.bytes().map(code).collect();
        self.api(&format!("query?query={expression}"))["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until an expression has series.
    fn answers(&self, expression: &str) {
        until(expression, || !self.query(expression).is_empty());
    }

    /// The expressions of all rules.
    fn rules(&self) -> Vec<String> {
        let groups = self.api("rules")["groups"].as_array().cloned().expect("groups");
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned().expect("rules"));
        rules.map(|rule| rule["query"].as_str().expect("an expression").to_owned()).collect()
    }

    /// Prints how the scrapes went.
    fn tell(&self) {
        for query in ["count_over_time(up[1h])", "sum_over_time(up[1h])", "max_over_time(scrape_duration_seconds[1h])"]
        {
            println!("{query}: {:?}", self.query(query).first().map(|it| it["value"][1].clone()));
        }
    }

    /// The cgroups about which this alert fires.
    fn firing(&self, alert: &str) -> Vec<String> {
        let alerts = self.api("alerts")["alerts"].as_array().cloned().expect("alerts");
        let of_it = alerts.iter().filter(|it| it["labels"]["alertname"] == alert && it["state"] == "firing");
        of_it.map(|it| it["labels"]["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// `cgproc run` of a program with these limits.
fn container(memory: &str, cpus: &str, program: &[&str]) -> Started {
    let mut command = Command::new(bed::command());
    // Threads are counted in the hierarchy of their limit, which version 1 has apart.
    command.args(["run", "--memory", memory, "--cpus", cpus, "--pids", "50", "--"]).args(program);
    Started::quietly(command.env_remove("LD_PRELOAD"))
}

/// The three containers: a throttled one, an idle one, and one that writes.
fn containers(place: &Place) -> [(&'static str, Started); 3] {
    let written = place.file("written");
    let writes = format!(
        "import os, time\nfile = os.open('{}', os.O_RDWR | os.O_CREAT)\n\
         while True: os.pwrite(file, bytes(65536), 0); os.fsync(file); time.sleep(0.1)",
        written.display()
    );
    [
        ("throttled", container("64M", "0.1", &["sh", "-c", "while :; do :; done"])),
        ("idle", container("128M", "1", &["sleep", "100000"])),
        ("writing", container("64M", "0.5", &["python3", "-c", &writes])),
    ]
}

/// What an alert compares, whatever the result: an alert that does not fire has no series. All parts of it must have some.
fn compared(rule: &str) -> String {
    let mut rule = rule.to_owned();
    for operator in [">", "<=", "=="] {
        rule = rule.replace(&format!(" {operator} "), &format!(" {operator} bool "));
    }
    let rule = rule.replace(" unless ", " and ").replace(" or ", " and ");
    rule.strip_prefix("absent(").and_then(|it| it.strip_suffix(')')).map_or(rule.clone(), str::to_owned)
}

#[test]
fn every_expression_has_series_and_alerts_fire() {
    let mut findings = Findings::default();
    let place = Place::new();
    let containers = containers(&place);
    let exporter = Exporter::start(&["--interval", "1"]);
    let server = Prometheus::start(&place, exporter.address);
    let id = |container: &Started| format!("cgproc-run-{}", container.pid());
    for (name, container) in &containers {
        println!("{name} is {}", id(container));
        let query = format!("cgproc_load1{{name=\"{}\"}} and on (name) cgproc_spec_memory_limit_bytes", id(container));
        bed::until_but(&query, || !server.query(&query).is_empty(), || exporter.text());
    }
    let rules = server.rules();
    assert_eq!(rules.len(), 12, "{rules:?}");
    for expression in dashboard::expressions().into_iter().chain(rules.iter().map(|it| compared(it))) {
        // Version 1 has no pressure.
        if bed::version() == Version::V2 || !expression.contains("cgproc_pressure_") {
            server.answers(&expression);
        }
    }
    let throttled = id(&containers[0].1);
    until("the alert", || server.firing("ContainerThrottled").iter().any(|it| it.ends_with(&throttled)));
    let idle = id(&containers[1].1);
    for alert in ["ContainerThrottled", "ContainerNearMemoryLimit", "ContainerOutOfMemory", "ContainerLoadAboveCpus"] {
        let firing = server.firing(alert);
        findings.check(firing.iter().all(|it| !it.ends_with(&idle)), || format!("{alert} fires about {firing:?}"));
    }
    for alert in ["CgprocSamplerStale", "CgprocSamplerDown", "CgprocMetricsMissing", "CgprocSeriesDropped"] {
        findings.check(server.firing(alert).is_empty(), || format!("{alert} fires"));
    }
    if bed::fuzz_minutes().is_some() {
        bed::endure(|| ());
    }
    server.tell();
    findings.conclude("Prometheus");
}
