package main

import (
	"fmt"
	"net"
	"net/netip"
)

// listen opens addr. The host localhost opens the loopback address of each
// family that this machine has, on one port: on one machine these are two
// places to come from. It fails if one of the two is taken, for its visitors
// would reach another program.
func listen(addr string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("-addr %q: %w; write host:port, as in localhost:8080", addr, err)
	}
	hosts := []string{host}
	if host == "localhost" {
		hosts = loopback()
	}
	var open []net.Listener
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return nil, fmt.Errorf("%w\nIf another program has the port, choose a free one:\n\n\tgo run ./examples/loginserver -addr localhost:0", err)
		}
		open = append(open, l)
		port = fmt.Sprint(addrPort(l).Port()) // one port for both, also where 0 let the system choose
	}
	return open, nil
}

// loopback returns the loopback addresses that one can listen on here.
func loopback() []string {
	var hosts []string
	for _, host := range []string{"127.0.0.1", "::1"} {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err == nil {
			l.Close()
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"} // whose error tells more than none
	}
	return hosts
}

func addrPort(l net.Listener) netip.AddrPort {
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// place is where a person on this machine can reach the server, and so where
// that person comes from.
type place struct {
	netip.AddrPort
	Name string
}

func places(listeners []net.Listener) []place {
	var found []place
	for _, l := range listeners {
		ap := addrPort(l)
		if !ap.Addr().IsUnspecified() {
			found = append(found, placeAt(ap.Addr(), ap.Port()))
			continue
		}
		for _, host := range loopback() {
			found = append(found, placeAt(netip.MustParseAddr(host), ap.Port()))
		}
	}
	return found
}

func placeAt(a netip.Addr, port uint16) place {
	p := place{netip.AddrPortFrom(a.Unmap(), port), "you"}
	switch {
	case a == netip.IPv6Loopback():
		p.Name = "you at the office: the same machine, by IPv6"
	case a.IsLoopback():
		p.Name = "you at home"
	}
	return p
}
