// What a MutatingAdmissionPolicy makes of pods, by the API server's own admission code: expressions, matching, merging and
// repetition are its. What the code needs of a cluster, which are namespaces, policies and bindings, comes from client-go's
// fake client.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/matching"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/dynamic"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"
)

type question struct {
	Policy     *mutating.Policy         `json:"policy"`
	Bindings   []mutating.PolicyBinding `json:"bindings"`
	Namespaces []corev1.Namespace       `json:"namespaces"`
	Requests   []request                `json:"requests"`
}

type request struct {
	Pod         *corev1.Pod `json:"pod"`
	Subresource string      `json:"subresource"`
}

type answer struct {
	Pod   runtime.Object `json:"pod,omitempty"`
	Error string         `json:"error,omitempty"`
}

// Reads a question from standard input. For each request it writes a line of JSON: {"pod": …} as admitted, or {"error": "…"}.
func admit(from io.Reader, to io.Writer) error {
	var asked question
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	plugin, err := pluginWith(ctx, &asked)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(to)
	for _, it := range asked.Requests {
		if err := encoder.Encode(admitted(ctx, plugin, it)); err != nil {
			return err
		}
	}
	return nil
}

// The pod as the plugin leaves it. An API server admits a pod a second time where a later plugin has changed it.
func admitted(ctx context.Context, plugin *mutating.Plugin, it request) answer {
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	it.Pod.SetGroupVersionKind(kind)
	attributes := admission.NewAttributesRecord(it.Pod, nil, kind, it.Pod.Namespace, it.Pod.Name, pods, it.Subresource,
		admission.Create, &metav1.CreateOptions{}, false, nil)
	interfaces := admission.NewObjectInterfacesFromScheme(scheme.Scheme)
	if err := plugin.Admit(ctx, attributes, interfaces); err != nil {
		return answer{Error: err.Error()}
	}
	pod := attributes.GetObject()
	pod.GetObjectKind().SetGroupVersionKind(kind)
	return answer{Pod: pod}
}

// The plugin, once it knows the policy, its binding and the namespaces.
func pluginWith(ctx context.Context, asked *question) (*mutating.Plugin, error) {
	withDefaults(asked.Policy.Spec.MatchConstraints)
	objects := []runtime.Object{asked.Policy}
	for index := range asked.Bindings {
		withDefaults(asked.Bindings[index].Spec.MatchResources)
		objects = append(objects, &asked.Bindings[index])
	}
	for index := range asked.Namespaces {
		objects = append(objects, &asked.Namespaces[index])
	}
	client := fake.NewSimpleClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	source := new(hooks)
	plugin := &mutating.Plugin{Plugin: generic.NewPlugin(
		admission.NewHandler(admission.Create, admission.Update, admission.Connect), sourceInto(source), dispatcher)}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion})
	initializer.New(client, dynamicfake.NewSimpleDynamicClient(scheme.Scheme), factory,
		authorizerfactory.NewAlwaysAllowAuthorizer(), utilfeature.DefaultFeatureGate,
		compatibility.DefaultBuildEffectiveVersion(), ctx.Done(), mapper).Initialize(plugin)
	if err := plugin.ValidateInitialization(); err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), plugin.WaitForReady, (*source).HasSynced) {
		return nil, errors.New("the policy was not read in a minute")
	}
	for !isBound((*source).Hooks(), len(asked.Bindings)) {
		select {
		case <-ctx.Done():
			return nil, errors.New("the bindings do not all name the policy")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return plugin, nil
}

// Fills in what the API server does before it stores a policy or a binding.
func withDefaults(match *admissionregistrationv1.MatchResources) {
	if match.NamespaceSelector == nil {
		match.NamespaceSelector = &metav1.LabelSelector{}
	}
	if match.ObjectSelector == nil {
		match.ObjectSelector = &metav1.LabelSelector{}
	}
	if match.MatchPolicy == nil {
		equivalent := admissionregistrationv1.Equivalent
		match.MatchPolicy = &equivalent
	}
}

func isBound(hooks []mutating.PolicyHook, bindings int) bool {
	return len(hooks) == 1 && len(hooks[0].Bindings) == bindings
}

type hooks = generic.Source[mutating.PolicyHook]

type sourceFactory = func(informers.SharedInformerFactory, kubernetes.Interface, dynamic.Interface, meta.RESTMapper) hooks

// A factory that also tells which source it made.
func sourceInto(source *hooks) sourceFactory {
	return func(factory informers.SharedInformerFactory, _ kubernetes.Interface, client dynamic.Interface, mapper meta.RESTMapper) hooks {
		of := factory.Admissionregistration().V1()
		*source = generic.NewPolicySource(of.MutatingAdmissionPolicies().Informer(),
			of.MutatingAdmissionPolicyBindings().Informer(), mutating.NewMutatingAdmissionPolicyAccessor,
			mutating.NewMutatingAdmissionPolicyBindingAccessor, compiled, factory, client, mapper)
		return *source
	}
}

func dispatcher(authorizer authorizer.Authorizer, matcher *matching.Matcher, _ kubernetes.Interface) generic.Dispatcher[mutating.PolicyHook] {
	return mutating.NewDispatcher(authorizer, matcher, builtin{applyconfigurations.NewTypeConverter(scheme.Scheme)})
}

// The types of pods as client-go has them. An API server takes them from its own OpenAPI document.
type builtin struct{ managedfields.TypeConverter }

func (it builtin) GetTypeConverter(schema.GroupVersionKind) managedfields.TypeConverter { return it }

func (it builtin) Run(context.Context) {}

// Compiles a policy as the plugin does, whose own function is not exported.
func compiled(policy *mutating.Policy) mutating.PolicyEvaluator {
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return mutating.PolicyEvaluator{Error: err}
	}
	options := cel.OptionalVariableDeclarations{HasAuthorizer: true}
	var variables []cel.NamedExpressionAccessor
	for _, it := range policy.Spec.Variables {
		variables = append(variables, &validating.Variable{Name: it.Name, Expression: it.Expression})
	}
	compiler.CompileAndStoreVariables(variables, options, environment.StoredExpressions)
	var conditions []cel.ExpressionAccessor
	for index := range policy.Spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&policy.Spec.MatchConditions[index]))
	}
	matcher := matchconditions.NewMatcher(compiler.CompileCondition(conditions, options, environment.StoredExpressions),
		policy.Spec.FailurePolicy, "policy", "validate", policy.Name)
	options.HasPatchTypes = true
	var patchers []patch.Patcher
	for _, mutation := range policy.Spec.Mutations {
		if mutation.PatchType != admissionregistrationv1.PatchTypeApplyConfiguration {
			return mutating.PolicyEvaluator{Error: fmt.Errorf("patches of type %s are not asked for here", mutation.PatchType)}
		}
		expression := &patch.ApplyConfigurationCondition{Expression: mutation.ApplyConfiguration.Expression}
		evaluator := compiler.CompileMutatingEvaluator(expression, options, environment.StoredExpressions)
		patchers = append(patchers, patch.NewApplyConfigurationPatcher(evaluator))
	}
	return mutating.PolicyEvaluator{Matcher: matcher, Mutators: patchers, CompositedCompiler: compiler}
}
