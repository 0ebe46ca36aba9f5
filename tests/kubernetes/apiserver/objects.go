// Manifests as the API server takes them: strictly, so that a field that it does not know, or one given twice, is an error.

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	strict "sigs.k8s.io/yaml"
)

// Reads YAML from standard input, and writes a line of JSON for each document: {"object": …} as written, and whether this
// API server has such a kind, or {"error": "…"}.
func objects(from io.Reader, to io.Writer) error {
	documents := yaml.NewYAMLReader(bufio.NewReader(from))
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	encoder := json.NewEncoder(to)
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := encoder.Encode(decoded(decoder, document)); err != nil {
			return err
		}
	}
}

type object struct {
	Object  json.RawMessage `json:"object,omitempty"`
	IsKnown bool            `json:"is_known"`
	Error   string          `json:"error,omitempty"`
}

func decoded(decoder runtime.Decoder, document []byte) object {
	text, err := strict.YAMLToJSONStrict(document)
	if err != nil {
		return object{Error: err.Error()}
	}
	_, _, err = decoder.Decode(text, nil, nil)
	switch {
	case err == nil:
		return object{Object: text, IsKnown: true}
	case runtime.IsNotRegisteredError(err):
		return object{Object: text}
	default:
		return object{Error: fmt.Sprint(err)}
	}
}
