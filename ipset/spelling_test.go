package ipset_test

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
)

// spelling is one way to write an address, or to build it.
type spelling struct {
	why  string
	addr netip.Addr
	text string // as an entry, "" if there is none
}

func written(why, text string) spelling {
	if strings.Contains(text, "%") { // no entry has a zone
		return spelling{why, addr(text), ""}
	}
	return spelling{why, addr(text), text}
}

// spellings returns a, which is neither mapped nor zoned, in every form that a
// socket, a header or a database may hand over.
func spellings(a netip.Addr) []spelling {
	list := []spelling{written("as netip prints it", a.String())}
	b := a.As16()
	if a.Is4() {
		high, low := int(b[12])<<8|int(b[13]), int(b[14])<<8|int(b[15])
		list = append(list,
			written("mapped, dotted", "::ffff:"+a.String()),
			written("mapped, hexadecimal", fmt.Sprintf("::ffff:%x:%x", high, low)),
			written("mapped, upper case", fmt.Sprintf("::FFFF:%X:%X", high, low)),
			written("mapped, long", fmt.Sprintf("0000:0000:0000:0000:0000:ffff:%04x:%04x", high, low)),
			written("mapped, long and dotted", "0:0:0:0:0:ffff:"+a.String()),
			written("mapped, zoned", "::ffff:"+a.String()+"%eth0"),
			spelling{"4 bytes", netip.AddrFrom4(a.As4()), ""},
		)
	} else {
		list = append(list,
			written("upper case", strings.ToUpper(a.String())),
			written("long", a.StringExpanded()),
			written("long, upper case", strings.ToUpper(a.StringExpanded())),
			written("the last two groups dotted", strings.Join(strings.Split(a.StringExpanded(), ":")[:6], ":")+":"+netip.AddrFrom4([4]byte(b[12:])).String()),
			written("zoned", a.String()+"%eth0"),
			written("zoned, upper case", strings.ToUpper(a.String())+"%3"),
			spelling{"a zone set apart", a.WithZone("x"), ""},
		)
	}
	fromNet, _ := netip.AddrFromSlice(net.ParseIP(a.String())) // 16 bytes in both families
	udp := net.UDPAddr{IP: net.ParseIP(a.String()), Port: 53}
	return append(list,
		spelling{"16 bytes", netip.AddrFrom16(b), ""},
		spelling{"16 bytes, zoned", netip.AddrFrom16(b).WithZone("eth0"), ""},
		spelling{"of a net.IP", fromNet, ""},
		spelling{"of a net.UDPAddr", udp.AddrPort().Addr(), ""},
	)
}

func TestGuarantee01SpellingsOfAnAddressGetOneAnswer(t *testing.T) {
	list := ranges("0.0.0.0", "8.8.8.0/24", "10.0.0.0/8", "255.255.255.255", "::1", "::8.8.8.8", "2606:4700::/32", "fe80::/10", "::ffff:0:1.2.3.0/120")
	set := ipset.Of(list...)
	named := map[ipset.Range]string{}
	for _, r := range list {
		named[r] = r.String()
	}
	values, err := ipset.MapOf(maps.All(named))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		addr           string
		in, ok, public bool
		why            string
	}{
		{"8.8.8.8", true, true, true, "in the list"},
		{"8.8.8.255", true, true, true, "the last of a range"},
		{"8.8.9.0", false, true, true, "the next after it"},
		{"10.1.2.3", true, true, false, "in the list, private"},
		{"192.168.1.1", false, true, false, "private"},
		{"0.0.0.0", true, false, false, "unspecified: a set may hold it, no client has it"},
		{"255.255.255.255", true, true, false, "the last IPv4 address"},
		{"2606:4700::1", true, true, true, "in the list"},
		{"2606:4700::abcd:ef01", true, true, true, "letters"},
		{"2606:4701::", false, true, true, "the next after it"},
		{"fe80::1", true, true, false, "link local, where zones are at home"},
		{"::", false, false, false, "unspecified"},
		{"::1", true, true, false, "loopback"},
		{"::8.8.8.8", true, true, false, "IPv4-compatible, in the list as such"},
		{"::ffff:0:1.2.3.4", true, true, false, "SIIT, in the list as such"},
		{"2001:db8::ffff:1.2.3.4", false, true, false, "ffff in the sixth group of another prefix is not mapped"},
	} {
		held, found := set.Find(addr(tt.addr))
		if found != tt.in {
			t.Fatalf("%s: Find = %v, %v, want %v: %s", tt.addr, held, found, tt.in, tt.why)
		}
		value, _ := values.Lookup(addr(tt.addr))
		canonical := netip.Addr{}
		if tt.ok {
			canonical = addr(tt.addr)
		}
		for _, s := range spellings(addr(tt.addr)) {
			fail := func(what string, got, want any) {
				t.Helper()
				t.Errorf("%s %s (%v): %s is %v, want %v: %s", tt.addr, s.why, s.addr, what, got, want, tt.why)
			}
			if got := set.Contains(s.addr); got != tt.in {
				fail("Contains", got, tt.in)
			}
			if got, ok := set.Find(s.addr); ok != tt.in || got != held {
				fail("Find", got, held)
			}
			if got, ok := values.Lookup(s.addr); ok != tt.in || got != value {
				fail("Lookup", got, value)
			}
			if got := ipset.Canonical(s.addr); got != canonical {
				fail("Canonical", got, canonical)
			}
			if got := ipset.Public(s.addr); got != tt.public {
				fail("Public", got, tt.public)
			}
			for _, r := range list {
				if got := r.Contains(s.addr); got != (r == held) {
					fail("Contains of "+r.String(), got, r == held)
				}
			}
		}
	}
}

// The spellings of an entry give one Range, and so one set.
func TestGuarantee01SpellingsOfAnEntryGiveOneRange(t *testing.T) {
	for _, a := range addrs("8.8.8.8", "0.0.0.0", "255.255.255.255", "2606:4700::abcd:ef01", "::", "::1", "::8.8.8.8", "fe80::1") {
		want := ipset.MustParseRange(a.String())
		parsed := 0
		for _, s := range spellings(a) {
			if s.text == "" {
				if text := s.addr.String(); s.addr.Zone() != "" {
					if r, err := ipset.ParseRange(text); err == nil {
						t.Errorf("%s: ParseRange(%q) = %v; an entry has no zone", s.why, text, r)
					}
				}
				continue
			}
			for _, text := range []string{s.text, " " + s.text + "\t", fmt.Sprintf("%s/%d", s.text, s.addr.BitLen()), s.text + "-" + s.text, s.text + " - " + a.String()} {
				r, err := ipset.ParseRange(text)
				if err != nil || r != want {
					t.Errorf("%s: ParseRange(%q) = %v, %v, want %v", s.why, text, r, err, want)
				}
				parsed++
			}
		}
		if parsed < 20 {
			t.Errorf("%v: only %d spellings were parsed", a, parsed)
		}
	}
}
