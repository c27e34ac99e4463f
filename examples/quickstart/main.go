package main

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

func main() {
	_, p, err := policy.Decode([]byte(`{
		"access": "designated",
		"designated": [{"range": "8.8.8.0/24", "label": "Head office"}, {"range": "2606:4700::/32"}],
		"exceptions": [{"member": "lee", "note": "on the road"}]
	}`), policy.Standard(), nil)
	if err != nil {
		log.Fatal(err) // every problem at once, each with its path and how to mend it
	}
	for _, id := range []member.ID{"kim", "lee"} {
		for _, addr := range []string{"8.8.8.8", "::ffff:8.8.8.8", "9.9.9.9"} {
			d := p.Evaluate(policy.Attempt{
				Addr:   netip.MustParseAddr(addr),
				Client: session.Web,
				Member: &member.Member{ID: id, Status: member.Active},
			})
			fmt.Println(id, addr, d)
		}
	}
}
