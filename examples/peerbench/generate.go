package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
)

// generate makes up inputs where the public ones are not there. They are like
// them in number, in lengths and in crowding under some top bits, no more.
func (in *inputs) generate() error {
	in.routes = map[int][]netip.Prefix{4: generateRoutes(4, 300_000, in.seed(4)), 6: generateRoutes(6, 120_000, in.seed(6))}
	in.shuffle()
	for i, size := range []int{10, 500, 8000, 40_000} {
		for _, family := range families {
			in.clouds = append(in.clouds, namedList{"cluster", family, generateCluster(family, size, in.seed(i))})
		}
	}
	in.country = generateCountries(in.seed(0))
	dir, err := os.MkdirTemp("", "peerbench")
	if err != nil {
		return err
	}
	in.remove = func() { os.RemoveAll(dir) }
	in.countryAt = filepath.Join(dir, "country.mmdb")
	return os.WriteFile(in.countryAt, in.country, 0o600)
}

// generateRoutes draws n different prefixes. Real ones crowd: most of IPv4 is
// /24, and IPv6 lies under a few hundred blocks.
func generateRoutes(family, n int, d *rand.Rand) []netip.Prefix {
	blocks := make([]netip.Prefix, 300)
	for i := range blocks {
		blocks[i], _ = anywhere(6, d).Prefix(20)
	}
	seen := make(map[netip.Prefix]bool, n)
	list := make([]netip.Prefix, 0, n)
	for len(list) < n {
		a, bits := anywhere(family, d), 24
		if family == 6 {
			a, bits = within(blocks[d.IntN(len(blocks))], d), 48
		}
		if d.IntN(10) >= 6 {
			bits -= 1 + d.IntN(family*2)
		}
		if p, err := a.Prefix(bits); err == nil && !seen[p] {
			seen[p], list = true, append(list, p)
		}
	}
	return list
}

// generateCluster draws small prefixes under three blocks, as a provider has them.
func generateCluster(family, n int, d *rand.Rand) []netip.Prefix {
	list := make([]netip.Prefix, 0, n)
	for block := range 3 {
		top, _ := anywhere(family, d).Prefix(6 + family)
		for i := block; i < n; i += 3 {
			p, _ := within(top, d).Prefix(family*8 - d.IntN(family*2))
			list = append(list, p)
		}
	}
	return list
}

// generateCountries makes a country file: IPv4 in pieces of /16 to /20, IPv6 in
// /32, one in five without a country.
func generateCountries(d *rand.Rand) []byte {
	codes := []string{"", "KR", "JP", "US", "DE", "FR", "BR", "IN", "AU", "ZA"}
	w := newCountryFile()
	put := func(p netip.Prefix) {
		if d.IntN(5) > 0 {
			w.put(p, codes[1+d.IntN(len(codes)-1)])
		}
	}
	for i := 1; i < 224; i++ {
		for j := range 256 {
			deeper := d.IntN(5)
			for k := range 1 << deeper {
				a := netip.AddrFrom4([4]byte{byte(i), byte(j), byte(k << (8 - deeper)), 0})
				put(netip.PrefixFrom(a, 16+deeper))
			}
		}
	}
	for range 20_000 {
		p, err := anywhere(6, d).Prefix(32)
		if err != nil {
			panic(fmt.Sprint("a /32 of IPv6: ", err))
		}
		if !embedded(p.Addr()) {
			put(p)
		}
	}
	return w.bytes()
}
