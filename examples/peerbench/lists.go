package main

import (
	"fmt"
	"net/netip"
)

// lists hands out what look-ups, memory and building are measured on, one at a
// time: prefixes drawn from the routing table, all of it, and the clouds' lists.
func (b *bench) lists(use func(*list) error) error {
	for _, family := range families {
		all := b.in.routes[family]
		for i, n := range append(b.in.sizes, len(all)) {
			if b.quick && i%2 == 1 && n < len(all) {
				continue
			}
			name := fmt.Sprintf("IPv%d %s", family, thousands(float64(n)))
			if n > len(all) {
				continue
			} else if n == len(all) {
				name += " (all routes)"
			}
			l := b.listOf(name, family, all[:n])
			l.routes = true
			if err := use(l); err != nil {
				return err
			}
		}
	}
	for i, c := range b.in.clouds {
		if b.quick && i%8 != 0 {
			continue
		}
		name := fmt.Sprintf("%s IPv%d %s", c.name, c.family, thousands(float64(len(c.prefixes))))
		if err := use(b.listOf(name, c.family, c.prefixes)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) listOf(name string, family int, prefixes []netip.Prefix) *list {
	return &list{
		name:      name,
		family:    family,
		prefixes:  prefixes,
		elsewhere: b.in.routes[family],
		random:    b.in.seed(10*len(prefixes) + family),
	}
}

// publicRoutes returns up to n routes that an administrator may designate.
func (b *bench) publicRoutes(family, n int) []netip.Prefix {
	var found []netip.Prefix
	for _, p := range b.in.routes[family] {
		if len(found) == n {
			break
		}
		if designatable(p) {
			found = append(found, p)
		}
	}
	return found
}
