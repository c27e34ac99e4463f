package policy_test

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// evalWorld is everything that a decision under one profile depends on, as
// dimensions of a few values each. walk goes through all combinations.
type evalWorld struct {
	profile *policy.Profile
	dims    []evalDim
	at      []int // where the walk is in each dimension

	all      map[evalChoice]*evalChosen // every settings combination, compiled once
	choice   evalChoice
	settings *policy.Settings
	policy   *policy.Policy
	member   member.Member
	attempt  policy.Attempt
}

// evalDim is a dimension: set puts the world at its i-th value.
type evalDim struct {
	name string
	size int
	set  func(i int)
}

// evalChoice is what an administrator chooses, as places in dimensions.
type evalChoice struct{ access, outside, excepted, designated, block int }

type evalChosen struct {
	settings policy.Settings
	policy   *policy.Policy
}

var (
	evalAddrs = []netip.Addr{
		evalOffice[2], // in an exempt country, mapped and with a zone
		evalAbroad[1], // in another
		evalNowhere[0],
		evalPrivate[1], // not public: NAT64, of which the database says KR
	}
	evalClients = []session.Client{session.UnknownClient, session.Web, session.Desktop, session.Mobile, session.Drive,
		session.POP3, session.IMAP, session.SMTP, session.CalDAV, session.API, session.FirstCustom}
	evalOddClients = append(slices.Clone(evalClients), session.FirstCustom+1, session.FirstCustom+30)
	evalStatuses   = []member.Status{member.UnknownStatus, member.Pending, member.Active, member.OnLeave,
		member.Suspended, member.Locked, member.Deleted, 7}
)

// evalHolding are ranges that hold every one of evalAddrs, evalElsewhere ones
// that hold none.
var (
	evalHolding = []ipset.Range{ipset.MustParseRange("1.208.0.9"), ipset.MustParseRange("2001:240::/48"),
		ipset.MustParseRange("9.9.9.0-9.9.9.127"), ipset.MustParseRange("64:ff9b::/96")}
	evalElsewhere = []ipset.Range{ipset.MustParseRange("1.208.0.10-1.208.0.77"), ipset.MustParseRange("2001:241::/48"),
		ipset.MustParseRange("9.9.8.0/24"), ipset.MustParseRange("64:ff9b::/112"), ipset.MustParseRange("3.3.0.0/16")}
)

func newEvalWorld(t testing.TB, p *policy.Profile) *evalWorld {
	w := &evalWorld{profile: p, all: map[evalChoice]*evalChosen{}}
	w.member.ID = "lee"
	w.attempt = policy.Attempt{Member: &w.member, At: evalAt}
	clients := evalClients
	if p.Clients.Has(session.FirstCustom) {
		clients = evalOddClients
	}
	plans := evalPlans(p)
	bit := func(b *bool) func(int) { return func(i int) { *b = i == 1 } }
	chosen := func(place *int) func(int) { return func(i int) { *place = i; w.choose() } }
	w.dims = []evalDim{
		{"access", 2, chosen(&w.choice.access)},
		{"outside", 2, chosen(&w.choice.outside)},
		{"excepted", 6, chosen(&w.choice.excepted)},
		{"designated", 4, chosen(&w.choice.designated)},
		{"block", 2, chosen(&w.choice.block)},
		{"plan", len(plans), func(i int) { w.attempt.Plan = plans[i] }},
		{"address", len(evalAddrs), func(i int) { w.attempt.Addr = evalAddrs[i] }},
		{"client", len(clients), func(i int) { w.attempt.Client = clients[i] }},
		{"status", len(evalStatuses), func(i int) { w.member.Status = evalStatuses[i] }},
		{"super", 2, bit(&w.member.Super)},
		{"blocked", 3, func(i int) {
			others := session.AllClients &^ session.ClientsOf(w.attempt.Client)
			w.member.Blocked = []session.Clients{0, others, session.AllClients}[i]
		}},
		{"request", 2, bit(&w.attempt.Request)},
		{"verified", 2, bit(&w.attempt.Verified)},
		{"password", 2, bit(&w.member.MustChangePassword)},
	}
	for access := range 2 {
		for outside := range 2 {
			for excepted := range 6 {
				for designated := range 4 {
					for block := range 2 {
						c := evalChoice{access, outside, excepted, designated, block}
						s := c.settings()
						w.all[c] = &evalChosen{s, evalStored(t, s, p, evalWorldMap)}
					}
				}
			}
		}
	}
	return w
}

func (w *evalWorld) choose() {
	c := w.all[w.choice]
	w.settings, w.policy = &c.settings, c.policy
}

// settings writes a choice out. Others' exceptions and entries elsewhere are
// always there, around the member's in order.
func (c evalChoice) settings() policy.Settings {
	s := policy.Settings{
		Access:  policy.Access(c.access),
		Outside: policy.Effect(c.outside),
		Exceptions: []policy.Exception{
			{Member: "led", Note: "another"},
			{Member: "lee1", Ranges: evalHolding},
			{Member: "", Note: "nobody"},
		},
		Overseas: policy.Overseas{Block: c.block == 1, Exempt: geo.CountriesOf(evalKR, geo.MustParseCountry("US"))},
	}
	lee := policy.Exception{Member: "lee", Note: "lee"}
	switch c.excepted {
	case 1: // anywhere
		s.Exceptions = append(s.Exceptions, lee)
	case 2: // at ranges that hold the address
		lee.Ranges = append(slices.Clone(evalElsewhere), evalHolding...)
	case 3: // at ranges that do not
		lee.Ranges = evalElsewhere
	case 4: // ended
		lee.Until = evalAt
	case 5: // ends later
		lee.Until = evalAt.Add(1)
	}
	if c.excepted > 1 {
		s.Exceptions = append(s.Exceptions, lee)
	}
	for i, r := range evalElsewhere {
		s.Designated = append(s.Designated, policy.Entry{Range: r, Label: fmt.Sprint("elsewhere ", i)})
	}
	for i, r := range evalHolding {
		e := policy.Entry{Range: r, Label: fmt.Sprint("here ", i)}
		switch c.designated {
		case 0: // no
			continue
		case 2: // ended
			e.Until = evalAt
		case 3: // ends later
			e.Until = evalAt.Add(1)
		}
		s.Designated = append(s.Designated, e)
	}
	return s
}

// walk puts w at one combination after the other and yields their numbers. It
// turns the last dimension fastest, as an odometer does.
func (w *evalWorld) walk() iter.Seq[int] {
	return func(yield func(n int) bool) {
		w.at = make([]int, len(w.dims))
		for _, d := range w.dims {
			d.set(0)
		}
		for n := 0; ; n++ {
			if !yield(n) {
				return
			}
			i := len(w.dims) - 1
			for ; i >= 0; i-- {
				if w.at[i]++; w.at[i] < w.dims[i].size {
					break
				}
				w.at[i] = 0
				w.dims[i].set(0)
			}
			if i < 0 {
				return
			}
			w.dims[i].set(w.at[i])
		}
	}
}

// String tells the combination that w is at.
func (w *evalWorld) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", w.profile.Name)
	for i, d := range w.dims {
		fmt.Fprintf(&b, " %s=%d", d.name, w.at[i])
	}
	a := w.attempt
	fmt.Fprintf(&b, " (plan %q, %v, %v, %v)", a.Plan, a.Addr, a.Client, a.Member.Status)
	return b.String()
}

func (w *evalWorld) oracle() oracleAnswer {
	return oracle(w.settings, w.profile, evalWorldMap, &w.attempt)
}
