package httpgate

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

var errLongHop = fmt.Errorf("longer than %d bytes", MaxHopBytes)

// cutHop cuts the last hop off a line of X-Forwarded-For and reports whether there are more.
// It looks at no more bytes than a hop may have, so that a long line costs nothing.
func cutHop(line string) (hop, rest string, more bool, err error) {
	from := max(0, len(line)-MaxHopBytes-1)
	if i := strings.LastIndexByte(line[from:], ','); i >= 0 {
		return line[from+i+1:], line[:from+i], true, nil
	}
	return line[from:], "", false, nil // too long if there is more
}

// cutElement is cutHop for Forwarded, where a comma may stand between quotes. Read from the
// right, as a proxy appends to whatever a client sent: an open quote of the client swallows
// nothing. Of a well-formed line it makes what a reader from the left makes of it: there a
// quote between quotes has a backslash before it, and one that opens has a sign.
func cutElement(line string) (element, rest string, more bool, err error) {
	quoted := false
	for i := len(line); i > 0 && len(line)-i <= MaxHopBytes; i-- {
		switch c := line[i-1]; {
		case quoted && c == '"':
			quoted = i > 1 && line[i-2] == '\\'
		case c == '"':
			quoted = true
		case c == ',' && !quoted:
			return line[i:], line[:i-1], true, nil
		}
	}
	return line, "", false, nil
}

// maxPairs bounds the parameters of an element of Forwarded; RFC 7239 has four.
const maxPairs = 16

// parseElement reads the address of an element of Forwarded (RFC 7239, section 4), and
// refuses it all if any of it is malformed. Blanks around semicolons are passed over.
func parseElement(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, errors.New("empty")
	}
	var names []string
	node, found := "", false
	for s != "" {
		if s = strings.TrimLeft(s, " \t"); s != "" && s[0] == ';' {
			s = s[1:]
			continue
		}
		n := tokenLen(s)
		if n == 0 || n == len(s) || s[n] != '=' {
			return netip.Addr{}, fmt.Errorf("%s is not name=value", quote(s))
		}
		name := s[:n]
		value, rest, err := cutValue(s[n+1:])
		if err != nil {
			return netip.Addr{}, err
		}
		s = strings.TrimLeft(rest, " \t")
		if s != "" && s[0] != ';' {
			return netip.Addr{}, fmt.Errorf("%s follows a value", quote(s))
		}
		for _, other := range names {
			if strings.EqualFold(name, other) {
				return netip.Addr{}, fmt.Errorf("%s stands there twice", quote(name))
			}
		}
		if names = append(names, name); len(names) > maxPairs {
			return netip.Addr{}, fmt.Errorf("more than %d parameters", maxPairs)
		}
		if strings.EqualFold(name, "for") {
			node, found = value, true
		}
	}
	if !found {
		return netip.Addr{}, errors.New(`there is no "for"`)
	}
	if strings.Count(node, ":") > 1 && node[0] != '[' {
		return netip.Addr{}, fmt.Errorf("%s has no brackets, as RFC 7239 wants around IPv6", quote(node))
	}
	return parseHop(node)
}

// cutValue cuts a token or a quoted string off s and unquotes it.
func cutValue(s string) (value, rest string, err error) {
	if s == "" || s[0] != '"' {
		n := tokenLen(s)
		if n == 0 {
			return "", "", fmt.Errorf("%s is no value", quote(s))
		}
		return s[:n], s[n:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], nil
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("a quote is not closed")
}

// parseHop reads an address as proxies write it: bare, an IPv4 one with a port, an IPv6 one
// in brackets with or without. A zone is dropped: it means something to that proxy alone.
func parseHop(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, errors.New("empty")
	}
	host, port, hasPort := s, "", false
	inside, bracketed := strings.CutPrefix(s, "[")
	if bracketed {
		end := strings.IndexByte(inside, ']')
		if end < 0 {
			return netip.Addr{}, notAddress(s)
		}
		host, port = inside[:end], inside[end+1:]
		if port != "" {
			if port, hasPort = strings.CutPrefix(port, ":"); !hasPort {
				return netip.Addr{}, notAddress(s)
			}
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') {
		host, port, hasPort = s[:i], s[i+1:], true
	}
	if hasPort && !validPort(port) {
		return netip.Addr{}, notAddress(s)
	}
	host, zone, zoned := strings.Cut(host, "%")
	if zoned && !validZone(zone) {
		return netip.Addr{}, notAddress(s)
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || bracketed && !addr.Is6() {
		return netip.Addr{}, notAddress(s)
	}
	return addr, nil
}

func notAddress(s string) error {
	if strings.EqualFold(s, "unknown") || strings.HasPrefix(s, "_") {
		return fmt.Errorf("%s hides the address", quote(s))
	}
	return fmt.Errorf("%s is not an address", quote(s))
}

// validPort takes a port, and an obfuscated one of RFC 7239.
func validPort(s string) bool {
	hidden, ok := strings.CutPrefix(s, "_")
	if ok {
		return validZone(hidden) && !strings.Contains(hidden, "~")
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 5
}

// validZone takes what RFC 6874 lets stand unencoded.
func validZone(s string) bool {
	for i := range len(s) {
		if !letterOrDigit(s[i]) && !strings.ContainsRune("-._~", rune(s[i])) {
			return false
		}
	}
	return s != ""
}

func tokenLen(s string) int {
	n := 0
	for n < len(s) && tokenByte(s[n]) {
		n++
	}
	return n
}

// tokenByte reports whether c may stand in a token: RFC 9110, section 5.6.2.
func tokenByte(c byte) bool {
	return letterOrDigit(c) || c < 0x80 && strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

func letterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}
