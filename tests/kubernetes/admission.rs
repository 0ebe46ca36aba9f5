//! The policies, as the API server's own code applies them: it evaluates the expressions, merges what they give into the pod,
//! and matches bindings, selectors and conditions.

use crate::{
    bed::Findings,
    pods::{Case, cases},
    tools::{api_server, faults, objects_of},
};
use serde_json::{Value, json};

/// A policy with its bindings.
#[derive(Clone)]
struct Policy {
    policy: Value,
    bindings: Vec<Value>,
}

impl Policy {
    fn of_the_example() -> Self {
        let mut objects = objects_of("kubernetes/admission");
        let bindings = objects.extract_if(.., |it| it["kind"] == "MutatingAdmissionPolicyBinding").collect();
        let [policy] = objects.try_into().expect("one policy");
        Self { policy, bindings }
    }

    /// Kyverno's policy as one of Kubernetes: the same words, of which the constraints are another object's there.
    fn of_kyverno() -> Self {
        let [kyverno] = objects_of("kubernetes/kyverno").try_into().expect("one policy");
        let spec = &kyverno["spec"];
        let mut policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
            "metadata": kyverno["metadata"], "spec": {"matchConstraints": {"resourceRules": spec["matchConstraints"]["resourceRules"]}}});
        for field in ["failurePolicy", "reinvocationPolicy", "matchConditions", "variables", "mutations"] {
            policy["spec"][field] = spec[field].clone();
        }
        let constraints = &spec["matchConstraints"];
        let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": "kyverno"}, "spec": {"policyName": kyverno["metadata"]["name"], "matchResources": {
                "namespaceSelector": constraints["namespaceSelector"], "objectSelector": constraints["objectSelector"]}}});
        Self { policy, bindings: vec![binding] }
    }

    /// The policy, under which a pod that it cannot be evaluated for is refused.
    fn strict(mut self) -> Self {
        assert_eq!(self.policy["spec"]["failurePolicy"], "Ignore");
        self.policy["spec"]["failurePolicy"] = json!("Fail");
        self
    }

    /// The pods as they are admitted, or why they are refused.
    fn admits(&self, cases: &[Case]) -> Vec<Result<Value, String>> {
        let namespaces = [("asked", Some("on")), ("plain", None), ("kube-system", Some("on"))].map(|(name, view)| {
            let mut labels = json!({"kubernetes.io/metadata.name": name});
            if let Some(view) = view {
                labels["cgproc.io/view"] = json!(view);
            }
            json!({"metadata": {"name": name, "labels": labels}})
        });
        let requests: Vec<Value> =
            cases.iter().map(|case| json!({"pod": placed(&case.pod, case), "subresource": case.subresource})).collect();
        let question =
            json!({"policy": self.policy, "bindings": self.bindings, "namespaces": namespaces, "requests": requests});
        let answers = api_server("admit", question.to_string().as_bytes());
        assert_eq!(answers.len(), cases.len());
        let admitted = |mut answer: Value| match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(written(answer["pod"].take())),
        };
        answers.into_iter().map(admitted).collect()
    }

    /// What is wrong with the admitted pods.
    fn judged(&self, cases: &[Case], findings: &mut Findings) {
        let admitted = self.admits(cases);
        for (case, admitted) in cases.iter().zip(&admitted) {
            let expected = placed(&case.expected, case);
            findings.check(*admitted == Ok(expected.clone()), || {
                format!("{}: {admitted:?}\n    not {expected}", case.name)
            });
        }
        let pods: Vec<Value> = admitted.into_iter().flatten().collect();
        let faults = if pods.is_empty() { "nothing is admitted".to_owned() } else { faults(&pods, "v1.36") };
        findings.check(faults.is_empty(), || faults);
    }
}

/// A pod in the namespace of its case.
fn placed(pod: &Value, case: &Case) -> Value {
    let mut pod = pod.clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["namespace"] = json!(case.namespace);
    pod
}

/// A pod without the empty fields that Go writes.
fn written(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, value)| {
                !(value.is_null() || ["status", "resources"].contains(&name.as_str()) && *value == json!({}))
            })
            .map(|(name, value)| (name, written(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(written).collect(),
        other => other,
    }
}

#[test]
fn pods_get_the_view_and_keep_what_they_have() {
    let mut findings = Findings::default();
    Policy::of_the_example().strict().judged(&cases(), &mut findings);
    findings.conclude("admission policy");
}

#[test]
fn kyverno_has_the_same_policy() {
    let (kyverno, own) = (Policy::of_kyverno(), Policy::of_the_example());
    assert_eq!(kyverno.policy["spec"], own.policy["spec"]);
    let mut findings = Findings::default();
    // A label of the pod alone does not reach it: one policy has one selector.
    let mut cases = cases();
    cases.retain(|case| case.name != "a pod that asks by itself");
    kyverno.strict().judged(&cases, &mut findings);
    findings.conclude("Kyverno's policy");
}

/// A pod that the policy fails for starts as it is.
#[test]
fn a_policy_that_fails_changes_nothing() {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.name == "no variables").collect();
    let [case] = cases.as_slice() else { panic!("one case") };
    let broken = |what: &str, expression: &str| {
        let mut it = Policy::of_the_example();
        let variables = it.policy["spec"]["variables"].as_array_mut().expect("variables");
        let variable = variables.iter_mut().find(|it| it["name"] == what).expect("a variable");
        variable["expression"] = json!(expression);
        it
    };
    for (what, expression, words) in [
        ("image", "object.spec.nothing", "no such key: nothing"),
        ("image", "1", "expected string"),
        ("containers", "no expression", "Syntax error"),
    ] {
        let it = broken(what, expression);
        assert_eq!(it.admits(&cases), [Ok(placed(&case.pod, case))], "{expression}");
        // It did fail.
        let why = it.strict().admits(&cases).remove(0);
        assert!(why.as_ref().is_err_and(|why| why.contains(words)), "{expression}: {why:?}");
    }
}
