package bus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/payloom/payloom/pkg/payment"
	"github.com/payloom/payloom/pkg/seal"
	"github.com/payloom/payloom/pkg/wire"
)

// Data keys live in buckets of the broker, beside what they seal: whoever can read
// a message can read its key, and payments need nothing else. An entry is a wrapped
// key, or says that there was one. See docs/adr/0015.

// dayBucket holds the keys of callbacks, by day.
const dayBucket = "payloom_day_keys"

// subjectBucket returns the name of the bucket that holds the keys of payments.
func subjectBucket(shard int) string { return "payloom_subject_keys_" + strconv.Itoa(shard) }

// streamOf returns the stream of a bucket, as every client of NATS names it.
func streamOf(bucket string) string { return "KV_" + bucket }

// keyEntry is where a data key is kept.
type keyEntry struct{ bucket, name string }

func (e keyEntry) subject() string { return "$KV." + e.bucket + "." + e.name }

// subjectKey returns where the key of a payment is kept.
func (b *Bus) subjectKey(m payment.Merchant, id payment.ID) keyEntry {
	return keyEntry{subjectBucket(payment.Shard(string(id), b.shards)), string(m) + "." + string(id)}
}

// dayKey returns where the key of the callbacks of a day is kept.
func dayKey(at time.Time) keyEntry { return keyEntry{dayBucket, at.UTC().Format(time.DateOnly)} }

// keys is what a bus knows of data keys. wrapper is nil when none are configured.
type keys struct {
	wrapper seal.Wrapper
	cache   *keyCache
}

func newKeys(entries []string) (*keys, error) {
	k := &keys{cache: newKeyCache()}
	if strings.Join(entries, "") == "" { // a variable that is set to nothing
		return k, nil
	}
	ring, err := seal.ParseRing(entries)
	if err != nil {
		return nil, err
	}
	k.wrapper = ring
	return k, nil
}

// on tells whether personal data is sealed.
func (k *keys) on() bool { return k.wrapper != nil }

// errNoDataKeys means that something is sealed and this program has no keys.
var errNoDataKeys = fmt.Errorf("%w: PAYLOOM_DATA_KEYS is not set", seal.ErrNoKey)

// SealsPersonalData says how personal data is stored, for readiness.
func (b *Bus) SealsPersonalData() string {
	if !b.keys.on() {
		return "no: PAYLOOM_DATA_KEYS is not set"
	}
	return "under key " + b.keys.wrapper.Newest()
}

// checkKeys returns ErrNotProvisioned when there are keys to wrap with and nowhere
// to keep what they wrap.
func (b *Bus) checkKeys(ctx context.Context) error {
	if !b.keys.on() {
		b.log.Warn("personal data is stored as it is: PAYLOOM_DATA_KEYS is not set")
		return nil
	}
	for _, s := range b.keyStreams() {
		_, err := b.js.Stream(ctx, s)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("%w: stream %s is missing", ErrNotProvisioned, s)
		}
		if err != nil {
			return fmt.Errorf("read stream %s: %w", s, err)
		}
	}
	return nil
}

// CheckKeys returns why this program cannot read what others seal, for readiness: the
// last key of a payment that was stored is none that it can unwrap. The error names
// the key-encryption key.
func (b *Bus) CheckKeys(ctx context.Context) error {
	for shard := range b.shards {
		bucket := subjectBucket(shard)
		if !b.keys.on() {
			s, err := b.js.Stream(ctx, streamOf(bucket))
			if err == nil && s.CachedInfo().State.Msgs > 0 {
				return fmt.Errorf("personal data is sealed: %w", errNoDataKeys)
			}
			continue
		}
		last, err := b.lastAtLeader(ctx, streamOf(bucket), "$KV."+bucket+".>")
		if err != nil || !last.live() {
			continue // whether the broker answers is another check's matter
		}
		wrapped, err := seal.ParseWrapped(last.Data)
		if err == nil {
			_, err = wrapped.Unwrap(ctx, b.keys.wrapper, last.Subject)
		}
		if err != nil {
			return fmt.Errorf("PAYLOOM_DATA_KEYS: %w", err)
		}
	}
	return nil
}

// keyStreams returns the streams of all buckets of data keys.
func (b *Bus) keyStreams() []string {
	return append(names(func(k int) string { return streamOf(subjectBucket(k)) }, b.shards), streamOf(dayBucket))
}

// keyFor returns the key to seal with, made and stored if there is none yet, or
// seal.ErrDestroyed: what was erased never gets another key. A key that is remembered
// may have been destroyed meanwhile; nobody reads what is sealed by it for longer than
// it is remembered.
func (b *Bus) keyFor(ctx context.Context, e keyEntry) (*seal.Key, error) {
	if k := b.keys.cache.get(e); k != nil {
		return k, nil
	}
	// What is read may be stale. That does no harm: a key is made only where the
	// broker agrees that there never was one, and marks are for ever.
	last, err := b.lastPatiently(ctx, streamOf(e.bucket), e.subject())
	if err != nil {
		return nil, err
	}
	if last.Seq > 0 {
		return b.keyIn(ctx, e, last)
	}
	return b.makeKey(ctx, e)
}

// keyIn returns the key that an entry holds, or seal.ErrDestroyed for a mark.
func (b *Bus) keyIn(ctx context.Context, e keyEntry, entry raw) (*seal.Key, error) {
	if !entry.live() {
		return nil, seal.ErrDestroyed
	}
	return b.unwrap(ctx, e, entry.Data)
}

// lastPatiently is last, tried until the broker answers or ctx ends: an outcome that
// is at hand waits for its key as it waits to be stored.
func (b *Bus) lastPatiently(ctx context.Context, stream, filter string) (raw, error) {
	for try := 0; ; try++ {
		last, err := b.last(ctx, stream, filter)
		if !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return last, err
		}
		sleep(ctx, pause(try))
	}
}

// live tells whether an entry of a bucket holds something.
func (r raw) live() bool { return r.Seq > 0 && r.Header.Get(operationHeader) == "" }

// Names in a bucket's headers, as every client of NATS writes them.
const (
	operationHeader = "KV-Operation"
	purged          = "PURGE"
)

// replacesHeader says in a mark at which sequence the key stands that it makes void.
const replacesHeader = "Payloom-Replaces"

// makeKey stores a new key where there never was one, without looking first: for
// what most probably has none yet. When another was first, that one serves, and when
// it was destroyed, none does.
func (b *Bus) makeKey(ctx context.Context, e keyEntry) (*seal.Key, error) {
	k, wrapped, err := seal.New(ctx, b.keys.wrapper, e.subject())
	if err != nil {
		return nil, err
	}
	data, err := wrapped.Marshal()
	if err != nil {
		return nil, err
	}
	_, first, err := b.putKey(ctx, e, 0, nats.Header{}, data)
	if errors.Is(err, ErrConflict) {
		return b.keyIn(ctx, e, first)
	}
	if err != nil {
		return nil, fmt.Errorf("store data key: %w", err)
	}
	b.keys.cache.put(e, k)
	return k, nil
}

// putKey stores an entry in the place of the one with sequence expect.
func (b *Bus) putKey(ctx context.Context, e keyEntry, expect uint64, h nats.Header, data []byte) (uint64, raw, error) {
	own := NewEventID()
	h.Set("Payloom-Write", own)
	return b.store(ctx, put{
		stream: streamOf(e.bucket), filter: e.subject(), expect: expect,
		msg:       &nats.Msg{Subject: e.subject(), Header: h, Data: data},
		mine:      func(r raw) bool { return r.Header.Get("Payloom-Write") == own },
		deletable: true,
	})
}

// unwrap returns the key that an entry holds, and remembers it.
func (b *Bus) unwrap(ctx context.Context, e keyEntry, data []byte) (*seal.Key, error) {
	wrapped, err := seal.ParseWrapped(data)
	if err != nil {
		return nil, err
	}
	k, err := wrapped.Unwrap(ctx, b.keys.wrapper, e.subject())
	if err != nil {
		return nil, err
	}
	b.keys.cache.put(e, k)
	return k, nil
}

// finder returns how the key of that entry is found by its id.
func (b *Bus) finder(ctx context.Context, e keyEntry) wire.Finder {
	return func(id string) (*seal.Key, error) { return b.findKey(ctx, e, id) }
}

// findKey returns the key of that id, or seal.ErrDestroyed. That is believed of the
// stream's leader only: a replica may not have the key yet.
func (b *Bus) findKey(ctx context.Context, e keyEntry, id string) (*seal.Key, error) {
	if !b.keys.on() {
		return nil, errNoDataKeys
	}
	if k := b.keys.cache.get(e); k != nil && k.ID() == id {
		return k, nil
	}
	for _, read := range []func(context.Context, string, string) (raw, error){b.last, b.lastAtLeader} {
		entry, err := read(ctx, streamOf(e.bucket), e.subject())
		if err != nil {
			return nil, err
		}
		if !entry.live() {
			continue
		}
		if k, err := b.unwrap(ctx, e, entry.Data); err != nil || k.ID() == id {
			return k, err
		}
	}
	return nil, seal.ErrDestroyed
}

// codeNoMessage is JetStream's error code for a message that is not there.
const codeNoMessage = 10037

// lastAtLeader is last, asked of the stream's leader, which is never stale.
func (b *Bus) lastAtLeader(ctx context.Context, stream, filter string) (raw, error) {
	return b.atLeader(ctx, stream, map[string]any{"last_by_subj": filter})
}

// atLeader returns the message that query names, sequence 0 when there is none.
func (b *Bus) atLeader(ctx context.Context, stream string, query map[string]any) (raw, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	body, err := json.Marshal(query)
	if err != nil {
		return raw{}, err
	}
	m, err := b.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, body)
	if err != nil {
		return raw{}, fmt.Errorf("%w: read %s: %w", ErrUnavailable, stream, err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Seq     uint64    `json:"seq"`
			Subject string    `json:"subject"`
			Time    time.Time `json:"time"`
			Header  string    `json:"hdrs"`
			Data    []byte    `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return raw{}, fmt.Errorf("read %s: %w", stream, err)
	}
	if answer.Error != nil && answer.Error.ErrorCode == codeNoMessage {
		return raw{}, nil
	}
	if answer.Error != nil {
		return raw{}, fmt.Errorf("%w: read %s: %w", ErrUnavailable, stream, answer.Error)
	}
	header, err := headerOf(answer.Message.Header)
	if err != nil {
		return raw{}, fmt.Errorf("read %s: header: %w", stream, err)
	}
	found := answer.Message
	return raw{Seq: found.Seq, Time: found.Time.UTC(), Subject: found.Subject, Header: header, Data: found.Data}, nil
}

func headerOf(encoded string) (nats.Header, error) {
	if encoded == "" {
		return nats.Header{}, nil
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	return nats.DecodeHeadersMsg(data)
}
