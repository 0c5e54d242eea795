package callback

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// MaxBody is the longest body that is read, in bytes. Callbacks of the known
// providers have a few kilobytes, and are decrypted before they are authentic.
const MaxBody = 64 << 10

// Limits say how much is taken from whom. A rate of 0 is none;
// nothing is negative.
type Limits struct {
	// SourceRate and EndpointRate are requests per second, with bursts of twice
	// as many, of one address and for one account. A provider calls from few
	// addresses.
	SourceRate   float64
	EndpointRate float64
	// UnprovenRate is the same for callbacks of one account that only the provider
	// can vouch for, or that make no sense. Strangers can make them: the rate bounds how often we ask the
	// provider because of them, and how fast they fill the stream while it cannot
	// be asked.
	UnprovenRate float64
	// TrustedProxies is how many proxies of ours stand before the receiver, each
	// of which appends to X-Forwarded-For. 0: the connection tells the source.
	TrustedProxies int
}

// maxBuckets bounds what strangers can make a limiter remember.
const maxBuckets = 4096

// limiter limits the rate of each of many keys. It may be used concurrently.
type limiter struct {
	limit rate.Limit

	mu sync.Mutex
	// Two generations: when the young one is full it becomes the old one, and
	// who was not heard of since is forgotten.
	young, old map[string]*rate.Limiter
}

func newLimiter(perSecond float64) *limiter {
	return &limiter{limit: rate.Limit(perSecond), young: map[string]*rate.Limiter{}}
}

// allow takes one request of key, or refuses it.
func (l *limiter) allow(key string) bool {
	return l.limit == 0 || l.bucket(key).Allow()
}

func (l *limiter) bucket(key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.young[key]
	if ok {
		return b
	}
	if b = l.old[key]; b == nil {
		b = rate.NewLimiter(l.limit, max(1, int(2*l.limit)))
	}
	if len(l.young) >= maxBuckets {
		l.young, l.old = map[string]*rate.Limiter{}, l.young
	}
	l.young[key] = b
	return b
}

// source returns the key of who sent r: an IPv4 address, or the /64 of an IPv6
// one, which is as much as one household or server gets. With hops proxies of ours
// in between it is the address that the outermost of them saw, counted from the
// right of X-Forwarded-For; what stands further left anybody can write there.
func source(r *http.Request, hops int) string {
	addr := r.RemoteAddr
	if hops > 0 {
		list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if len(list) >= hops && strings.TrimSpace(list[len(list)-hops]) != "" {
			addr = strings.TrimSpace(list[len(list)-hops])
		}
	}
	return network(addr)
}

func network(addr string) string {
	ip, err := netip.ParseAddr(strings.Trim(addr, "[]"))
	if err != nil {
		with, err := netip.ParseAddrPort(addr)
		if err != nil {
			return "unknown"
		}
		ip = with.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil {
		return "unknown"
	}
	return p.String()
}
