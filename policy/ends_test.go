package policy_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalEnding returns settings with an entry and an exception that end.
func evalEnding(entry, exception time.Time) policy.Settings {
	return policy.Settings{
		Access:     policy.DesignatedAddresses,
		Designated: []policy.Entry{{Range: ipset.MustParseRange("1.208.0.0/24"), Until: entry}},
		Exceptions: []policy.Exception{{Member: "kim", Until: exception}},
	}
}

// What ends is in force before its end, and not at it nor after it.
func TestEnds(t *testing.T) {
	seoul := time.FixedZone("KST", 9*60*60)
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	now := time.Now()
	for _, tt := range []struct {
		until, at time.Time
		in        bool
		why       string
	}{
		{evalAt, evalAt.Add(-1), true, "a nanosecond before"},
		{evalAt, evalAt, false, "at that instant"},
		{evalAt, evalAt.Add(1), false, "a nanosecond after"},
		{evalAt.Add(999_999_999), evalAt.Add(999_999_998), true, "a nanosecond before, within the second"},
		{evalAt.Add(999_999_999), evalAt.Add(time.Second), false, "in the next second"},
		{evalAt, evalAt.Add(-1).In(seoul), true, "another time zone: before"},
		{evalAt, evalAt.In(seoul), false, "another time zone: the same instant"},
		{evalAt.In(seoul), evalAt, false, "another time zone of the end"},
		{time.Date(2027, 2, 1, 0, 0, 0, 0, seoul), time.Date(2027, 1, 31, 23, 0, 0, 0, time.UTC), false, "the clock on the wall in Seoul is not the one in London"},
		{time.Time{}, year(1_000_000), true, "no end never comes"},
		{time.Time{}.In(seoul), year(9999), true, "no end, in a time zone"},
		{time.Time{}.Add(1), year(1), false, "the first instant after the zero one is an end"},
		{year(1), year(2027), true, "the zero instant is no end, however it was made"},
		{year(9999), year(9998), true, "beyond the nanoseconds that 64 bits count"},
		{year(9998), year(9999), false, "beyond the nanoseconds that 64 bits count"},
		{year(1600), year(1601), false, "before the nanoseconds that 64 bits count"},
		{now, now.Add(-1), true, "with a monotonic reading: before"},
		{now, now, false, "with a monotonic reading: at it"},
		{now.Round(0), now, false, "only the instant with a monotonic reading"},
		{now, now.Round(0), false, "only the end with a monotonic reading"},
		{now.Round(0), now.Add(-1), true, "only the instant with a monotonic reading: before"},
		{now.Add(1), now.Round(0), true, "only the end with a monotonic reading: before"},
	} {
		both := evalStored(t, evalEnding(tt.until, tt.until), policy.Standard(), nil)
		for _, x := range []struct {
			attempt policy.Attempt
			want    policy.Reason
		}{
			{policy.Attempt{Addr: evalOffice[0], Client: session.Web, Member: evalMember("lee"), At: tt.at}, policy.ReasonAddressDesignated},
			{policy.Attempt{Addr: evalAbroad[0], Client: session.Web, Member: evalMember("kim"), At: tt.at}, policy.ReasonMemberExcepted},
		} {
			want := policy.Decision{Effect: policy.Allow, Reason: x.want}
			if !tt.in {
				want = policy.Decision{Reason: policy.ReasonAddressNotDesignated}
			}
			if d := both.Evaluate(x.attempt); d != want {
				t.Errorf("until %v, at %v: got %v; want %v: %s", tt.until, tt.at, d, want, tt.why)
			}
		}
	}
}

// Where an attempt names no instant, now is meant; the clock decides only what
// ends.
func TestEndsNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end, never := time.Now().Add(time.Hour), time.Time{}
		office := policy.Attempt{Addr: evalOffice[0], Client: session.Web, Member: evalMember("lee")}
		kim := policy.Attempt{Addr: evalAbroad[0], Client: session.Web, Member: evalMember("kim")}
		check := func(when string, in bool) {
			t.Helper()
			for _, tt := range []struct {
				entry, exception time.Time
				office, kim      bool
				why              string
			}{
				{never, never, true, true, "what does not end"},
				{end, never, in, true, "the entry alone ends"},
				{never, end, true, in, "the exception alone ends"},
				{end, end, in, in, "both end"},
			} {
				s := evalEnding(tt.entry, tt.exception)
				p := evalStored(t, s, policy.Standard(), nil)
				if d := p.Evaluate(office); d.Allowed() != tt.office {
					t.Errorf("%s: from the office %v: %s", when, d, tt.why)
				}
				if d := p.Evaluate(kim); d.Allowed() != tt.kim {
					t.Errorf("%s: the exception %v: %s", when, d, tt.why)
				}
				for _, a := range []policy.Attempt{office, kim} {
					e, err := policy.Explain(s, policy.Standard(), nil, a)
					if d := p.Evaluate(a); err != nil || e.Decision != d || len(e.Matches) != 1 || e.Matches[0].InForce != d.Allowed() {
						t.Errorf("%s: decided %v, explained as\n%v%v: %s", when, d, e, err, tt.why)
					}
					// Where the attempt names its instant, the clock is nothing.
					if a.At = end.Add(-1); !p.Evaluate(a).Allowed() {
						t.Errorf("%s: an attempt before the end is refused: %s", when, tt.why)
					}
				}
			}
		}
		check("at once", true)
		time.Sleep(time.Hour - 1)
		check("a nanosecond before the end", true)
		time.Sleep(time.Nanosecond)
		check("at the end", false)
		time.Sleep(time.Nanosecond)
		check("a nanosecond after it", false)
		time.Sleep(1000 * time.Hour)
		check("long after", false)
	})
}

// Of the entries that hold an address, the latest end counts, in whatever
// order they come and however they overlap. No range of IPv6 lets IPv4 in,
// also where it begins, ends or runs over ::ffff:0:0/96, as an intranet's may.
func TestEndsOfOverlappingEntries(t *testing.T) {
	p := policy.Standard()
	p.SpecialPurpose = true
	rounds := 1500
	if evalRace {
		rounds = 60
	}
	r := newEvalRandom(4)
	instants := []time.Time{{}}
	for i := range 6 {
		instants = append(instants, evalAt.Add(time.Duration(i)*time.Hour))
	}
	judged, let := 0, 0
	for round := range rounds {
		v6only := round%2 == 0
		s := policy.Settings{Access: policy.DesignatedAddresses}
		excepted := policy.Exception{Member: "kim", Ranges: []ipset.Range{}, Until: evalPick(r, instants...)}
		for range 1 + r.IntN(24) {
			e := policy.Entry{Range: r.span(), Until: evalPick(r, instants...)}
			if v6only && e.Range.From().Is4() {
				continue
			}
			s.Designated = append(s.Designated, e)
			excepted.Ranges = append(excepted.Ranges, e.Range)
		}
		compiled := evalStored(t, s, p, nil)
		exception := evalWith(s, func(s *policy.Settings) { s.Designated, s.Exceptions = nil, []policy.Exception{excepted} })
		excepts := evalStored(t, exception, p, nil)
		for range 150 {
			a := policy.Attempt{Addr: r.addr(), Client: session.Web, Member: evalMember("kim"), At: evalPick(r, instants[1:]...).Add(time.Duration(r.IntN(3) - 1))}
			got, want := compiled.Evaluate(a), oracle(&s, p, nil, &a)
			if got != want.Decision {
				t.Fatalf("from %v at %v: got %v; want %v\n%v", a.Addr, a.At, got, want.Decision, s.Designated)
			}
			x, xwant := excepts.Evaluate(a), oracle(&exception, p, nil, &a)
			if x != xwant.Decision {
				t.Fatalf("from %v at %v: got %v; want %v\n%v", a.Addr, a.At, x, xwant.Decision, exception.Exceptions)
			}
			if v6only && a.Addr.Unmap().Is4() && (got.Allowed() || x.Allowed()) {
				t.Fatalf("%v is let in by IPv6 entries: %v, %v\n%v", a.Addr, got, x, s.Designated)
			}
			judged++
			if got.Allowed() {
				let++
			}
		}
	}
	if let < judged/20 || let > judged*19/20 {
		t.Errorf("let in %d of %d: the test shows little", let, judged)
	}
	t.Logf("%d attempts, %d let in", judged, let)
}

// The shapes that overlap in a way of their own.
func TestEndsOfOverlappingEntriesByShape(t *testing.T) {
	soon, later := evalAt.Add(time.Hour), evalAt.Add(2*time.Hour)
	for _, tt := range []struct {
		entries []policy.Entry
		addr    string
		end     time.Time // when the address ceases to be designated; zero: never
		why     string
	}{
		{[]policy.Entry{evalEntry("8.8.8.0/24", soon), evalEntry("8.8.8.0/24", later)}, "8.8.8.8", later, "the same twice: the later end"},
		{[]policy.Entry{evalEntry("8.8.8.0/24", later), evalEntry("8.8.8.0/24", soon)}, "8.8.8.8", later, "in the other order"},
		{[]policy.Entry{evalEntry("8.8.8.0/24", soon), evalEntry("8.8.8.0/24", time.Time{})}, "8.8.8.8", time.Time{}, "no end is the latest"},
		{[]policy.Entry{evalEntry("8.0.0.0/8", soon), evalEntry("8.8.8.8", later)}, "8.8.8.8", later, "a narrow one within a wide one"},
		{[]policy.Entry{evalEntry("8.0.0.0/8", soon), evalEntry("8.8.8.8", later)}, "8.8.8.7", soon, "beside the narrow one"},
		{[]policy.Entry{evalEntry("8.0.0.0/8", soon), evalEntry("8.8.8.8", later)}, "8.8.8.9", soon, "behind the narrow one the wide one goes on"},
		{[]policy.Entry{evalEntry("8.0.0.0/8", later), evalEntry("8.8.8.8", soon)}, "8.8.8.8", later, "the narrow one shortens nothing"},
		{[]policy.Entry{evalEntry("8.8.8.0-8.8.8.20", soon), evalEntry("8.8.8.10-8.8.8.30", later)}, "8.8.8.20", later, "the end of the first, inside the second"},
		{[]policy.Entry{evalEntry("8.8.8.0-8.8.8.20", later), evalEntry("8.8.8.10-8.8.8.30", soon)}, "8.8.8.21", soon, "just behind the first"},
		{[]policy.Entry{evalEntry("8.8.8.0-8.8.8.20", soon), evalEntry("8.8.8.21-8.8.8.30", soon)}, "8.8.8.21", soon, "neighbours with one end"},
		{[]policy.Entry{evalEntry("0.0.0.0/1", later), evalEntry("128.0.0.0/1", soon)}, "255.255.255.255", soon, "the last address of IPv4"},
		{[]policy.Entry{evalEntry("128.0.0.0/1", later), evalEntry("::/1", soon)}, "::1", soon, "the first of IPv6 is not behind the last of IPv4"},
		{[]policy.Entry{evalEntry("8000::/1", later), evalEntry("ffff::/16", soon)}, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", later, "the last of IPv6"},
		{[]policy.Entry{evalEntry("::fffe:0:0-::1:0:0:0", later)}, "8.8.8.8", evalAt, "IPv6 over ::ffff:0:0/96 holds no IPv4"},
		{[]policy.Entry{evalEntry("::fffe:0:0-::1:0:0:0", later), evalEntry("::/16", soon)}, "::ffff:8.8.8.8", evalAt, "also where pieces of it are cut to size"},
		{[]policy.Entry{evalEntry("::/16", soon), evalEntry("::fffe:0:0-::ffff:8.8.8.8", later)}, "::ffff:8.8.8.7", evalAt, "nor one that ends inside"},
		{[]policy.Entry{evalEntry("::ffff:8.8.8.8-::1:0:0:0", later), evalEntry("::/16", soon)}, "8.8.8.9", evalAt, "nor one that begins inside"},
		{[]policy.Entry{evalEntry("::fffe:0:0-::1:0:0:0", later), evalEntry("::/16", soon)}, "::1:0:0:0", later, "behind it the range goes on"},
		{[]policy.Entry{evalEntry("::fffe:0:0-::1:0:0:0", later), evalEntry("8.8.8.0/24", soon)}, "::ffff:8.8.8.8", soon, "IPv4 beside it has its own end"},
	} {
		p := policy.Standard()
		p.SpecialPurpose = true
		for range 2 {
			compiled := evalStored(t, policy.Settings{Access: policy.DesignatedAddresses, Designated: tt.entries}, p, nil)
			a := policy.Attempt{Addr: netip.MustParseAddr(tt.addr), Client: session.Web, Member: evalMember("lee")}
			for _, a.At = range []time.Time{evalAt, soon.Add(-1), soon, later.Add(-1), later, later.Add(1)} {
				want := tt.end.IsZero() || a.At.Before(tt.end)
				if d := compiled.Evaluate(a); d.Allowed() != want {
					t.Errorf("%v: %s at %v: got %v: %s", tt.entries, tt.addr, a.At, d, tt.why)
				}
			}
			tt.entries = []policy.Entry{tt.entries[len(tt.entries)-1], tt.entries[0]} // the other way round
		}
	}
}

func evalEntry(r string, until time.Time) policy.Entry {
	return policy.Entry{Range: ipset.MustParseRange(r), Until: until}
}
