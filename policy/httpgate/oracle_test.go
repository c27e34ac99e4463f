package httpgate_test

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/policy/httpgate"
)

// The plain implementation: no bounds but those that are promised, everything joined, split
// and matched with expressions written from the RFCs, quadratic where that is shorter.

var (
	slowBare     = regexp.MustCompile(`^([0-9A-Fa-f.:]+)(?:%[A-Za-z0-9._~-]+)?$`)
	slowIPv4Port = regexp.MustCompile(`^([0-9.]+)(?:%[A-Za-z0-9._~-]+)?:(?:[0-9]{1,5}|_[A-Za-z0-9._-]+)$`)
	slowBrackets = regexp.MustCompile(`^\[([0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*)(?:%[A-Za-z0-9._~-]+)?\](?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?$`)

	slowPair    = "(?:[!#$%&'*+.^_`|~A-Za-z0-9-]+=(?:[!#$%&'*+.^_`|~A-Za-z0-9-]+|" + `"(?:[^"\\]|\\(?s:.))*"))`
	slowElement = regexp.MustCompile(`^[ \t]*(?:` + slowPair + `)?(?:[ \t]*;[ \t]*(?:` + slowPair + `)?)*[ \t]*$`)
	slowPairs   = regexp.MustCompile("([!#$%&'*+.^_`|~A-Za-z0-9-]+)=([!#$%&'*+.^_`|~A-Za-z0-9-]+|" + `"(?:[^"\\]|\\(?s:.))*")`)
	slowEscape  = regexp.MustCompile(`\\((?s:.))`)
)

func slowHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	for _, form := range []*regexp.Regexp{slowBare, slowIPv4Port, slowBrackets} {
		if m := form.FindStringSubmatch(s); m != nil {
			if a, err := netip.ParseAddr(m[1]); err == nil {
				a = a.Unmap()
				return a, !a.IsUnspecified()
			}
		}
	}
	return netip.Addr{}, false
}

func slowForwarded(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	pairs := slowPairs.FindAllStringSubmatch(s, -1)
	if !slowElement.MatchString(s) || len(pairs) > 16 {
		return netip.Addr{}, false
	}
	values := map[string]string{}
	for _, p := range pairs {
		name := strings.ToLower(p[1])
		if _, twice := values[name]; twice {
			return netip.Addr{}, false
		}
		value := p[2]
		if value[0] == '"' {
			value = slowEscape.ReplaceAllString(value[1:len(value)-1], "$1")
		}
		values[name] = value
	}
	node := values["for"]
	if strings.Trim(node, " \t") != node || strings.Count(node, ":") > 1 && !strings.HasPrefix(node, "[") {
		return netip.Addr{}, false
	}
	return slowHop(node)
}

// slowResolve answers "" for an error.
func slowResolve(lines []string, forwarded bool) string {
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			if hops++; hops > httpgate.MaxHops {
				return ""
			}
			var hop string
			if !forwarded {
				all := strings.Split(rest, ",")
				hop = all[len(all)-1]
				rest, more = strings.Join(all[:len(all)-1], ","), len(all) > 1
			} else {
				// The last element is the shortest end after a comma that is one. No end that
				// begins between quotes is one: its quotes are odd.
				hop = rest
				cut := -1
				for j := len(rest) - 1; j >= 0; j-- {
					if rest[j] == ',' && slowElement.MatchString(rest[j+1:]) {
						hop, cut = rest[j+1:], j
						break
					}
				}
				more = cut >= 0
				rest = rest[:max(cut, 0)]
			}
			if len(hop) > httpgate.MaxHopBytes {
				return ""
			}
			read := slowHop
			if forwarded {
				read = slowForwarded
			}
			addr, ok := read(hop)
			if !ok {
				return ""
			}
			if !proxies.Contains(addr) {
				return addr.String()
			}
		}
	}
	return ""
}

func checkOracle(t *testing.T, r *httpgate.Resolver, header string, lines []string) {
	t.Helper()
	request := from("10.0.0.1:443")
	request.Header[header] = lines
	got, err := r.Resolve(request)
	text := ""
	if err == nil {
		text = got.Addr.String()
		if !got.Addr.IsValid() || proxies.Contains(got.Addr) || got.Addr.Is4In6() || got.Addr.Zone() != "" {
			t.Fatalf("%s %q: answered %v", header, lines, got.Addr)
		}
	} else if got.Addr.IsValid() {
		t.Fatalf("%s %q: %v beside %v", header, lines, got.Addr, err)
	}
	if want := slowResolve(lines, header == "Forwarded"); text != want {
		t.Fatalf("%s %q: %q, %v; the plain implementation has %q", header, lines, text, err, want)
	}
}

var pieces = map[string][]string{
	"X-Forwarded-For": {"8.8.8.8", "10.0.0.9", "::ffff:10.1.1.1", "fd00::5", "2606:4700::1", "[2606:4700::1]:80", "[fd00::1]", "9.9.9.9:1", "10.0.0.2:65000",
		"unknown", "_x", "", " ", "fe80::1%eth0", "0.0.0.0", "010.0.0.1", "\"", "%", ":", "]", "[", "x", "::", "\t"},
	"Forwarded": {"for=8.8.8.8", "for=10.0.0.9", `for="[fd00::1]:80"`, `for="[2606:4700::1]"`, `For="10.0.0.1:_a"`, "for=unknown", "for=_x", `for="\1.1.1.1"`,
		"proto=https", `x="a,b"`, `x="\""`, `x="\\"`, `x="a\",b"`, ";", " ; ", "", " ", `"`, `\`, "=", "for", `for="`, `y=";"`, "by=10.0.0.1"},
}

func TestOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	answers := map[string]int{}
	for header, words := range pieces {
		r := resolver(t, header)
		for range 15_000 {
			lines := make([]string, 1+rng.IntN(3))
			for i := range lines {
				var b strings.Builder
				for range rng.IntN(6) {
					b.WriteString(words[rng.IntN(len(words))])
					b.WriteString([]string{",", ", ", " ,", ";", ""}[rng.IntN(5)])
				}
				b.WriteString(words[rng.IntN(len(words)/2)])
				lines[i] = b.String()
			}
			checkOracle(t, r, header, lines)
			if slowResolve(lines, header == "Forwarded") != "" {
				answers[header]++
			}
		}
		if answers[header] < 1500 {
			t.Errorf("%s: %d chains of 15,000 had an answer; the test says little", header, answers[header])
		}
	}
	xff, forwarded := resolver(t, "X-Forwarded-For"), resolver(t, "Forwarded")
	// Long chains, about the bounds.
	for n := 28; n < 36; n++ {
		checkOracle(t, xff, "X-Forwarded-For", []string{"8.8.8.8" + strings.Repeat(",10.0.0.9", n)})
		checkOracle(t, forwarded, "Forwarded", []string{"for=8.8.8.8" + strings.Repeat(`,for=10.0.0.9;x="a,\"b"`, n)})
	}
	for n := 1000; n < 1040; n++ {
		checkOracle(t, xff, "X-Forwarded-For", []string{"1.1.1.1," + strings.Repeat(" ", n) + "8.8.8.8"})
		checkOracle(t, xff, "X-Forwarded-For", []string{strings.Repeat(" ", n) + "8.8.8.8"})
		checkOracle(t, forwarded, "Forwarded", []string{`for=1.1.1.1,for=8.8.8.8;x="` + strings.Repeat(",", n) + `"`})
		checkOracle(t, forwarded, "Forwarded", []string{`for=8.8.8.8;x="` + strings.Repeat(`\"`, n/2) + `"`})
	}
}

func fuzzHeader(f *testing.F, header string) {
	for _, word := range pieces[header] {
		f.Add(word, word)
		f.Add("1.1.1.1, "+word, pieces[header][1]+","+word)
	}
	r := resolver(f, header)
	f.Fuzz(func(t *testing.T, first, second string) {
		if len(first)+len(second) > 1<<13 {
			return // the plain implementation is slow
		}
		checkOracle(t, r, header, []string{first, second})
		checkOracle(t, r, header, []string{second})
	})
}

func FuzzXForwardedFor(f *testing.F) { fuzzHeader(f, "X-Forwarded-For") }
func FuzzForwarded(f *testing.F)     { fuzzHeader(f, "Forwarded") }

// F34: work is bounded, whatever the size of the header.
func TestGuarantee05HeaderOfAMebibyte(t *testing.T) {
	const size = 1 << 20
	for _, tt := range []struct{ header, unit, why string }{
		{"X-Forwarded-For", "1", "one hop"},
		{"X-Forwarded-For", ",", "empty hops"},
		{"X-Forwarded-For", "10.0.0.9,", "proxies"},
		{"X-Forwarded-For", " ", "blanks"},
		{"Forwarded", "1", "one hop"},
		{"Forwarded", `"`, "quotes"},
		{"Forwarded", `\`, "backslashes"},
		{"Forwarded", `\"`, "escaped quotes"},
		{"Forwarded", `\\"`, "more of them"},
		{"Forwarded", "for=10.0.0.9,", "proxies"},
		{"Forwarded", ";", "empty pairs"},
		{"Forwarded", "a=b;", "pairs"},
		{"X-Real-Ip", "1", "one hop"},
		{"X-Real-Ip", ":", "colons"},
		{"X-Real-Ip", " ", "blanks"},
	} {
		r := resolver(t, tt.header)
		one := from("10.0.0.1:443", tt.header, strings.Repeat(tt.unit, size/len(tt.unit)))
		many := from("10.0.0.1:443")
		many.Header[tt.header] = make([]string, 1<<16)
		for i := range many.Header[tt.header] {
			many.Header[tt.header][i] = tt.unit
		}
		for of, request := range map[string]*http.Request{"one line": one, "many lines": many} {
			const runs = 20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs { // what is quadratic would not come back
				if got, err := r.Resolve(request); err == nil {
					t.Fatalf("%s of %s in %s is answered: %v", tt.header, tt.why, of, got.Addr)
				}
			}
			runtime.ReadMemStats(&after)
			if bytes := (after.TotalAlloc - before.TotalAlloc) / runs; bytes > 64<<10 {
				t.Errorf("%s of %s in %s: %d bytes allocated", tt.header, tt.why, of, bytes)
			}
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	for _, bench := range []struct{ name, header, value string }{
		{"direct", "", ""},
		{"one", "X-Forwarded-For", "8.8.8.8"},
		{"three", "X-Forwarded-For", "8.8.8.8, 10.0.0.3, 10.0.0.2"},
		{"forwarded", "Forwarded", `for="[2606:4700::1]:80";proto=https`},
		{"mebibyte", "X-Forwarded-For", strings.Repeat("1.1.1.1,", 1<<17) + "8.8.8.8"},
		{"quotes", "Forwarded", strings.Repeat(`\"`, 1<<19) + ",for=8.8.8.8"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r, request := resolver(b, bench.header), from("10.0.0.1:443", "X-Forwarded-For", "8.8.8.8")
			if bench.header == "" {
				request.RemoteAddr = "8.8.8.8:443"
			} else {
				request.Header = map[string][]string{bench.header: {bench.value}}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Resolve(request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
