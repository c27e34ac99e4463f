package engine

import (
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Observer is told what was decided and changed, for logs and counters. Run calls it, one
// observation after the other; a slow one or one that panics harms no decision. What comes
// while too many wait is dropped and counted, see [Engine.Dropped]. What must not be lost is
// an event in the store.
type Observer interface {
	Observe(Observation)
}

// Observation is one thing that happened. Do not show it to the person at the door.
type Observation struct {
	Kind   ObservationKind
	At     time.Time
	Tenant session.TenantID
	Member member.ID // of the attempt, or who changed something; "" where a login names nobody, for what was typed may be a password
	Client session.Client
	Addr   netip.Addr

	Authenticated bool            // of LoggedIn: the password was right
	Decision      policy.Decision // of LoggedIn, Requested and Tried: what was answered
	Draft         policy.Decision // of Tried: what the draft would have answered

	Version session.Version // of Changed and Tried
	Event   *session.Event  // of Changed
	Err     error           // what went wrong, if something did
}

// ObservationKind says what an Observation is about.
type ObservationKind uint8

const (
	LoggedIn  ObservationKind = iota + 1 // Admit decided
	Requested                            // Check decided
	Tried                                // a draft would have decided otherwise
	Changed                              // a record was saved
	Alarmed                              // a person must look: Err says why
)

var kinds = [...]string{LoggedIn: "login", Requested: "request", Tried: "trial", Changed: "change", Alarmed: "alarm"}

// String returns login, request, trial, change or alarm.
func (k ObservationKind) String() string {
	if int(k) < len(kinds) && kinds[k] != "" {
		return kinds[k]
	}
	return "observation(" + strconv.Itoa(int(k)) + ")"
}

// LogValue returns what is not zero as a group. Text that came from outside is cut, and
// quoted if anything in it could be taken for something else.
func (o Observation) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", o.Kind.String()), slog.String("tenant", shown(string(o.Tenant), maxName))}
	add := func(key string, v any, is bool) {
		if is {
			attrs = append(attrs, slog.Any(key, v))
		}
	}
	decided := o.Kind == LoggedIn || o.Kind == Requested || o.Kind == Tried
	add("member", shown(string(o.Member), maxName), o.Member != "")
	add("client", o.Client.String(), o.Client.Known())
	add("address", shown(o.Addr.String(), maxName), o.Addr.IsValid()) // with its zone, which is any text
	add("authenticated", o.Authenticated, o.Kind == LoggedIn)
	add("decision", o.Decision, decided)
	add("draft", o.Draft, o.Kind == Tried)
	add("version", o.Version.String(), o.Version != session.Version{})
	if o.Event != nil {
		add("event", *o.Event, true)
	}
	if o.Err != nil {
		add("error", shown(o.Err.Error(), maxError), true)
	}
	return slog.GroupValue(attrs...)
}

// What a log has of one text, in bytes.
const (
	maxName  = 128
	maxError = 1000
)

// shown returns text as it is if it is short and can be printed, and else quoted and cut.
func shown(text string, most int) string {
	if len(text) > most {
		cut := text[:most]
		for len(cut) > most-utf8.UTFMax && !utf8.ValidString(cut) {
			cut = cut[:len(cut)-1]
		}
		return strconv.Quote(cut) + "…"
	}
	odd := func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }
	if strings.HasPrefix(text, `"`) || strings.ContainsFunc(text, odd) {
		return strconv.Quote(text)
	}
	return text
}

// Dropped returns how many observations were dropped because too many waited.
func (e *Engine) Dropped() uint64 { return e.dropped.Load() }

// observe puts an observation into the queue and waits for nothing.
func (e *Engine) observe(o Observation) {
	if e.o.Observer == nil {
		return
	}
	select {
	case e.queue <- o:
	default:
		e.dropped.Add(1)
	}
}

func (e *Engine) alarm(t session.TenantID, id member.ID, err error) {
	e.observe(Observation{Kind: Alarmed, At: time.Now(), Tenant: t, Member: id, Err: err})
}
