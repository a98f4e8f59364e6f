package notify

import (
	"context"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// guard decides about an address at the moment it is dialled, after every name was resolved: a name that changes its
// address, a resolver that reads odd numbers, or one of several addresses cannot get around it.
type guard struct {
	allowPrivate bool
	own          Own
	list         *ssrf.Guardian
}

// refusal is why an address was not dialled, for the operator.
type refusal string

// Error gives the reason.
func (r refusal) Error() string { return string(r) }

func newGuard(allowPrivate bool, own Own) guard {
	return guard{allowPrivate: allowPrivate, own: own, list: ssrf.New(
		ssrf.WithAnyPort(),
		// Azure's host agent answers on an address that no registry calls private.
		ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix("168.63.129.16/32")),
	)}
}

// control is a net.Dialer's ControlContext: it runs for each address of each dial, before anything is sent.
func (g guard) control(ctx context.Context, network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return refusal("refused: not a TCP address")
	}
	if g.own != nil {
		if what := g.own(ctx, to); what != "" {
			return refusal("refused: " + to.String() + " is " + what)
		}
	}
	if g.allowPrivate || g.public(to.Addr()) {
		return nil
	}
	return refusal("refused: private address " + to.Addr().String())
}

// Public tells that an address belongs to the public internet: it is in no special-purpose registry of IANA, and for
// IPv6 it is global unicast. An IPv4 address that is wrapped in an IPv6 one is never public.
func Public(ip netip.Addr) bool { return newGuard(false, nil).public(ip) }

func (g guard) public(ip netip.Addr) bool { return g.list.SafeAddr(ip) == nil }
