package httpgate_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy/httpgate"
)

// proxies are those of the corpus.
var proxies = ipset.MustParse("10.0.0.0/8", "fd00::/8")

func resolver(t testing.TB, header string) *httpgate.Resolver {
	t.Helper()
	r, err := httpgate.NewResolver(httpgate.Options{Proxies: proxies, Header: header})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// from is a request from a peer with header lines as name, value, name, value.
func from(peer string, header ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = peer
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// seen tells in a word what was resolved: the address, or "error".
func seen(s httpgate.Seen, err error) string {
	switch {
	case err != nil && s.Addr.IsValid():
		return fmt.Sprintf("%v beside an error", s.Addr)
	case err != nil:
		return "error"
	}
	return s.Addr.String()
}

// asForwarded says in Forwarded what is said in X-Forwarded-For.
func asForwarded(value string) string {
	hops := strings.Split(value, ",")
	for i, hop := range hops {
		if hop = strings.Trim(hop, " \t"); strings.Count(hop, ":") > 1 && hop[0] != '[' {
			hop = "[" + hop + "]"
		}
		hops[i] = "for=" + strconv.Quote(hop)
	}
	return strings.Join(hops, ",")
}

// Every row of context xff of the corpus, as X-Forwarded-For and as Forwarded.
func TestCorpusForwardedFor(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "corpus", "addresses.tsv")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("%s is not beside the project: %v", path, err)
	}
	rows := 0
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if f[0] != "xff" {
			continue
		}
		rows++
		var input string
		if err := json.Unmarshal([]byte(f[1]), &input); err != nil || len(f) != 4 {
			t.Fatalf("%q: %v", line, err)
		}
		peer, value := "10.0.0.1:443", input
		if rest, ok := strings.CutPrefix(input, "peer="); ok {
			host, header, _ := strings.Cut(rest, " ")
			peer, value = host+":443", header
		}
		got, err := resolver(t, httpgate.XForwardedFor).Resolve(from(peer, "X-Forwarded-For", value))
		if seen(got, err) != f[2] {
			t.Errorf("%s: %v, %v; want %s: %s", f[1], got.Addr, err, f[2], f[3])
		}
		got, err = resolver(t, httpgate.Forwarded).Resolve(from(peer, "Forwarded", asForwarded(value)))
		if seen(got, err) != f[2] {
			t.Errorf("%s as Forwarded: %v, %v; want %s: %s", f[1], got.Addr, err, f[2], f[3])
		}
	}
	if rows == 0 {
		t.Fatal("the corpus has no row of context xff")
	}
}

func TestGuarantee09PeerFirst(t *testing.T) {
	for _, tt := range []struct {
		peer, want, why string
	}{
		{"9.9.9.9:1", "9.9.9.9", "not declared"},
		{"[2606:4700::9]:1", "2606:4700::9", "not declared, IPv6"},
		{"[::ffff:9.9.9.9]:1", "9.9.9.9", "not declared, mapped"},
		{"11.0.0.0:1", "11.0.0.0", "one above what is declared"},
		{"9.255.255.255:1", "9.255.255.255", "one below"},
		{"192.168.0.1:1", "192.168.0.1", "private is not declared"},
		{"127.0.0.1:1", "127.0.0.1", "loopback is not declared"},
		{"[::a00:1]:1", "::a00:1", "IPv4-compatible is another address"},
		{"10.0.0.1:1", "8.8.8.8", "declared"},
		{"10.255.255.255:1", "8.8.8.8", "declared, the last"},
		{"[::ffff:10.0.0.1]:1", "8.8.8.8", "declared, mapped"},
		{"[fd00::1%eth0]:1", "8.8.8.8", "declared, with a zone"},
	} {
		for _, header := range []string{"X-Forwarded-For", "X-Real-IP"} {
			got, err := resolver(t, header).Resolve(from(tt.peer, header, "8.8.8.8"))
			if seen(got, err) != tt.want {
				t.Errorf("%s from %s: %v, %v; want %s: %s", header, tt.peer, got.Addr, err, tt.want, tt.why)
			}
			declared := tt.want == "8.8.8.8"
			if (got.Ignored == "") != declared {
				t.Errorf("%s from %s: told as ignored: %q", header, tt.peer, got.Ignored)
			}
		}
	}
}

func TestGuarantee09IgnoredHeaderIsTold(t *testing.T) {
	for _, tt := range []struct {
		header  []string
		ignored string
		why     string
	}{
		{nil, "", "there was none"},
		{[]string{"User-Agent", "x"}, "", "nothing about addresses"},
		{[]string{"X-Forwarded-For", "8.8.8.8"}, "X-Forwarded-For", "a proxy that is not declared"},
		{[]string{"x-forwarded-for", ""}, "X-Forwarded-For", "an empty one too"},
		{[]string{"Forwarded", "for=8.8.8.8"}, "Forwarded", "likewise"},
		{[]string{"X-Real-IP", "8.8.8.8"}, "X-Real-Ip", "likewise"},
		{[]string{"CF-Connecting-IP", "8.8.8.8"}, "Cf-Connecting-Ip", "likewise"},
		{[]string{"True-Client-IP", "8.8.8.8"}, "True-Client-Ip", "likewise"},
		{[]string{"Fly-Client-IP", "8.8.8.8"}, "Fly-Client-Ip", "the one that was named"},
	} {
		named, err := httpgate.NewResolver(httpgate.Options{Header: "Fly-Client-IP"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := named.Resolve(from("9.9.9.9:1", tt.header...))
		if err != nil || got.Ignored != tt.ignored || got.Addr.String() != "9.9.9.9" || got.Told != "connection" {
			t.Errorf("%q: %+v, %v; want %q: %s", tt.header, got, err, tt.ignored, tt.why)
		}
	}
}

// A proxy before the declared ones that is not declared itself: what it says is not believed,
// and told, since its address counts as everybody's.
func TestGuarantee09IgnoredHopsAreTold(t *testing.T) {
	for _, tt := range []struct {
		header    string
		lines     []string
		want, why string
	}{
		{"X-Forwarded-For", []string{"9.9.9.9"}, "", "all of it was believed"},
		{"X-Forwarded-For", []string{"9.9.9.9, 10.0.0.2"}, "", "likewise"},
		{"X-Forwarded-For", []string{"9.9.9.9", "10.0.0.2"}, "", "likewise, in two lines"},
		{"X-Forwarded-For", []string{"1.1.1.1, 9.9.9.9"}, "X-Forwarded-For", "9.9.9.9 says so"},
		{"X-Forwarded-For", []string{"1.1.1.1", "9.9.9.9, 10.0.0.2"}, "X-Forwarded-For", "likewise, in a line before"},
		{"X-Forwarded-For", []string{",9.9.9.9"}, "X-Forwarded-For", "whatever it says"},
		{"Forwarded", []string{"for=9.9.9.9"}, "", "all of it was believed"},
		{"Forwarded", []string{`for=unknown, for="9.9.9.9:80"`}, "Forwarded", "9.9.9.9 says so"},
		{"X-Real-IP", []string{"9.9.9.9"}, "", "it holds no hops"},
	} {
		var lines []string
		for _, line := range tt.lines {
			lines = append(lines, tt.header, line)
		}
		got, err := resolver(t, tt.header).Resolve(from("10.0.0.1:443", lines...))
		if err != nil || got.Addr.String() != "9.9.9.9" || got.Ignored != tt.want {
			t.Errorf("%s %q: %+v, %v; want %q: %s", tt.header, tt.lines, got, err, tt.want, tt.why)
		}
	}
}

func TestGuarantee09RightToLeft(t *testing.T) {
	got, err := resolver(t, "X-Forwarded-For").Resolve(from("10.0.0.1:443", "X-Forwarded-For", "1.1.1.1, 8.8.8.8, 10.0.0.3", "X-Forwarded-For", "10.0.0.2"))
	want := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")}
	if err != nil || got.Addr.String() != "8.8.8.8" || !slices.Equal(got.Via, want) || got.Peer != want[0] {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGuarantee09UnreadableHop(t *testing.T) {
	for _, header := range []struct{ name, good, bad string }{
		{"X-Forwarded-For", "8.8.8.8", "garbage"},
		{"Forwarded", "for=8.8.8.8", "for=garbage"},
	} {
		r := resolver(t, header.name)
		for _, value := range []string{header.bad, header.good + "," + header.bad, header.good + ","} {
			got, err := r.Resolve(from("10.0.0.1:443", header.name, value))
			if seen(got, err) != "error" {
				t.Errorf("%s %q: %v, %v; want an error", header.name, value, got.Addr, err)
			}
			if addr := r.ClientAddr(from("10.0.0.1:443", header.name, value)); addr.IsValid() {
				t.Errorf("%s %q: ClientAddr is %v; want none", header.name, value, addr)
			}
		}
		if addr := r.ClientAddr(from("10.0.0.1:443", header.name, header.good)); addr.String() != "8.8.8.8" {
			t.Errorf("%s: ClientAddr is %v", header.name, addr)
		}
	}
}

func TestGuarantee09ProxyIsNeverTheAnswer(t *testing.T) {
	for _, tt := range []struct {
		header string
		lines  []string
		why    string
	}{
		{"X-Forwarded-For", nil, "the proxy itself asks, for its health check say"},
		{"X-Forwarded-For", []string{"X-Forwarded-For", "10.0.0.2"}, "another proxy"},
		{"X-Forwarded-For", []string{"X-Forwarded-For", "10.0.0.1"}, "itself"},
		{"Forwarded", []string{"Forwarded", `for="[fd00::1]"`}, "another proxy"},
		{"CF-Connecting-IP", []string{"CF-Connecting-IP", "::ffff:10.0.0.2"}, "another proxy, mapped"},
		{"", []string{"X-Forwarded-For", "8.8.8.8"}, "no header was named"},
	} {
		got, err := resolver(t, tt.header).Resolve(from("10.0.0.1:443", tt.lines...))
		if seen(got, err) != "error" {
			t.Errorf("%s %q: %v, %v; want an error: %s", tt.header, tt.lines, got.Addr, err, tt.why)
		}
	}
}

func TestGuarantee09NothingDeclared(t *testing.T) {
	named, err := httpgate.NewResolver(httpgate.Options{Header: "X-Forwarded-For"})
	if err != nil {
		t.Fatal(err)
	}
	zero, err := httpgate.NewResolver(httpgate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	empty, err := httpgate.NewResolver(httpgate.Options{Proxies: ipset.Of(), Header: "Forwarded"})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*httpgate.Resolver{"nil": nil, "zero": new(httpgate.Resolver), "named": named, "no options": zero, "empty set": empty} {
		for peer, want := range map[string]string{"10.0.0.1:443": "10.0.0.1", "[::ffff:8.8.4.4]:1": "8.8.4.4", "[fe80::1%eth0]:1": "fe80::1"} {
			got, err := r.Resolve(from(peer, "X-Forwarded-For", "8.8.8.8", "Forwarded", "for=8.8.8.8"))
			if seen(got, err) != want || got.Ignored == "" || len(got.Via) != 0 {
				t.Errorf("%s resolver, peer %s: %+v, %v; want %s", name, peer, got, err, want)
			}
		}
	}
}

func TestGuarantee09WholeFamilyIsNoProxy(t *testing.T) {
	for _, tt := range []struct {
		proxies []string
		ok      bool
		why     string
	}{
		{[]string{"0.0.0.0/0"}, false, "all of IPv4"},
		{[]string{"::/0"}, false, "all of IPv6"},
		{[]string{"0.0.0.0/1", "128.0.0.0/1"}, false, "all of IPv4 in halves"},
		{[]string{"10.0.0.0/8", "::/0"}, false, "all of IPv6 beside something"},
		{[]string{"2000::/3"}, false, "all of IPv6 that clients have"},
		{[]string{"1.0.0.0-223.255.255.255"}, false, "all of IPv4 that clients have"},
		{[]string{"0.0.0.0/1"}, false, "half of IPv4"},
		{[]string{"0.0.0.0-8.8.8.7", "8.8.8.9-255.255.255.255"}, false, "all of IPv4 but an address"},
		{[]string{"2000::/5", "2600::/8"}, false, "much of IPv6"},
		{[]string{"::ffff:0:0/96"}, false, "all of IPv4 in another spelling"},
		{[]string{"fc00::/7", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"}, true, "private networks"},
		{[]string{"2606:4700::/32", "104.16.0.0/13"}, true, "an edge"},
	} {
		set, err := ipset.Parse(tt.proxies...)
		if err != nil {
			t.Errorf("%q: %v", tt.proxies, err)
			continue
		}
		r, err := httpgate.NewResolver(httpgate.Options{Proxies: set, Header: "X-Forwarded-For"})
		if (err == nil) != tt.ok || (r == nil) == tt.ok {
			t.Errorf("%q: %v, %v; %s", tt.proxies, r, err, tt.why)
		}
	}
}

func TestNewResolverRefusesHeaders(t *testing.T) {
	for _, tt := range []struct{ header, why string }{
		{"X Forwarded For", "blanks"},
		{"X-Forwarded-For:", "a colon"},
		{"X-Forwarded-For, Forwarded", "two"},
		{"X-Forwarded-För", "not ASCII"},
		{"X\r\nY", "line ends"},
		{"CloudFront-Viewer-Address", "it holds a port without brackets"},
	} {
		if r, err := httpgate.NewResolver(httpgate.Options{Header: tt.header}); err == nil || r != nil {
			t.Errorf("%q is taken: %s", tt.header, tt.why)
		}
	}
}

// RemoteAddr is what the server wrote, or something has altered it.
func TestRemoteAddr(t *testing.T) {
	for _, tt := range []struct{ remote, want, why string }{
		{"8.8.8.8:443", "8.8.8.8", "as the server writes it"},
		{"[2606:4700::1]:443", "2606:4700::1", "as the server writes it"},
		{"8.8.8.8", "error", "middleware that writes headers into it leaves the port out"},
		{"", "error", "nothing"},
		{"@", "error", "a Unix socket without ConnContext"},
		{"localhost:80", "error", "a name"},
		{"0.0.0.0:80", "error", "unspecified"},
		{"[::]:80", "error", "unspecified"},
		{"8.8.8.8:99999", "error", "no port"},
		{"8.8.8.8:80\n", "error", "not by a server"},
	} {
		var r *httpgate.Resolver
		got, err := r.Resolve(from(tt.remote))
		if seen(got, err) != tt.want {
			t.Errorf("%q: %v, %v; want %s: %s", tt.remote, got.Addr, err, tt.want, tt.why)
		}
	}
	var r *httpgate.Resolver
	if _, err := r.Resolve(nil); err == nil {
		t.Error("no request has an address")
	}
	if _, err := r.ResolveConn(nil); err == nil {
		t.Error("no connection has an address")
	}
}

func TestGuarantee28ErrorsOfTheResolver(t *testing.T) {
	evil := "x\n\x1b[31m\u202e%d%s" + strings.Repeat("A", 500)
	for _, r := range []*http.Request{
		from("10.0.0.1:443", "X-Forwarded-For", evil), from("10.0.0.1:443", "X-Forwarded-For", "["+evil), from(evil),
		from("10.0.0.1:443", "X-Forwarded-For", "unknown"+evil), from("10.0.0.1:443", "X-Forwarded-For", "_"+evil),
	} {
		for _, header := range []string{"X-Forwarded-For", "Forwarded"} {
			r.Header.Set("Forwarded", r.Header.Get("X-Forwarded-For"))
			_, err := resolver(t, header).Resolve(r)
			if err == nil {
				t.Errorf("%q is taken", r.Header)
				continue
			}
			if m := err.Error(); strings.ContainsAny(m, "\n\x1b\u202e") || strings.Contains(m, "MISSING") || len(m) > 500 {
				t.Errorf("%d bytes, %.600q", len(m), m)
			}
		}
	}
}

func TestErrorsOfTheResolverSayWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		header  string
		request *http.Request
		says    string
	}{
		{"", from("10.0.0.1:1", "X-Forwarded-For", "8.8.8.8"), "name the header that it writes in Options.Header"},
		{"X-Forwarded-For", from("10.0.0.1:1"), "X-Forwarded-For: a declared proxy sent a request without it"},
		{"X-Forwarded-For", from("10.0.0.1:1", "X-Forwarded-For", "8.8.8.8, x, 10.0.0.2"), `hop 2 from the right: "x" is not an address`},
		{"X-Forwarded-For", from("10.0.0.1:1", "X-Forwarded-For", "10.0.0.2"), "every hop is a declared proxy"},
		{"X-Forwarded-For", from("10.0.0.1"), "let no middleware write to it"},
		{"X-Real-Ip", from("10.0.0.1:1", "X-Real-IP", "1.1.1.1", "X-Real-IP", "8.8.8.8"), "the edge must overwrite what clients send"},
	} {
		if _, err := resolver(t, tt.header).Resolve(tt.request); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v; want %q", err, tt.says)
		}
	}
}

func TestSeenInLogs(t *testing.T) {
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}))
	got, _ := resolver(t, "X-Forwarded-For").Resolve(from("10.0.0.1:443", "X-Forwarded-For", "8.8.8.8"))
	log.Info("a", "seen", got)
	got, _ = resolver(t, "X-Forwarded-For").Resolve(from("9.9.9.9:443", "X-Forwarded-For", "8.8.8.8"))
	log.Info("b", "seen", got)
	const want = "msg=a seen.addr=8.8.8.8 seen.peer=10.0.0.1 seen.via=[10.0.0.1] seen.told=X-Forwarded-For\n" +
		"msg=b seen.addr=9.9.9.9 seen.peer=9.9.9.9 seen.told=connection seen.ignored=X-Forwarded-For\n"
	if b.String() != want {
		t.Errorf("logged %s", b.String())
	}
}
