// Package ipset holds sets of IP addresses: lists of offices that may log in,
// blocks of a country, reserved space. A list is read once, by one strict
// parser, into a value that never changes and answers in nanoseconds.
//
//	list, err := ipset.Parse("8.8.8.0/24", "8.8.4.1-8.8.4.20", "2606:4700::/32")
//	if err != nil {
//		return err // names every bad entry, with its place and how to mend it
//	}
//	if list.Contains(addr) {
//		// let the client in
//	}
//
// # What to use
//
//   - A [Range] is one entry of a list: an address, a prefix, or all from one
//     address to another. [ParseRange] reads one, and [Range.String] writes it
//     in canonical form.
//   - A [Set] is what a list compiles to. [Parse] and [Of] make one;
//     [Set.Contains] decides, [Set.Find] tells by which range.
//   - A [Map] is a Set with a value at each address, a country for instance.
//     [MapOf] makes one, [Map.Lookup] asks it.
//   - [ReadLines] reads a list as people keep it in files: an entry on each
//     line, and behind a # what it is.
//   - [PublicSpace] is the set of the addresses that a client on the Internet
//     can have. [SpecialPurpose] names what an entry touches that is not in it.
//   - [Canonical] is the address of a client, or the zero Addr where there is
//     none to decide about.
//
// # Strict text
//
// A list is only as good as what all its readers agree on. The parser takes
// 8.8.8.8, 8.8.8.0/24, 8.8.8.0/255.255.255.0, 8.8.8.1-8.8.8.20 and the same in
// IPv6, but for the mask, and refuses whatever another program could read in
// another way: leading zeros (octal to some), short forms, host bits beyond a
// prefix, ports, names, zones, digits that are not ASCII. Nothing is guessed,
// and a list with a bad entry gives no set at all, because an entry that was
// skipped in silence shuts people out or, in a blocklist, lets them in. A
// [ParseError] says what is wrong with an entry and how to mend it.
//
// What is printed parses back to the same value, so that canonical text may be
// stored and compared. All that is read is bounded: [MaxText], [MaxLineBytes],
// [MaxLines], [MaxBadLines], [MaxListBytes].
//
// # IPv4 inside IPv6
//
// A mapped address (::ffff:8.8.8.8) is IPv4 in another spelling, as a socket
// that serves both families reports it. It is always treated as the IPv4
// address that it spells, in entries and in questions, and zones
// (fe80::1%eth0) are refused in entries and ignored in questions. So all
// spellings of an address get one answer.
//
// Nothing else is unwrapped. An IPv4 address that NAT64, 6to4, Teredo, SIIT or
// the old compatible form carries inside an IPv6 one is a claim by whoever runs
// the gateway: such an address never satisfies an IPv4 entry and is never
// [Public]. An IPv6 range that happens to run over ::ffff:0:0/96, such as ::/0,
// is kept as it was written but holds no IPv4 address: the two families are
// apart, and 0.0.0.0/0 is all of IPv4.
//
// # Values that do not change
//
// A Range is a comparable value. A *Set and a *Map are immutable and may be
// used by any number of goroutines without a lock; to replace a list, compile
// a new one and store the pointer. Union, Minus and Intersect return new sets.
// The zero Range, a nil or zero Set and a nil or zero Map hold nothing, and no
// set holds the zero Addr: what was forgotten admits nobody. Looking up does
// not allocate. Making a Set or a Map of n entries takes O(n log n) steps.
package ipset
