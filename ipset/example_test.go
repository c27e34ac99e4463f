package ipset_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"go4.org/netipx"

	"github.com/sallyport-go/sallyport/ipset"
)

// An allowlist: parsed once, asked at each login.
func Example() {
	list, err := ipset.Parse("8.8.8.0/24", "2606:4700::/32")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, client := range []string{"8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1%eth0", "8.8.9.8"} {
		fmt.Println(client, list.Contains(netip.MustParseAddr(client)))
	}
	// Output:
	// 8.8.8.8 true
	// ::ffff:8.8.8.8 true
	// 2606:4700::1%eth0 true
	// 8.8.9.8 false
}

// A list with a bad entry gives no set; each bad entry is named by its place.
func ExampleParse() {
	set, err := ipset.Parse("8.8.8.0/24", "8.8.8.08", "8.8.4.9-8.8.4.1")
	fmt.Println(set == nil)
	fmt.Println(err)
	// Output:
	// true
	// entry 1: "8.8.8.08": not an IP address; write IPv4 as four numbers from 0 to 255 without leading zeros (8.8.8.8)
	// entry 2: "8.8.4.9-8.8.4.1": the last address is before the first; write 8.8.4.1-8.8.4.9
}

func ExampleParseRange() {
	for _, s := range []string{
		"8.8.8.8/32", "8.8.8.0/255.255.255.0", " 8.8.8.1 - 8.8.8.20 ", "8.8.8.0-8.8.8.255", "2606:4700:0:0:0:0:0:ABCD", "::ffff:8.8.8.8",
	} {
		r, err := ipset.ParseRange(s)
		fmt.Println(r, err)
	}
	// Output:
	// 8.8.8.8 <nil>
	// 8.8.8.0/24 <nil>
	// 8.8.8.1-8.8.8.20 <nil>
	// 8.8.8.0/24 <nil>
	// 2606:4700::abcd <nil>
	// 8.8.8.8 <nil>
}

// A program branches on the sentinel and shows the rest to a person.
func ExampleParseError() {
	_, err := ipset.ParseRange("8.8.8.8/24")
	var bad *ipset.ParseError
	if errors.As(err, &bad) {
		fmt.Println("entry:", bad.Input)
		fmt.Println("wrong:", bad.Err)
		fmt.Println("mend: ", bad.Hint)
	}
	fmt.Println(errors.Is(err, ipset.ErrHostBits))
	// Output:
	// entry: 8.8.8.8/24
	// wrong: bits are set beyond the prefix length
	// mend:  write 8.8.8.0/24 for the block or 8.8.8.8 for the one address
	// true
}

func ExampleRangeFrom() {
	r, err := ipset.RangeFrom(netip.MustParseAddr("8.8.8.0"), netip.MustParseAddr("8.8.9.255"))
	fmt.Println(r, err)
	_, err = ipset.RangeFrom(netip.MustParseAddr("8.8.9.255"), netip.MustParseAddr("8.8.8.0"))
	fmt.Println(err)
	// Output:
	// 8.8.8.0/23 <nil>
	// "8.8.9.255-8.8.8.0": the last address is before the first; write 8.8.8.0-8.8.9.255
}

func ExampleRangeOf() {
	fmt.Println(ipset.RangeOf(netip.MustParsePrefix("8.8.8.0/24")))
	fmt.Println(ipset.RangeOf(netip.MustParsePrefix("8.8.8.8/24")).IsZero()) // host bits: which block is meant?
	// Output:
	// 8.8.8.0/24
	// true
}

func ExampleRange_Contains() {
	r := ipset.MustParseRange("8.8.8.1-8.8.8.20")
	fmt.Println(r.From(), r.To(), r.Contains(netip.MustParseAddr("::ffff:8.8.8.20")))
	// Output: 8.8.8.1 8.8.8.20 true
}

// Documents keep ranges as text.
func ExampleRange_MarshalText() {
	var list []ipset.Range
	err := json.Unmarshal([]byte(`["8.8.8.0/255.255.255.0", "::ffff:8.8.4.4"]`), &list)
	b, _ := json.Marshal(list)
	fmt.Println(string(b), err)
	// Output: ["8.8.8.0/24","8.8.4.4"] <nil>
}

// The address of a client, or none.
func ExampleCanonical() {
	for _, s := range []string{"::ffff:8.8.8.8", "fe80::1%eth0", "::ffff:0.0.0.0"} {
		a := ipset.Canonical(netip.MustParseAddr(s))
		fmt.Println(a.IsValid(), a)
	}
	// Output:
	// true 8.8.8.8
	// true fe80::1
	// false invalid IP
}

func ExampleSet_Contains() {
	var nobody *ipset.Set
	office := ipset.MustParse("8.8.8.0/24")
	client := netip.MustParseAddr("8.8.8.255")
	fmt.Println(office.Contains(client), office.Contains(client.Next()), nobody.Contains(client))
	// Output: true false false
}

// Find tells by which range an address is in, merged with all that it touches.
func ExampleSet_Find() {
	set := ipset.Of(ipset.MustParseRange("8.8.8.128/25"), ipset.MustParseRange("8.8.8.0/25"), ipset.MustParseRange("8.8.9.1"))
	fmt.Println(set.Find(netip.MustParseAddr("8.8.8.8")))
	// Output: 8.8.8.0/24 true
}

func ExampleSet_Covers() {
	set := ipset.MustParse("8.8.8.0/24")
	for _, s := range []string{"8.8.8.0/25", "8.8.8.0/23", "8.8.9.0/24"} {
		r := ipset.MustParseRange(s)
		fmt.Println(r, "covered:", set.Covers(r), "overlapped:", set.Overlaps(r))
	}
	// Output:
	// 8.8.8.0/25 covered: true overlapped: true
	// 8.8.8.0/23 covered: false overlapped: true
	// 8.8.9.0/24 covered: false overlapped: false
}

// What a save would add and take away.
func ExampleSet_Minus() {
	before := ipset.MustParse("8.8.8.0/24", "2606:4700::/32")
	after := ipset.MustParse("8.8.8.0/25", "8.8.4.4")
	fmt.Println("added:  ", after.Minus(before))
	fmt.Println("removed:", before.Minus(after))
	fmt.Println("kept:   ", before.Intersect(after))
	fmt.Println("either: ", before.Union(after))
	// Output:
	// added:   8.8.4.4
	// removed: 8.8.8.128/25, 2606:4700::/32
	// kept:    8.8.8.0/25
	// either:  8.8.4.4, 8.8.8.0/24, 2606:4700::/32
}

func ExampleSet_Equal() {
	fmt.Println(ipset.MustParse("8.8.8.0/24").Equal(ipset.MustParse("8.8.8.128/25", "8.8.8.0-8.8.8.200")))
	// Output: true
}

func ExampleSet_All() {
	set := ipset.MustParse("2606:4700::/32", "8.8.8.9-8.8.8.20", "8.8.8.0/24", "8.8.4.1-8.8.4.5")
	fmt.Println(set.Len(), "ranges")
	for r := range set.All() {
		fmt.Println(r)
	}
	// Output:
	// 3 ranges
	// 8.8.4.1-8.8.4.5
	// 8.8.8.0/24
	// 2606:4700::/32
}

// For a router or a firewall that takes prefixes alone.
func ExampleSet_Prefixes() {
	for p := range ipset.MustParse("8.8.8.1-8.8.8.6").Prefixes() {
		fmt.Println(p)
	}
	// Output:
	// 8.8.8.1/32
	// 8.8.8.2/31
	// 8.8.8.4/31
	// 8.8.8.6/32
}

func ExampleFromIPSet() {
	var b netipx.IPSetBuilder
	b.AddPrefix(netip.MustParsePrefix("8.8.8.0/24"))
	b.RemovePrefix(netip.MustParsePrefix("8.8.8.0/26"))
	old, err := b.IPSet()
	if err != nil {
		fmt.Println(err)
		return
	}
	set := ipset.FromIPSet(old)
	fmt.Println(set, set.IPSet().Equal(old))
	// Output: 8.8.8.64-8.8.8.255 true
}

func ExampleMapOf() {
	networks := map[ipset.Range]string{
		ipset.MustParseRange("8.8.8.0/24"):     "office",
		ipset.MustParseRange("2606:4700::/32"): "data centre",
	}
	m, err := ipset.MapOf(maps.All(networks)) // in any order
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Lookup(netip.MustParseAddr("::ffff:8.8.8.8")))
	for r, name := range m.All() {
		fmt.Println(r, name)
	}
	networks[ipset.MustParseRange("8.8.8.0/25")] = "laboratory"
	_, err = ipset.MapOf(maps.All(networks))
	fmt.Println(err)
	// Output:
	// office true
	// 8.8.8.0/24 office
	// 2606:4700::/32 data centre
	// ipset: 8.8.8.0/25 and 8.8.8.0/24: overlapping ranges with different values
}

// Good and bad lines come side by side; a list with an error must not be saved.
func ExampleReadLines() {
	lines, err := ipset.ReadLines(strings.NewReader(`
# Offices, from the wiki
8.8.8.0/24        # Seoul
8.8.4.4/24        # Busan
2606:4700::/32    # Tokyo
`))
	for _, l := range lines {
		fmt.Printf("%d: %v (%s)\n", l.Number, l.Range, l.Label)
	}
	fmt.Println(err)
	// Output:
	// 3: 8.8.8.0/24 (Seoul)
	// 5: 2606:4700::/32 (Tokyo)
	// line 4, column 1: "8.8.4.4/24": bits are set beyond the prefix length; write 8.8.4.0/24 for the block or 8.8.4.4 for the one address
}

func ExampleSpecialPurpose() {
	fmt.Printf("%q\n", ipset.SpecialPurpose(ipset.MustParseRange("10.1.0.0/16")))
	fmt.Printf("%q\n", ipset.SpecialPurpose(ipset.MustParseRange("9.0.0.0-10.0.0.0"))) // touches it
	fmt.Printf("%q\n", ipset.SpecialPurpose(ipset.MustParseRange("8.8.8.0/24")))
	// Output:
	// "Private-Use"
	// "Private-Use"
	// ""
}

func ExampleSpecialPurposeBlock() {
	r := ipset.MustParseRange("9.255.255.0-10.0.0.255")
	if block, name := ipset.SpecialPurposeBlock(r); name != "" {
		fmt.Printf("%v touches %v (%s)\n", r, block, name)
	}
	// Output: 9.255.255.0-10.0.0.255 touches 10.0.0.0/8 (Private-Use)
}

// What a list of the clients of a public service may hold.
func ExamplePublicSpace() {
	for _, s := range []string{"8.8.8.0/24", "10.0.0.0/8", "192.0.0.0/8", "64:ff9b::808:808"} {
		fmt.Println(s, ipset.PublicSpace().Covers(ipset.MustParseRange(s)))
	}
	fmt.Println(ipset.Public(netip.MustParseAddr("2606:4700::1")))
	// Output:
	// 8.8.8.0/24 true
	// 10.0.0.0/8 false
	// 192.0.0.0/8 false
	// 64:ff9b::808:808 false
	// true
}
