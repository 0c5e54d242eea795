package delivery

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// errBlocked means that an endpoint's name leads to an address that no message is
// sent to.
var errBlocked = errors.New("delivery: the address is not allowed")

// Guard says which addresses messages may be sent to: public ones, and what it
// names. A merchant chooses the URL, so whoever may set one must not reach what
// only we can reach. The check is made on the address that is dialled, after the
// name was resolved, so a name that leads elsewhere the second time gains nothing.
type Guard struct {
	// Loopback allows this machine's own addresses to merchants without a live
	// account.
	Loopback bool
	// Networks are allowed to all, such as that of order systems at the same place.
	Networks []netip.Prefix
}

// control returns the check for a net.Dialer. test tells whether the merchant has
// no live account.
func (g Guard) control(test bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: it is none", errBlocked)
		}
		if !g.allows(at.Addr(), test) {
			return errBlocked
		}
		return nil
	}
}

func (g Guard) allows(ip netip.Addr, test bool) bool {
	ip = ip.Unmap().WithZone("")
	switch {
	case slices.ContainsFunc(g.Networks, func(p netip.Prefix) bool { return p.Contains(ip) }):
		return true
	case ip.IsLoopback():
		return test && g.Loopback
	}
	return public(ip)
}

func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() &&
		!slices.ContainsFunc(special(), func(p netip.Prefix) bool { return p.Contains(ip) })
}

// special are the networks that the IANA registries of special purpose addresses
// call not globally reachable, or that lead to other addresses, beside those that
// net/netip knows.
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // carrier NAT
		netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
		netip.MustParsePrefix("::/96"),           // IPv4-compatible: leads to IPv4
		netip.MustParsePrefix("64:ff9b::/96"),    // NAT64: leads to IPv4
		netip.MustParsePrefix("64:ff9b:1::/48"),  // local NAT64
		netip.MustParsePrefix("100::/64"),        // discard
		netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("2002::/16"),       // 6to4: leads to IPv4
		netip.MustParsePrefix("3fff::/20"),       // documentation
		netip.MustParsePrefix("fec0::/10"),       // site local, once
	}
}
