package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
)

// CallbackAge is how long what came in by a callback can be read: as long as
// CALLBACKS keeps it.
const CallbackAge = 35 * day

// Erase destroys the data key of a payment for good, so that nobody can read its
// personal data any more, and nothing told of it later is kept. It returns false when
// that was done before; what an erasure that broke off has left is destroyed then.
// Programs that remember the key do so for a minute at most.
//
// The mark comes first, in the very place of the key: at no moment is there neither,
// when somebody would make another.
func (b *Bus) Erase(ctx context.Context, m payment.Merchant, id payment.ID) (bool, error) {
	e := b.subjectKey(m, id)
	defer b.keys.cache.drop(e)
	for {
		last, err := b.lastAtLeader(ctx, streamOf(e.bucket), e.subject())
		if err != nil {
			return false, err
		}
		if last.Seq > 0 && !last.live() {
			return false, b.destroyReplaced(ctx, e, last)
		}
		_, _, err = b.putKey(ctx, e, last.Seq, markOf(last), nil)
		if errors.Is(err, ErrConflict) {
			continue // a key was made, or wrapped anew
		}
		if err != nil || last.Seq == 0 {
			return err == nil, err
		}
		return true, b.destroy(ctx, e.bucket, last.Seq)
	}
}

// markOf returns the header of what takes the place of a key.
func markOf(key raw) nats.Header {
	return nats.Header{operationHeader: {purged}, replacesHeader: {strconv.FormatUint(key.Seq, 10)}}
}

// destroyReplaced destroys the key that a mark stands for, if it is there yet.
func (b *Bus) destroyReplaced(ctx context.Context, e keyEntry, mark raw) error {
	seq, err := strconv.ParseUint(mark.Header.Get(replacesHeader), 10, 64)
	if err != nil || seq == 0 {
		return nil //nolint:nilerr // there was no key, or it was destroyed first
	}
	return b.destroy(ctx, e.bucket, seq)
}

// destroy overwrites an entry with noise and deletes it. That it is gone already is no
// error.
func (b *Bus) destroy(ctx context.Context, bucket string, seq uint64) error {
	s, err := b.js.Stream(ctx, streamOf(bucket))
	if err != nil {
		return fmt.Errorf("%w: bucket %s: %w", ErrUnavailable, bucket, err)
	}
	err = s.SecureDeleteMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		// Whatever the reason was: what counts is whether it is there.
		left, lookErr := b.atLeader(ctx, streamOf(bucket), map[string]any{"seq": seq})
		if lookErr == nil && left.Seq == 0 {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("%w: destroy key: %w", ErrUnavailable, err)
	}
	return nil
}

// IsErased tells whether the key of a payment was destroyed, and whether there is one.
func (b *Bus) IsErased(ctx context.Context, m payment.Merchant, id payment.ID) (erased, sealed bool, err error) {
	e := b.subjectKey(m, id)
	last, err := b.lastAtLeader(ctx, streamOf(e.bucket), e.subject())
	return last.Seq > 0 && !last.live(), last.live(), err
}

// DestroyDayKeys destroys the keys of callbacks that came in more than CallbackAge
// before now, and returns their days.
func (b *Bus) DestroyDayKeys(ctx context.Context, now time.Time) ([]string, error) {
	var days []string
	err := b.eachKey(ctx, streamOf(dayBucket), func(m Message) error {
		at, err := time.Parse(time.DateOnly, lastToken(m.Subject))
		if err != nil || now.Sub(at) <= CallbackAge+day { // the day itself had callbacks to its end
			return nil //nolint:nilerr // no day: none of ours
		}
		if err := b.destroy(ctx, dayBucket, m.Seq); err != nil {
			return err
		}
		days = append(days, lastToken(m.Subject))
		return nil
	})
	return days, err
}

// SweepDayKeys destroys what is due, now and every hour until ctx ends.
func (b *Bus) SweepDayKeys(ctx context.Context, destroyed func(days []string, err error)) error {
	if !b.keys.on() {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		now, err := b.Now(ctx)
		var days []string
		if err == nil {
			days, err = b.DestroyDayKeys(ctx, now)
		}
		if len(days) > 0 || (err != nil && ctx.Err() == nil) {
			destroyed(days, err)
		}
		sleep(ctx, time.Hour)
	}
	return nil
}

// Rewrap wraps every data key anew that is not wrapped by the newest
// key-encryption key, and returns how many there were of all. After it an older one
// is needed no more.
func (b *Bus) Rewrap(ctx context.Context) (rewrapped, all int, err error) {
	if !b.keys.on() {
		return 0, 0, errNoDataKeys
	}
	for _, s := range b.keyStreams() {
		err := b.eachKey(ctx, s, func(m Message) error {
			all++
			changed, err := b.rewrap(ctx, strings.TrimPrefix(s, "KV_"), m)
			if changed {
				rewrapped++
			}
			return err
		})
		if err != nil {
			return rewrapped, all, err
		}
	}
	return rewrapped, all, nil
}

func (b *Bus) rewrap(ctx context.Context, bucket string, m Message) (bool, error) {
	e := keyEntry{bucket, strings.TrimPrefix(m.Subject, "$KV."+bucket+".")}
	old, err := seal.ParseWrapped(m.Data)
	if err != nil {
		return false, fmt.Errorf("%s: %w", e.name, err)
	}
	fresh, changed, err := old.Rewrap(ctx, b.keys.wrapper, e.subject())
	if err == nil && !changed {
		return false, nil
	}
	last, lookErr := b.lastAtLeader(ctx, streamOf(bucket), e.subject())
	if lookErr != nil {
		return false, lookErr
	}
	if last.Seq != m.Seq { // what a rotation or an erasure that broke off has left
		return false, b.destroy(ctx, bucket, m.Seq)
	}
	if err != nil {
		return false, err
	}
	return b.replaceKey(ctx, e, m.Seq, fresh)
}

// replaceKey stores a key as it is wrapped now in the place of the entry at seq, and
// destroys that. It returns false when the key was erased meanwhile.
func (b *Bus) replaceKey(ctx context.Context, e keyEntry, seq uint64, fresh seal.Wrapped) (bool, error) {
	data, err := fresh.Marshal()
	if err != nil {
		return false, err
	}
	_, _, err = b.putKey(ctx, e, seq, nats.Header{}, data)
	if errors.Is(err, ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, b.destroy(ctx, e.bucket, seq)
}

// eachKey hands over the entries of a bucket that hold a key.
func (b *Bus) eachKey(ctx context.Context, stream string, handle func(Message) error) error {
	return b.Follow(ctx, stream, FollowOptions{ToEnd: true}, func(_ context.Context, batch []Message) error {
		for _, m := range batch {
			if len(m.Header[operationHeader]) > 0 { //nolint:staticcheck // no HTTP header
				continue
			}
			if err := handle(m); err != nil {
				return err
			}
		}
		return nil
	})
}

func lastToken(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }
