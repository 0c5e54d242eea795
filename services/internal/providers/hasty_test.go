package providers_test

import (
	"errors"
	"testing"
	"time"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/services/internal/providers"
)

// TestHasty_NeverForRealMoney also leaves what others see of the capability as it is.
func TestHasty_NeverForRealMoney(t *testing.T) {
	t.Parallel()
	l := &live{mustBook(t, file)}
	plain := providers.Router(l, payment.Axerve, "https://notify.example")
	night := plain.Cap.Recovery[payment.Capture].Settle
	hasty := providers.Hasty(l, plain, time.Minute)
	if got := hasty.Capability().Recovery[payment.Capture].Settle; got != time.Minute || night <= time.Hour {
		t.Errorf("settle %v, was %v", got, night)
	}
	if got := hasty.Capability().Direct.Settle; got != time.Minute {
		t.Errorf("settle of charges %v", got)
	}
	if plain.Cap.Recovery[payment.Capture].Settle != night {
		t.Error("the router that it was made of is hasty, too")
	}
	if _, err := hasty.Client("demo", "hosted"); err != nil {
		t.Errorf("an account for tests: %v", err)
	}
	if _, err := hasty.Client("demo", "production"); !errors.Is(err, providers.ErrHasty) {
		t.Errorf("a live account: %v", err)
	}
}
