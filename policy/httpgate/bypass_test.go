package httpgate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/policy/httpgate"
)

// The ways in which resolvers were fooled before.
func TestForwardedForBypasses(t *testing.T) {
	const peer = "10.0.0.1:443"
	long := strings.Repeat("1", 1<<20)
	for _, tt := range []struct {
		lines []string
		want  string
		why   string
	}{
		{[]string{"8.8.8.8"}, "8.8.8.8", "the plain case"},
		{[]string{"127.0.0.1, 8.8.8.8"}, "8.8.8.8", "the leftmost is whatever the client wrote"},
		{[]string{"10.0.0.9, 8.8.8.8"}, "8.8.8.8", "a client that names a proxy is not one"},
		{[]string{"8.8.8.8, 10.0.0.9"}, "8.8.8.8", "a proxy that the peer names is one"},
		{[]string{"8.8.8.8", "9.9.9.9"}, "9.9.9.9", "lines are one list, and the last is the nearest"},
		{[]string{"8.8.8.8, 9.9.9.9", "10.0.0.9"}, "9.9.9.9", "the list goes on in the line before"},
		{[]string{"8.8.8.8", ""}, "error", "an empty line is an empty hop"},
		{[]string{"", "8.8.8.8"}, "8.8.8.8", "and is not read to the left of the answer"},
		{[]string{"8.8.8.8,"}, "error", "an empty hop is not passed over"},
		{[]string{"8.8.8.8,,10.0.0.9"}, "error", "nor in the middle"},
		{[]string{","}, "error", "nothing but empty hops"},
		{[]string{",8.8.8.8"}, "8.8.8.8", "to the left of the answer nothing is read"},
		{[]string{long + ",8.8.8.8"}, "8.8.8.8", "however much it is"},
		{[]string{long}, "error", "a hop of a mebibyte"},
		{[]string{strings.Repeat(" ", 2000) + "8.8.8.8"}, "error", "blanks count as bytes of the hop"},
		{[]string{"8.8.8.8" + strings.Repeat(",10.0.0.9", 31)}, "8.8.8.8", "32 hops"},
		{[]string{"8.8.8.8" + strings.Repeat(",10.0.0.9", 32)}, "error", "33 hops"},
		{slices.Repeat([]string{"10.0.0.9"}, 40), "error", "33 hops in lines of their own"},
		{[]string{"\t8.8.8.8 \t"}, "8.8.8.8", "blanks around a hop"},
		{[]string{"8.8.8.8\u00a0"}, "error", "a no-break space is no blank"},
		{[]string{"8.8.8.8\v"}, "error", "nor is a vertical tab"},
		{[]string{"8.8.8.8\r\n 9.9.9.9"}, "error", "a folded line that something unfolded badly"},
		{[]string{"8.8.8.8 9.9.9.9"}, "error", "blanks separate nothing"},
		{[]string{"8.8.8.8:443"}, "8.8.8.8", "with a port, as Azure writes it"},
		{[]string{"[2606:4700::1]:443"}, "2606:4700::1", "with a port and brackets"},
		{[]string{"[2606:4700::1]"}, "2606:4700::1", "with brackets alone"},
		{[]string{"2606:4700::1"}, "2606:4700::1", "bare"},
		{[]string{"2606:4700::1:443"}, "2606:4700::1:443", "without brackets there is no port"},
		{[]string{"[8.8.8.8]:443"}, "error", "brackets are for IPv6"},
		{[]string{"[8.8.8.8]"}, "error", "brackets are for IPv6"},
		{[]string{"8.8.8.8:"}, "error", "a port of no digits"},
		{[]string{"8.8.8.8:443443"}, "error", "a port of six digits"},
		{[]string{"8.8.8.8:-1"}, "error", "a port with a sign"},
		{[]string{"8.8.8.8:４４"}, "error", "a port in full-width digits"},
		{[]string{"8.8.8.8:443:443"}, "error", "two ports"},
		{[]string{"8.8.8.8:10.0.0.1"}, "error", "an address for a port"},
		{[]string{"[2606:4700::1"}, "error", "an open bracket"},
		{[]string{"2606:4700::1]"}, "error", "a bracket that closes nothing"},
		{[]string{"[2606:4700::1]443"}, "error", "a port without a colon"},
		{[]string{"[[2606:4700::1]]"}, "error", "brackets twice"},
		{[]string{"[]"}, "error", "nothing in brackets"},
		{[]string{"::ffff:8.8.8.8"}, "8.8.8.8", "a mapped address is the IPv4 one"},
		{[]string{"[::ffff:808:808]:1"}, "8.8.8.8", "in any spelling"},
		{[]string{"8.8.8.8, ::ffff:a00:9"}, "8.8.8.8", "a mapped proxy is the proxy"},
		{[]string{"::ffff:10.0.0.9"}, "error", "and so it is not the answer"},
		{[]string{"::10.0.0.9"}, "::a00:9", "an IPv4-compatible address is no proxy"},
		{[]string{"64:ff9b::a00:9"}, "64:ff9b::a00:9", "nor is one behind NAT64"},
		{[]string{"fe80::1%eth0"}, "fe80::1", "a zone is dropped"},
		{[]string{"[fe80::1%25eth0]:80"}, "fe80::1", "however it is encoded"},
		{[]string{"fd00::1%eth0"}, "error", "a proxy with a zone is the proxy"},
		{[]string{"fe80::1%"}, "error", "an empty zone"},
		{[]string{"8.8.8.8%10.0.0.1 x"}, "error", "a zone with a blank"},
		{[]string{"8.8.8.8%a/b"}, "error", "a zone with a slash"},
		{[]string{"010.8.8.8"}, "error", "octal to some"},
		{[]string{"0x8.8.8.8"}, "error", "hexadecimal to some"},
		{[]string{"134744072"}, "error", "one number"},
		{[]string{"8.8"}, "error", "short"},
		{[]string{"8.8.8.8/32"}, "error", "a prefix"},
		{[]string{"８.8.8.8"}, "error", "a full-width digit"},
		{[]string{"8.8.8.٨"}, "error", "an Arabic digit"},
		{[]string{"8。8.8.8"}, "error", "an ideographic full stop"},
		{[]string{"8.8.8.8\x00"}, "error", "a NUL"},
		{[]string{"0.0.0.0"}, "error", "unspecified"},
		{[]string{"::"}, "error", "unspecified"},
		{[]string{"::ffff:0:0"}, "error", "unspecified and mapped"},
		{[]string{"8.8.8.8, 0.0.0.0"}, "error", "unspecified on the way"},
		{[]string{"unknown"}, "error", "a hop that hides"},
		{[]string{"8.8.8.8, unknown"}, "error", "a hop that hides on the way"},
		{[]string{"8.8.8.8, unknown, 10.0.0.9"}, "error", "though a proxy follows"},
		{[]string{"_hidden"}, "error", "an obfuscated one"},
		{[]string{"localhost"}, "error", "a name"},
		{[]string{"for=8.8.8.8"}, "error", "another header's syntax"},
		{[]string{`"8.8.8.8"`}, "error", "quotes belong to Forwarded"},
		{[]string{`8.8.8.8, "10.0.0.9, 9.9.9.9"`}, "error", "and hide no comma here"},
		{[]string{"10.0.0.9, 10.0.0.8"}, "error", "all are proxies"},
	} {
		request := from(peer)
		request.Header["X-Forwarded-For"] = tt.lines
		got, err := resolver(t, httpgate.XForwardedFor).Resolve(request)
		if seen(got, err) != tt.want {
			t.Errorf("%.80q: %v, %v; want %s: %s", tt.lines, got.Addr, err, tt.want, tt.why)
		}
		if err == nil && got.Told != "X-Forwarded-For" {
			t.Errorf("%.80q: told by %q", tt.lines, got.Told)
		}
	}
}

func TestForwardedBypasses(t *testing.T) {
	const peer = "10.0.0.1:443"
	for _, tt := range []struct {
		lines []string
		want  string
		why   string
	}{
		{[]string{"for=8.8.8.8"}, "8.8.8.8", "the plain case"},
		{[]string{"For=8.8.8.8"}, "8.8.8.8", "names have no case"},
		{[]string{"for=1.1.1.1, for=8.8.8.8"}, "8.8.8.8", "the leftmost is the client's"},
		{[]string{"for=8.8.8.8;proto=https;by=10.0.0.1;host=a.example"}, "8.8.8.8", "all parameters"},
		{[]string{"proto=https; for=8.8.8.8"}, "8.8.8.8", "in any order, with the blank that many write"},
		{[]string{"proto=https ;\tfor=8.8.8.8;"}, "8.8.8.8", "and an empty pair at the end"},
		{[]string{`for="8.8.8.8:443"`}, "8.8.8.8", "a port wants quotes"},
		{[]string{`for="8.8.8.8:_http"`}, "8.8.8.8", "an obfuscated port"},
		{[]string{"for=8.8.8.8:443"}, "error", "and is malformed without"},
		{[]string{`for="[2606:4700::1]:443"`}, "2606:4700::1", "IPv6 wants quotes and brackets"},
		{[]string{`for="[2606:4700::1]"`}, "2606:4700::1", "IPv6 wants quotes and brackets"},
		{[]string{`for="2606:4700::1"`}, "error", "without brackets a port cannot be told"},
		{[]string{`for="::ffff:8.8.8.8"`}, "error", "nor in a mapped one"},
		{[]string{"for=[2606:4700::1]"}, "error", "without quotes it is no token"},
		{[]string{`for="\8.8.\8.8"`}, "8.8.8.8", "what is escaped is itself"},
		{[]string{`for="[::ffff:8.8.8.8]"`}, "8.8.8.8", "a mapped address"},
		{[]string{`for=8.8.8.8, for="[::ffff:10.0.0.9]"`}, "8.8.8.8", "a mapped proxy"},
		{[]string{"for=unknown"}, "error", "a hop that hides"},
		{[]string{"for=_hidden"}, "error", "an obfuscated one"},
		{[]string{`for="_hidden:_port"`}, "error", "an obfuscated one"},
		{[]string{"for=8.8.8.8, for=_hidden"}, "error", "an obfuscated one on the way"},
		{[]string{"for=_hidden, for=8.8.8.8"}, "8.8.8.8", "to the left of the answer nothing is read"},
		{[]string{`for="1.1.1.1, for=8.8.8.8`}, "8.8.8.8", "an open quote of the client swallows nothing"},
		{[]string{`for="1.1.1.1\, for=8.8.8.8`}, "8.8.8.8", "nor does an escape"},
		{[]string{`for=1.1.1.1;x=", for="8.8.8.8"`}, "8.8.8.8", "nor a quote that would close at the proxy's own"},
		{[]string{`for=", for="8.8.8.8", for="`}, "error", "an open quote at the end is malformed"},
		{[]string{`for=1.1.1.1;x="a,b", for=8.8.8.8;y="c,d"`}, "8.8.8.8", "a comma between quotes separates nothing"},
		{[]string{`for=8.8.8.8;x="a, for=9.9.9.9"`}, "8.8.8.8", "a comma between quotes separates nothing"},
		{[]string{`for=8.8.8.8;x="a\", for=9.9.9.9"`}, "8.8.8.8", "an escaped quote closes nothing"},
		{[]string{`for=1.1.1.1;x="a\\", for=9.9.9.9`}, "9.9.9.9", "an escaped backslash escapes nothing"},
		{[]string{`for=9.9.9.9;x="a\\"`}, "9.9.9.9", "an escaped backslash escapes nothing"},
		{[]string{`for="8.8.8.8`, `for=9.9.9.9"`}, "error", "quotes do not reach over lines"},
		{[]string{"for=8.8.8.8", "for=10.0.0.9"}, "8.8.8.8", "lines are one list"},
		{[]string{"for=8.8.8.8;for=9.9.9.9"}, "error", "twice in one element"},
		{[]string{"for=8.8.8.8;FOR=9.9.9.9"}, "error", "twice, in two spellings"},
		{[]string{"for=8.8.8.8;by=a;by=b"}, "error", "another parameter twice"},
		{[]string{"by=8.8.8.8"}, "error", "by is the proxy and not the client"},
		{[]string{"proto=https"}, "error", "no for"},
		{[]string{"for=8.8.8.8, proto=https"}, "error", "a hop without for"},
		{[]string{"for = 8.8.8.8"}, "error", "blanks around the sign"},
		{[]string{"for=8.8.8.8 x"}, "error", "something after a value"},
		{[]string{`for="8.8.8.8"x`}, "error", "something after a quoted value"},
		{[]string{`for=""`}, "error", "no value"},
		{[]string{"for="}, "error", "no value"},
		{[]string{"for"}, "error", "no sign"},
		{[]string{"=8.8.8.8"}, "error", "no name"},
		{[]string{"8.8.8.8"}, "error", "another header's syntax"},
		{[]string{""}, "error", "empty"},
		{[]string{";"}, "error", "nothing but an empty pair"},
		{[]string{"for=8.8.8.8,"}, "error", "an empty hop"},
		{[]string{`for="8.8.8.8\`}, "error", "an escape of nothing"},
		{[]string{`for="０8.8.8.8"`}, "error", "a full-width digit"},
		{[]string{`for="010.8.8.8"`}, "error", "octal to some"},
		{[]string{`for="0.0.0.0"`}, "error", "unspecified"},
		{[]string{"for=10.0.0.9"}, "error", "all are proxies"},
		{[]string{"for=8.8.8.8;a=b"}, "8.8.8.8", "an extension"},
		{[]string{"for=8.8.8.8;" + strings.Join(strings.Split("abcdefghijklmnopq", ""), "=1;") + "=1"}, "error", "17 extensions"},
		{[]string{`for=8.8.8.8;x="` + strings.Repeat("a", 2000) + `"`}, "error", "a hop of 2,000 bytes"},
		{[]string{"for=8.8.8.8" + strings.Repeat(",for=10.0.0.9", 32)}, "error", "33 hops"},
	} {
		request := from(peer)
		request.Header["Forwarded"] = tt.lines
		got, err := resolver(t, "forwarded").Resolve(request)
		if seen(got, err) != tt.want {
			t.Errorf("%.80q: %v, %v; want %s: %s", tt.lines, got.Addr, err, tt.want, tt.why)
		}
	}
}

func TestOverwrittenHeader(t *testing.T) {
	for _, tt := range []struct {
		header []string
		want   string
		why    string
	}{
		{[]string{"CF-Connecting-IP", "8.8.8.8"}, "8.8.8.8", "the plain case"},
		{[]string{"cf-connecting-ip", "2606:4700::1"}, "2606:4700::1", "names have no case"},
		{[]string{"CF-Connecting-IP", "1.1.1.1", "CF-Connecting-IP", "8.8.8.8"}, "error", "one is the client's, and nobody knows which"},
		{[]string{"CF-Connecting-IP", "1.1.1.1, 8.8.8.8"}, "error", "it is no list"},
		{[]string{"CF-Connecting-IP", "10.0.0.9"}, "error", "a proxy is not the answer"},
		{[]string{"CF-Connecting-IP", ""}, "error", "empty"},
		{[]string{"X-Forwarded-For", "8.8.8.8"}, "error", "only the header that was named counts"},
		{[]string{"X-Forwarded-For", "1.1.1.1", "Forwarded", "for=9.9.9.9", "CF-Connecting-IP", "8.8.8.8"}, "8.8.8.8", "whatever others say"},
		{nil, "error", "a proxy that does not tell"},
	} {
		got, err := resolver(t, "cf-connecting-ip").Resolve(from("10.0.0.1:443", tt.header...))
		if seen(got, err) != tt.want {
			t.Errorf("%q: %v, %v; want %s: %s", tt.header, got.Addr, err, tt.want, tt.why)
		}
	}
	// A key that no server makes is not the header.
	r := from("10.0.0.1:443")
	r.Header["x-forwarded-for"] = []string{"1.1.1.1"}
	if got, err := resolver(t, "X-Forwarded-For").Resolve(r); err == nil {
		t.Errorf("a key in lower case was read: %v", got.Addr)
	}
	r.Header["X-Forwarded-For"] = []string{"8.8.8.8"}
	if got, err := resolver(t, "x-forwarded-for").Resolve(r); err != nil || got.Addr.String() != "8.8.8.8" {
		t.Errorf("beside a key in lower case: %v, %v", got.Addr, err)
	}
}
