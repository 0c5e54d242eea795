package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/go-cmp/cmp"

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
	calls := (&api{}).calls()
	if got := len(doc.Paths.Map()); got != len(calls)+1 {
		t.Errorf("%d paths are described, %d are served", got, len(calls)+1)
	}
	for pattern := range calls {
		_, path, _ := strings.Cut(pattern, " ")
		item := doc.Paths.Value(path)
		if item == nil || item.Get == nil || !strings.Contains(item.Get.Description, "`read`") {
			t.Errorf("%s is not described, or not with its scope", pattern)
		}
	}
}

func TestOpenAPI_NamesEveryState(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	for _, s := range mustDescription(t).Components.Schemas["State"].Value.Enum {
		described[s.(string)] = true //nolint:errcheck // a panic fails the test as well
	}
	for _, s := range states() {
		if !described[s] {
			t.Errorf("state %s is not described", s)
		}
	}
	if len(described) != len(states()) {
		t.Errorf("%d states are described, there are %d", len(described), len(states()))
	}
}

func TestOpenAPI_NamesEveryProvider(t *testing.T) {
	t.Parallel()
	var described []string
	for _, s := range mustDescription(t).Components.Schemas["Provider"].Value.Enum {
		described = append(described, s.(string)) //nolint:errcheck // a panic fails the test as well
	}
	if d := cmp.Diff(providerNames(), described); d != "" {
		t.Error(d)
	}
}

// TestOpenAPI_AnswersAreAsDescribed compares real answers with their schemas.
func TestOpenAPI_AnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	w := running(t)
	doc := mustDescription(t)
	doc.Servers = openapi3.Servers{{URL: w.url}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	c := w.open(t, "order-1")
	w.tell(t, time.Now(), c, started(c), action("order-1"), payment.BuyerDetailsReceived{Buyer: payment.Buyer{Name: "B"}},
		payment.OperationSucceeded{Ref: "r", Amount: 1000}, payment.MandateIssued{Mandate: payment.Mandate{ID: "m", Cycle: payment.Month}})
	w.shows(t, "order-1", 5)
	for path, status := range map[string]int{
		"/v1/payments": 200, "/v1/payments/order-1": 200, "/v1/payments/order-1/events": 200, "/v1/commands/" + string(c.ID): 200,
		"/v1/payments/none": 404, "/v1/payments?nonsense=1": 400,
		"/v1/reconciliation/breaks": 200, "/v1/reconciliation/breaks?status=open&kind=missing_here": 200, "/v1/reconciliation/breaks?kind=none": 400,
		"/v1/mandates": 200, "/v1/mandates/m": 200, "/v1/mandates/none": 404, "/v1/mandates?provider=none": 400,
		"/v1/stats": 200, "/v1/stats?group=day,provider,kind": 200, "/v1/stats?group=hour": 400,
		"/v1/payments/export": 200, "/v1/payments/export?format=xls": 400,
	} {
		got := w.get(t, reader, path)
		if got.status != status {
			t.Errorf("%s: %d, want %d", path, got.status, status)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		route, values, err := router.FindRoute(r)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		in := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: values, Route: route},
			Status:                 got.status, Header: got.header,
		}
		in.SetBodyBytes(got.body)
		if err := openapi3filter.ValidateResponse(t.Context(), in); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestOpenAPI_ExportedLinesAreAsDescribed compares each line of a JSON export with
// its schema.
func TestOpenAPI_ExportedLinesAreAsDescribed(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	put(t, s.pool, 3, func(i int) row {
		r := sale(i)
		r.state = states()[i]
		if r.state == "accepted" {
			r.kind, r.currency = "", ""
		}
		return r
	})
	schema := mustDescription(t).Components.Schemas["ExportedPayment"].Value
	lines := bufio.NewScanner(s.begin(t.Context(), t, "format=json").Body)
	n := 0
	for ; lines.Scan(); n++ {
		var line any
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(line); err != nil {
			t.Errorf("%s: %v", lines.Bytes(), err)
		}
	}
	if n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
	if diff := cmp.Diff(columns, schema.Required); diff != "" {
		t.Errorf("columns and fields (-columns +described):\n%s", diff)
	}
}
