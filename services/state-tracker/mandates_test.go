package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/testkit"
	"github.com/payloom/payloom/services/state-tracker/internal/store"
)

// series opens a payment that gives a mandate.
func (w *world) series(t *testing.T, at time.Time, id, mandate string) {
	t.Helper()
	c := newCommand("demo", id, payment.Authorize, "open-"+id, euros(1000))
	c.Authorization.Recurring = &payment.Recurring{Cycle: payment.Month, Interval: 1}
	w.accept(t, c)
	w.tell(t, at, c, started(c), payment.OperationSucceeded{Ref: "r", Amount: 1000},
		payment.MandateIssued{Mandate: payment.Mandate{ID: mandate, Cycle: payment.Month}})
}

// charge charges a mandate; events end the charge, if there are any.
func (w *world) charge(t *testing.T, at time.Time, id, mandate string, end ...payment.EventData) {
	t.Helper()
	c := newCommand("demo", id, payment.Authorize, "open-"+id, euros(1000))
	c.Authorization.Method, c.Authorization.Mandate = payment.MandateCharge, mandate
	w.accept(t, c)
	if len(end) > 0 {
		w.tell(t, at, c, append([]payment.EventData{started(c)}, end...)...)
	}
}

// awaitMandate waits until a mandate is as wanted, but for its times.
func (w *world) awaitMandate(t *testing.T, want store.Mandate) store.Mandate {
	t.Helper()
	var got store.Mandate
	testkit.Eventually(t, patience, func() error {
		if r := w.get(t, reader, "/v1/mandates/"+url.PathEscape(want.ID)); r.status != http.StatusOK {
			return fmt.Errorf("status %d", r.status)
		}
		got = store.Mandate{}
		w.mustGet(t, "/v1/mandates/"+url.PathEscape(want.ID), &got)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Mandate{}, "IssuedAt", "SeenAt", "ChargedAt")); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
	return got
}

func TestMandates_TellWhatCameOfThem(t *testing.T) {
	t.Parallel()
	w := running(t)
	begin := time.Now().Truncate(time.Microsecond)
	at := begin.Add(time.Hour)
	w.series(t, begin, "first", "B21/9 %x")
	want := store.Mandate{ID: "B21/9 %x", Provider: "computop", Account: "eu", Payment: "first", Cycle: "month", State: "active"}
	got := w.awaitMandate(t, want)
	if got.IssuedAt == nil || !got.IssuedAt.Equal(got.SeenAt) || got.IssuedAt.Sub(begin).Abs() > time.Minute || got.ChargedAt != nil {
		t.Errorf("times of %+v", got)
	}
	w.charge(t, at, "second", want.ID, payment.OperationSucceeded{Amount: 1000})
	w.charge(t, at.Add(time.Hour), "third", want.ID, payment.OperationDeclined{Reason: payment.ReasonDeclined})
	w.charge(t, at, "fourth", want.ID)
	want.Charges, want.Refused, want.Open = 1, 1, 1
	if got := w.awaitMandate(t, want); got.ChargedAt == nil || !got.ChargedAt.Equal(at) {
		t.Errorf("last charged at %v, want %v", got.ChargedAt, at)
	}
	w.charge(t, at.Add(2*time.Hour), "fifth", want.ID, payment.OperationFailed{Reason: payment.ReasonMandateInvalid})
	want.State, want.Refused = "invalid", 2
	w.awaitMandate(t, want)
	w.charge(t, at.Add(3*time.Hour), "sixth", want.ID, payment.OperationSucceeded{Amount: 1000})
	want.State, want.Charges = "active", 2
	w.awaitMandate(t, want)
}

func TestMandates_FromElsewhere(t *testing.T) {
	t.Parallel()
	w := running(t)
	w.charge(t, time.Now(), "a", "brought")
	want := store.Mandate{ID: "brought", Provider: "computop", Account: "eu", State: "unproven", Open: 1}
	if got := w.awaitMandate(t, want); got.IssuedAt != nil || got.SeenAt.IsZero() {
		t.Errorf("times of %+v", got)
	}
	w.charge(t, time.Now(), "b", "brought", payment.OperationSucceeded{Amount: 1000})
	want.State, want.Charges = "active", 1
	w.awaitMandate(t, want)
	if r := w.get(t, strange, "/v1/mandates/brought"); r.status != http.StatusNotFound {
		t.Errorf("another merchant's: %d %s", r.status, r.body)
	}
	for _, id := range []string{"none", strings.Repeat("x", 600), "%ff", "%00"} {
		if r := w.get(t, reader, "/v1/mandates/"+id); r.status != http.StatusNotFound {
			t.Errorf("%s: %d", id, r.status)
		}
	}
}

func TestMandates_ListInPages(t *testing.T) {
	t.Parallel()
	w := running(t)
	var want []string
	for i := range 7 {
		id := fmt.Sprintf("m%d", i)
		w.series(t, time.Now(), "p"+id, id)
		want = append([]string{id}, want...)
	}
	w.awaitMandate(t, store.Mandate{ID: "m6", Provider: "computop", Account: "eu", Payment: "pm6", Cycle: "month", State: "active"})
	var got []string
	for token := ""; ; {
		var page granted
		w.mustGet(t, "/v1/mandates?page_size=3&page_token="+token, &page)
		for _, m := range page.Mandates {
			got = append(got, m.ID)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	for query, want := range map[string]int{"provider=axerve": 0, "provider=computop": 7, "payment_id=pm3": 1, "payment_id=none": 0} {
		var page granted
		w.mustGet(t, "/v1/mandates?"+query, &page)
		if len(page.Mandates) != want || page.Mandates == nil {
			t.Errorf("%s: %+v, want %d", query, page, want)
		}
	}
	for _, query := range []string{"provider=bank", "payment_id=a%20b", "page_token=x", "state=active"} {
		if r := w.get(t, reader, "/v1/mandates?"+query); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, r.status)
		}
	}
}
