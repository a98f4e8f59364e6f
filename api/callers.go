package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// caller is the address that a limit is kept for: an IPv4 address, or the /64 that one customer of a provider has.
type caller struct {
	addr netip.Addr
}

// exempt tells that nothing is limited: on loopback is the operator's own machine, or a proxy that named nobody.
func (c caller) exempt() bool { return c.addr.IsLoopback() }

// String gives the address.
func (c caller) String() string { return c.addr.String() }

// CallerOf tells which address a call comes from, as far as it is known; of an IPv6 address the /64. true: from this
// machine, or through a proxy on it that named nobody.
func CallerOf(req *http.Request) (netip.Addr, bool) {
	c := callerOf(req)
	return c.addr, c.exempt()
}

// callerOf finds whom a call comes from. Only a proxy on loopback is believed about it, and only what it added itself:
// the last address of X-Forwarded-For.
func callerOf(req *http.Request) caller {
	c := callerAt(req.RemoteAddr)
	if !c.exempt() {
		return c
	}
	list := req.Header.Values("X-Forwarded-For")
	if len(list) == 0 {
		return c
	}
	last := list[len(list)-1]
	if addr, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); err == nil {
		return caller{group(addr)}
	}
	return c
}

// Caller gives the address that limits are kept for, as callers of the API have it: an IPv4 address, or the first of the
// /64 of an IPv6 one; "" on loopback, where nothing is limited.
func Caller(req *http.Request) string {
	c := callerOf(req)
	if c.exempt() {
		return ""
	}
	return c.String()
}

func callerAt(remote string) caller {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return caller{}
	}
	return caller{group(ap.Addr())}
}

func group(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() || a.IsLoopback() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}
