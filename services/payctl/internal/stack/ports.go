package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Free ports are sought below what kernels hand out to outgoing connections:
// a service that died must find its port free when it comes back.
const (
	lowestPort  = 15000
	highestPort = 31999
	portTries   = 200
)

// portFinder gives out each port once.
type portFinder struct{ taken map[int]bool }

func newPortFinder() *portFinder { return &portFinder{taken: map[int]bool{}} }

// take returns the wanted port, or a free one for 0.
func (f *portFinder) take(wanted int, who string) (int, error) {
	if wanted != 0 {
		if f.taken[wanted] || !listens(wanted) {
			return 0, fmt.Errorf("%w: port %d, for %s, is taken: end what listens there, or use --ports auto", ErrOptions, wanted, who)
		}
		f.taken[wanted] = true
		return wanted, nil
	}
	for range portTries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if !f.taken[port] && listens(port) {
			f.taken[port] = true
			return port, nil
		}
	}
	return 0, errors.New("no free port found")
}

// listens tells whether we could listen at a port of 127.0.0.1 just now.
func listens(port int) bool {
	l, err := net.Listen("tcp", local(port)) //nolint:noctx // a bind that is over at once
	if err != nil {
		return false
	}
	return l.Close() == nil
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func localURL(port int) string { return "http://" + local(port) }
