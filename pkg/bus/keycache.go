package bus

import (
	"sync"
	"time"

	"github.com/payloom/payloom/pkg/seal"
)

const (
	// keyAge is how long a key may be remembered: as long a program may still read
	// what was erased meanwhile.
	keyAge = time.Minute
	// keysHeld is how many keys are remembered, at about half a kilobyte.
	keysHeld = 32_768
)

// keyCache remembers keys in two generations: what is in the older one was put in
// at least half an age ago, and goes with it.
type keyCache struct {
	mu     sync.Mutex
	young  map[keyEntry]*seal.Key
	old    map[keyEntry]*seal.Key
	turned time.Time
	now    func() time.Time
}

func newKeyCache() *keyCache {
	return &keyCache{young: map[keyEntry]*seal.Key{}, now: time.Now}
}

// get returns the key of an entry, nil when it is not remembered.
func (c *keyCache) get(e keyEntry) *seal.Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn()
	if k := c.young[e]; k != nil {
		return k
	}
	return c.old[e]
}

func (c *keyCache) put(e keyEntry, k *seal.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn()
	c.young[e] = k
	delete(c.old, e)
}

func (c *keyCache) drop(e keyEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, e)
	delete(c.old, e)
}

// turn begins a generation when the young one is half an age old, or full. The
// caller holds the lock.
func (c *keyCache) turn() {
	now := c.now()
	age := now.Sub(c.turned)
	switch {
	case age >= keyAge:
		c.young, c.old, c.turned = map[keyEntry]*seal.Key{}, nil, now
	case age >= keyAge/2 || len(c.young) >= keysHeld/2:
		c.young, c.old, c.turned = map[keyEntry]*seal.Key{}, c.young, now
	}
}
