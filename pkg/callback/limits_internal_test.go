package callback

import (
	"net/http"
	"strconv"
	"testing"
)

func TestSource(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		hops      int
		want      string
	}{
		"without proxies the connection tells":            {remote: "192.0.2.1:5000", forwarded: []string{"10.0.0.1"}, want: "192.0.2.1"},
		"behind one proxy its entry tells":                {remote: "10.0.0.9:1", forwarded: []string{"203.0.113.9, 192.0.2.1"}, hops: 1, want: "192.0.2.1"},
		"behind two it is the second from the right":      {remote: "10.0.0.9:1", forwarded: []string{"1.1.1.1, 192.0.2.1, 10.0.0.8"}, hops: 2, want: "192.0.2.1"},
		"several headers are one list":                    {remote: "10.0.0.9:1", forwarded: []string{"1.1.1.1", "192.0.2.1", "10.0.0.8"}, hops: 2, want: "192.0.2.1"},
		"a list that is too short is not believed":        {remote: "10.0.0.9:1", forwarded: []string{"1.1.1.1"}, hops: 2, want: "10.0.0.9"},
		"no list at all":                                  {remote: "10.0.0.9:1", hops: 1, want: "10.0.0.9"},
		"an entry with a port":                            {remote: "10.0.0.9:1", forwarded: []string{"192.0.2.1:443"}, hops: 1, want: "192.0.2.1"},
		"an IPv6 address counts by its network":           {remote: "[2001:db8:1:2:3:4:5:6]:443", want: "2001:db8:1:2::/64"},
		"an IPv6 entry in brackets":                       {remote: "10.0.0.9:1", forwarded: []string{"[2001:db8:1:2::1]"}, hops: 1, want: "2001:db8:1:2::/64"},
		"an IPv4 address in IPv6 clothes":                 {remote: "[::ffff:192.0.2.1]:443", want: "192.0.2.1"},
		"an entry that is no address is one for them all": {remote: "10.0.0.9:1", forwarded: []string{"unix:"}, hops: 1, want: "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{RemoteAddr: c.remote, Header: http.Header{}}
			for _, f := range c.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			if got := source(r, c.hops); got != c.want {
				t.Errorf("source is %s, want %s", got, c.want)
			}
		})
	}
}

func TestLimiter_RemembersABoundedNumber(t *testing.T) {
	t.Parallel()
	l := newLimiter(1)
	for i := range 10 * maxBuckets {
		l.allow(strconv.Itoa(i))
		l.allow("steady")
	}
	if n := len(l.young) + len(l.old); n > 2*maxBuckets {
		t.Errorf("%d sources are remembered, want at most %d", n, 2*maxBuckets)
	}
	if l.allow("steady") {
		t.Error("one that never stopped was forgotten")
	}
}

func TestLimiter_ZeroIsNone(t *testing.T) {
	t.Parallel()
	l := newLimiter(0)
	for range 1000 {
		if !l.allow("a") {
			t.Fatal("refused without a limit")
		}
	}
}
