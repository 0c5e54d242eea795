package ecommpay

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/provider/ecommpay/gate"
)

// The bytes of a request are those of the vector, which two independent
// implementations agree on. The token and its secret are invented.
func TestListingRequest_IsTheVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("gate/testdata/ecommpay.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Sign []struct {
			ID, Secret, Body string
			Signed           string `json:"signed_body"`
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	cfg := Config{ProjectID: 197, Data: DataConfig{Token: "TESTTOKEN0TESTTOKEN0TESTTOKEN0"}}
	day := time.Date(2020, 9, 22, 0, 0, 0, 0, time.UTC)
	body, ok := cfg.listing(day, day.Add(24*time.Hour-time.Second), 0).body.(listingRequest)
	if !ok {
		t.Fatal("no listingRequest")
	}
	body.Projects = append(body.Projects, 198) // the vector's
	found := false
	for _, v := range vectors.Sign {
		if v.ID != "data-api-operations-get" {
			continue
		}
		found = true
		text, err := encode(body)
		if err != nil || string(text) != v.Body {
			t.Errorf("%v\n%s\nwant\n%s", err, text, v.Body)
		}
		if got, err := gate.Seal(v.Secret, text, gate.AtTop); err != nil || string(got) != v.Signed {
			t.Errorf("%v\n%s\nwant\n%s", err, got, v.Signed)
		}
	}
	if !found {
		t.Error("the vector is not there")
	}
}

// Nothing of an interval is lost by rounding, wherever it was measured.
func TestListingRequest_RoundsOutwards(t *testing.T) {
	t.Parallel()
	india := time.FixedZone("IST", 5*3600+1800)
	from := time.Date(2020, 9, 22, 5, 30, 0, 999, india)
	for nanos, want := range map[time.Duration]string{0: "2020-09-22 00:00:00", 1: "2020-09-22 00:00:01", time.Second: "2020-09-22 00:00:01"} {
		body, _ := Config{}.listing(from, time.Date(2020, 9, 22, 0, 0, 0, 0, time.UTC).Add(nanos), 7).body.(listingRequest)
		if body.Interval != (interval{"2020-09-22 00:00:00", want}) || body.Offset != 7 || body.Limit != 1000 {
			t.Errorf("%v: %+v, want an end at %s", nanos, body, want)
		}
	}
}

const goodItem = `{"operation_id":7,"payment_id":"P","project_id":197,"operation_created_at":"2020-09-22 08:50:51","operation_completed_at":"2020-09-22 08:50:56"}`

func TestReadPage_FieldByField(t *testing.T) {
	t.Parallel()
	item := func(old, fresh string) string { return strings.Replace(goodItem, old, fresh, 1) }
	list := func(items ...string) string {
		return `{"operations":[` + strings.Join(items, ",") + `],"signature":"x"}`
	}
	tests := map[string]struct {
		body string
		want string // "": it is read
	}{
		"as documented":               {list(goodItem), ""},
		"under another name":          {`{"rows":[` + goodItem + `],"total":1}`, ""},
		"beside no errors":            {`{"operations":[],"errors":[]}`, ""},
		"ids as text":                 {list(item(`:7,`, `:"7",`)), ""},
		"not completed":               {list(item(`"2020-09-22 08:50:56"`, `null`)), ""},
		"no completion":               {list(item(`,"operation_completed_at":"2020-09-22 08:50:56"`, ``)), ""},
		"members that nobody knows":   {list(item(`{`, `{"account":{"number":"canary"},"customer_ip":"canary",`)), ""},
		"no list":                     {`{"status":"ok"}`, "holds 0 lists"},
		"two lists":                   {`{"a":[],"b":[]}`, "holds 2 lists"},
		"an item that is no object":   {list(`"canary"`), "operation 0: is no object"},
		"no operation":                {list(item(`"operation_id":7,`, ``)), "operation 0: operation_id is missing"},
		"an operation of a space":     {list(item(`:7,`, `:" ",`)), "operation 0: operation_id is"},
		"no payment":                  {list(goodItem, item(`"payment_id":"P",`, ``)), "operation 1: payment_id is missing"},
		"a payment of none":           {list(item(`"P"`, `""`)), "payment_id is missing"},
		"a payment with a line break": {list(item(`"P"`, `"canary\n"`)), "payment_id is missing or no id"},
		"no project":                  {list(item(`"project_id":197,`, ``)), "project_id is not the one"},
		"another project":             {list(item(`197`, `198`)), "project_id is not the one"},
		"no creation":                 {list(item(`"2020-09-22 08:50:51"`, `null`)), "operation_created_at is missing"},
		"a creation with an offset":   {list(item(`08:50:51`, `08:50:51+0000`)), "operation_created_at is missing or no time"},
		"a completion on no day":      {list(item(`2020-09-22 08:50:56`, `0000-00-00 00:00:00`)), "operation_completed_at is no time"},
		"many faults":                 {list(strings.Split(strings.Repeat(`,{}`, 9)[1:], ",")...), "and 26 more"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := gate.Parse([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			page, err := readPage(m, 197)
			if tt.want == "" {
				if err != nil || len(page) != strings.Count(tt.body, "payment_id") {
					t.Errorf("%+v, %v", page, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") || page != nil {
				t.Errorf("%+v, %v; want %q", page, err, tt.want)
			}
		})
	}
}

// FuzzReadPage feeds what an answer may hold: every operation in it is read, or there
// is an error.
func FuzzReadPage(f *testing.F) {
	f.Add([]byte(`{"operations":[` + goodItem + `]}`))
	f.Add([]byte(`{"operations":[],"errors":[]}`))
	f.Add([]byte(`{"a":[{"operation_id":"1","payment_id":"","project_id":"197"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := gate.ParseUpTo(listingBody, body)
		if err != nil {
			return
		}
		page, err := readPage(m, 197)
		if err != nil {
			if page != nil || errors.Is(err, gate.ErrMalformed) {
				t.Fatalf("%+v beside %v", page, err)
			}
			return
		}
		list, err := onlyList(m)
		if err != nil || len(list.Items()) != len(page) {
			t.Fatalf("%d operations read of %d, %v", len(page), len(list.Items()), err)
		}
		for _, l := range page {
			if !operationPattern.MatchString(l.Operation) || !foreignPattern.MatchString(l.Key) {
				t.Fatalf("read %+v", l)
			}
		}
	})
}
