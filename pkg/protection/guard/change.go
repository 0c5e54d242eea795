package guard

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/payloom/payloom/pkg/payment"
)

// maxRaces is how often a change is tried that others keep coming before.
const maxRaces = 10

// errRaces means that others came first, every time.
var errRaces = errors.New("guard: others keep changing it")

// change replaces the value at key by what f makes of it, looking again when
// somebody else did so first. f is asked until it wins or says false, which leaves
// the value as it is.
func change[T any](ctx context.Context, s Store, key string, v versioned[T], f func(T) (T, bool)) (versioned[T], error) {
	for race := range maxRaces {
		next, changed := f(v.value)
		if !changed {
			return v, nil
		}
		data, err := json.Marshal(next)
		if err != nil {
			return v, err
		}
		rev, err := s.CompareAndSet(ctx, key, data, v.rev)
		if err == nil {
			return versioned[T]{next, rev}, nil
		}
		if !errors.Is(err, payment.ErrConflict) {
			return v, err
		}
		time.Sleep(rand.N(time.Millisecond << min(race, 5)))
		fresh, err := read[T](ctx, s, key)
		if err != nil {
			return v, err // what was known before: an open breaker must not look closed
		}
		v = fresh
	}
	return v, errRaces
}

func read[T any](ctx context.Context, s Store, key string) (versioned[T], error) {
	data, rev, err := s.Get(ctx, key)
	if err != nil {
		return versioned[T]{}, err
	}
	return decode[T](data, rev)
}
