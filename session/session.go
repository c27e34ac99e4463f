package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/geo"
)

// ID names a session. It is the hash of the token that the client shows, so that nobody
// who reads a store, a backup or a log can use what is found there. IDs can be compared
// with ==. The zero ID names no session.
type ID [sha256.Size]byte

// NewToken draws a token of at least 128 random bits for a client to keep, and the ID
// under which its session is stored. The token is letters and digits; it is told to the
// client once and kept nowhere else. It does not say whose it is, and a Store wants the
// tenant too: take that from the name of the host, the path, or a cookie beside the token.
func NewToken() (token string, id ID) {
	token = rand.Text()
	return token, IDOf(token)
}

// IDOf returns the ID of a token that a client shows. It takes any text: one that is no
// token has an ID that no session has. Finding a session by it takes a time that tells
// nothing of other tokens.
func IDOf(token string) ID { return sha256.Sum256([]byte(token)) }

// String returns id in 43 letters, digits, "-" and "_".
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// MarshalText returns what String returns.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what String returns, and no other spelling of it. On an error id
// stays as it was.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) != base64.RawURLEncoding.EncodedLen(len(id)) {
		return fmt.Errorf("session id of %d bytes; want %d", len(b), base64.RawURLEncoding.EncodedLen(len(id)))
	}
	var read ID
	// The decoder passes over line ends: only the whole of an ID is one.
	if n, err := base64.RawURLEncoding.Strict().Decode(read[:], b); err != nil || n != len(read) {
		return fmt.Errorf("session id %s is not %d bytes in base64url", quote(string(b)), len(read))
	}
	*id = read
	return nil
}

// IsZero reports whether id names no session.
func (id ID) IsZero() bool { return id == ID{} }

// Session is one session as a [Store] keeps it. It is a value; Store and host hand out
// copies. The zero Session is of an unknown client and admits nobody; Err says what else a
// session needs.
type Session struct {
	ID     ID // by which its client is known; renewing changes it
	First  ID // that it began with: what it is called by all others, its whole life long. Create sets it
	Tenant TenantID
	Member MemberID
	Kind   Kind

	// Stamp is what the decision that admitted the session gave. Its Client is the client
	// of the session; renewing and touching never change it.
	Stamp Stamp

	Addr    netip.Addr  // where it was last seen; where it was admitted is in its Visit
	Country geo.Country // of Addr; zero: unknown
	Device  string      // the host's id of the device; "": unknown
	System  string      // the operating system, as the host knows it; "": unknown
	Via     string      // the external identity that it came in by, as "google:1234"; "": by password
	Label   string      // for people, as the name of an app password

	Created time.Time
	Seen    time.Time // when it was last used, to the granularity of the host's touching

	// Idle ends the session that is not used for so long, Life the one that is so old.
	// They are those of the settings when the session was issued. Zero: no limit.
	Idle, Life time.Duration

	Ended time.Time // zero: nobody has ended it
	Why   string    // why it was ended: "signed out", or the Reason of the order that did, "member-suspended"
}

// EndsAt returns the instant from which s is dead: when it was ended, or has been idle or
// alive for too long. It is zero if s never ends by itself. It knows nothing of cuts.
func (s Session) EndsAt() time.Time {
	end := s.Ended
	earlier := func(t time.Time) {
		if end.IsZero() || t.Before(end) {
			end = t
		}
	}
	if s.Idle != 0 {
		earlier(s.Seen.Add(s.Idle))
	}
	if s.Life != 0 {
		earlier(s.Created.Add(s.Life))
	}
	return end
}

// Live reports whether s is not ended, by anybody or by its limits, at an instant. A
// session lives only if the cuts of tenant and member say so too: see [Cuts.Alive].
//
// One that somebody has ended is dead at every instant: its end may be the reading of a
// clock that is ahead of the others, and must not wait for them.
func (s Session) Live(at time.Time) bool {
	end := s.EndsAt()
	return !s.ID.IsZero() && s.Ended.IsZero() && (end.IsZero() || at.Before(end))
}

// maxText is the most bytes that a session holds of each text.
const maxText = 1000

// Err returns what keeps s from being stored as a new session, or nil. Stores ask it in
// Create.
func (s Session) Err() error {
	switch {
	case s.ID.IsZero():
		return errors.New("session: it has no id; draw one with NewToken")
	case !s.First.IsZero() && s.First != s.ID:
		return errors.New("session: it begins with another id than its own; leave First zero")
	case s.Tenant == "":
		return errors.New("session: it names no tenant")
	case s.Member == "":
		return errors.New("session: it names no member")
	case !s.Kind.Known():
		return fmt.Errorf("session: %v is not known; %s", s.Kind, kindHint)
	case !s.Stamp.Client.Known():
		return fmt.Errorf("session: its stamp is of client %v; keep the stamp that admitted it", s.Stamp.Client)
	case max(s.Stamp.Policy.Number, s.Stamp.Member.Number) > MaxNumber:
		return fmt.Errorf("session: its stamp has a number above %d", MaxNumber)
	case s.Created.IsZero():
		return errors.New("session: it was created at no instant; set Created")
	case s.Seen.Before(s.Created):
		return errors.New("session: it was seen before it was created; set Seen to Created")
	case s.Idle < 0 || s.Life < 0:
		return fmt.Errorf("session: a limit is negative (idle %v, life %v); 0 is no limit", s.Idle, s.Life)
	case !s.Ended.IsZero() || s.Why != "":
		return errors.New("session: it has ended already")
	}
	for _, text := range [...]struct{ of, is string }{
		{"tenant", string(s.Tenant)}, {"member", string(s.Member)}, {"device", s.Device},
		{"operating system", s.System}, {"external identity", s.Via}, {"label", s.Label},
	} {
		if len(text.is) > maxText {
			return fmt.Errorf("session: %s of %d bytes is too long; at most %d", text.of, len(text.is), maxText)
		}
	}
	return nil
}

// What stores of sessions, members and settings return; test with errors.Is.
var (
	ErrNotFound = errors.New("not found")           // there is no such thing
	ErrExists   = errors.New("exists already")      // what was to be made is there
	ErrEnded    = errors.New("session has ended")   // touched or renewed after its end
	ErrConflict = errors.New("changed by somebody") // the version is not the one expected
)
