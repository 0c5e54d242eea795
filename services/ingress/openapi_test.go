package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/payloom/payloom/pkg/payment"
)

func mustDescription(t *testing.T) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestOpenAPI_HasEveryRoute(t *testing.T) {
	t.Parallel()
	doc := mustDescription(t)
	described := 0
	for _, item := range doc.Paths.Map() {
		described += len(item.Operations())
	}
	if want := len(routes()) + 2; described != want {
		t.Errorf("%d calls are described, %d are served", described, want)
	}
	for _, rt := range routes() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		item := doc.Paths.Value(path)
		if item == nil || item.GetOperation(method) == nil {
			t.Errorf("%s is not described", rt.pattern)
			continue
		}
		op := item.GetOperation(method)
		if !strings.Contains(op.Description, "`"+string(rt.scope)+"`") {
			t.Errorf("%s: the description does not name the scope %s", rt.pattern, rt.scope)
		}
		if op.RequestBody.Value.Required == rt.bare {
			t.Errorf("%s: whether a body is needed is described wrongly", rt.pattern)
		}
	}
}

// TestOpenAPI_ExamplesWork sends every example of a request.
func TestOpenAPI_ExamplesWork(t *testing.T) {
	t.Parallel()
	doc, tried := mustDescription(t), 0
	for path, item := range doc.Paths.Map() {
		op := item.Post
		if op == nil {
			continue
		}
		if path == "/v1/payouts/batches" {
			tried += tryBatches(t, op)
			continue
		}
		for name, example := range op.RequestBody.Value.Content.Get("application/json").Examples {
			body, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			a := ask{path: strings.Replace(path, "{id}", "order-1", 1), body: string(body)}
			if strings.Contains(a.path, "payouts") {
				a.key = "big-key"
			}
			if res, text := newFixture(t, nil).do(t, a); res.StatusCode != http.StatusAccepted {
				t.Errorf("%s, example %s: status %d: %s", path, name, res.StatusCode, text)
			}
			tried++
		}
	}
	if tried < 10 {
		t.Errorf("only %d examples were found", tried)
	}
}

// tryBatches sends every example of a batch and holds the results against their
// schemas, which nothing else refers to.
func tryBatches(t *testing.T, op *openapi3.Operation) int {
	t.Helper()
	doc, tried := mustDescription(t), 0
	for mediaType, content := range op.RequestBody.Value.Content {
		for name, example := range content.Examples {
			body, ok := example.Value.Value.(string)
			if !ok {
				t.Fatalf("example %s is no text", name)
			}
			a := ask{path: "/v1/payouts/batches", key: "big-key", body: body, header: http.Header{"Content-Type": {mediaType}}}
			res, text := newFixture(t, nil).do(t, a)
			lines := strings.Split(strings.TrimSpace(text), "\n")
			if last := lines[len(lines)-1]; res.StatusCode != http.StatusOK || strings.Contains(text, "rejected\"}") || !strings.HasPrefix(last, `{"done":true`) {
				t.Errorf("example %s: status %d: %s", name, res.StatusCode, text)
			}
			checkLines(t, doc, name, lines)
			tried++
		}
	}
	for _, example := range op.Responses.Status(http.StatusOK).Value.Content.Get("application/x-ndjson").Examples {
		checkLines(t, doc, "answer", strings.Split(strings.TrimSpace(fmt.Sprint(example.Value.Value)), "\n"))
	}
	return tried
}

func checkLines(t *testing.T, doc *openapi3.T, name string, lines []string) {
	t.Helper()
	for i, line := range lines {
		if i == len(lines)-1 {
			checkSchema(t, doc, name, "End", line)
		} else {
			checkSchema(t, doc, name, "LineResult", line)
		}
	}
}

// TestOpenAPI_AgreesWithTheAPI holds the answers of the API, and the bodies that
// it takes, against their schemas, and sees that what a schema refuses for its
// shape is refused.
func TestOpenAPI_AgreesWithTheAPI(t *testing.T) {
	t.Parallel()
	doc := mustDescription(t)
	for name, a := range refusals() {
		f := newFixture(t, nil)
		res, text := f.do(t, a)
		checkSchema(t, doc, name, "Problem", text)
		if schema := requestSchema(doc, a); schema != nil && takes(schema, a.body) && strings.Contains(text, `"code":"unknown"`) {
			t.Errorf("%s: the schema takes members that the API does not know", name)
		}
		if op := operation(doc, a); op != nil && op.Responses.Status(res.StatusCode) == nil {
			t.Errorf("%s: status %d is not described", name, res.StatusCode)
		}
	}
	_, text := newFixture(t, nil).do(t, ask{body: button})
	checkSchema(t, doc, "accepted", "Accepted", text)
	if !takes(requestSchema(doc, ask{}), button) {
		t.Error("the schema refuses what the API takes")
	}
}

func checkSchema(t *testing.T, doc *openapi3.T, name, schema, text string) {
	t.Helper()
	if !takes(doc.Components.Schemas[schema].Value, text) {
		t.Errorf("%s: the answer is no %s: %s", name, schema, text)
	}
}

func takes(schema *openapi3.Schema, text string) bool {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return false
	}
	return schema.VisitJSON(v, openapi3.EnableJSONSchema2020()) == nil
}

func operation(doc *openapi3.T, a ask) *openapi3.Operation {
	path := a.path
	if path == "" {
		path = "/v1/payments"
	}
	if parts := strings.Split(path, "/"); len(parts) == 5 && a.method == "" {
		path = fmt.Sprintf("/v1/%s/{id}/%s", parts[2], parts[4])
	}
	item := doc.Paths.Value(path)
	if item == nil || a.method != "" {
		return nil
	}
	return item.Post
}

func requestSchema(doc *openapi3.T, a ask) *openapi3.Schema {
	op := operation(doc, a)
	if op == nil {
		return nil
	}
	content := op.RequestBody.Value.Content.Get("application/json")
	if content == nil {
		return nil
	}
	return content.Schema.Value
}

func TestOpenAPI_IsServed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	res, body := f.do(t, ask{method: http.MethodGet, path: "/openapi.yaml", key: "-", idem: "-"})
	if res.StatusCode != http.StatusOK || body != string(openAPI) || res.Header.Get("Content-Type") != "application/yaml" {
		t.Errorf("status %d, %s, %d bytes", res.StatusCode, res.Header.Get("Content-Type"), len(body))
	}
}

// TestOpenAPI_ListsTheWords holds the enumerations against the words of payment.
func TestOpenAPI_ListsTheWords(t *testing.T) {
	t.Parallel()
	doc := mustDescription(t)
	open := doc.Components.Schemas["OpenPayment"].Value.Properties
	cycle := open["recurring"].Value.Properties["cycle"].Value
	tests := map[string]struct{ got, want []any }{
		"providers": {doc.Components.Schemas["Provider"].Value.Enum, words(payment.Providers()...)},
		"methods":   {open["method"].Value.Enum, words(payment.Button, payment.Redirect, payment.OrderReference, payment.MandateCharge)},
		"captures":  {open["capture"].Value.Enum, words(payment.CaptureManual, payment.CaptureAuto)},
		"cycles":    {cycle.Enum, words(payment.Year, payment.Month, payment.Week, payment.Day, payment.Variable)},
	}
	for name, tt := range tests {
		if fmt.Sprint(tt.got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
		}
	}
}

func words[T ~string](list ...T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
