package engine

import (
	"fmt"
	"net/netip"

	"github.com/sallyport-go/sallyport/geo"
)

// careful is the host's Locator. Where that panics, the country is not known, which no list
// of exempt countries has.
type careful struct {
	of    geo.Locator
	alarm func(error)
}

// Unwrap returns the host's Locator, by which package policy sees whether it has any data.
func (c *careful) Unwrap() geo.Locator { return c.of }

func (c *careful) Country(a netip.Addr) (country geo.Country) {
	defer func() {
		if r := recover(); r != nil {
			country = geo.Country{}
			c.alarm(fmt.Errorf("engine: the Locator panicked: %.200q", fmt.Sprint(r)))
		}
	}()
	return c.of.Country(a)
}
