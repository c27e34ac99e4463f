package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/session"
)

// Hash is a hash of a token, or of a code under a token.
type Hash [32]byte

// String returns h in 43 letters, digits, "-" and "_".
func (h Hash) String() string { return base64.RawURLEncoding.EncodeToString(h[:]) }

// MarshalText returns what String returns.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what String returns. On an error h stays as it was.
func (h *Hash) UnmarshalText(b []byte) error {
	read, err := base64.RawURLEncoding.Strict().DecodeString(string(b))
	if err != nil || len(read) != len(h) || len(b) != base64.RawURLEncoding.EncodedLen(len(h)) {
		return fmt.Errorf("verify: %.64q is no hash of 43 characters", b)
	}
	*h = Hash(read)
	return nil
}

// Record is what a [Store] keeps of one member: the verifications that are open or were
// spent, and what is counted. There is no secret in it. It is a value that its reader must
// not alter; Clone makes one that may be. A host puts it into a database as JSON, beside
// tenant, member, revision and until.
type Record struct {
	Tenant session.TenantID `json:"tenant"`
	Member member.ID        `json:"member"`

	// Revision is drawn at random for each write, so that a record that was purged and
	// made again is never taken for what it was.
	Revision string `json:"revision"`

	// Until is from when on the record says nothing any more, and can be purged.
	Until time.Time `json:"until"`

	Attempts []Attempt   `json:"attempts,omitempty"` // of the last ten minutes
	Codes    []time.Time `json:"codes,omitempty"`    // when codes were drawn, of the last hour
	Tries    []time.Time `json:"tries,omitempty"`    // when wrong codes were typed, of the last hour
}

// Attempt is one verification.
type Attempt struct {
	Token         Hash            `json:"token"`
	Code          Hash            `json:"code,omitzero"` // zero once it is spent
	Client        session.Client  `json:"client"`
	Country       geo.Country     `json:"country,omitzero"`
	Policy        session.Version `json:"policy"`
	MemberVersion session.Version `json:"member_version,omitzero"`
	Begun         time.Time       `json:"begun"`
	Tries         int             `json:"tries,omitempty"` // wrong codes
	Spent         bool            `json:"spent,omitempty"`
}

// Clone returns a copy of r that shares nothing with it.
func (r Record) Clone() Record {
	r.Attempts, r.Codes, r.Tries = slices.Clone(r.Attempts), slices.Clone(r.Codes), slices.Clone(r.Tries)
	return r
}

// Err returns what makes r corrupt, or nil. Nobody is verified by a corrupt record.
func (r Record) Err() error {
	switch {
	case r.Tenant == "" || r.Member == "":
		return errors.New("verify: record of nobody")
	case r.Revision == "" || r.Until.IsZero():
		return errors.New("verify: record without revision or end")
	case len(r.Attempts) > maxCodes || len(r.Codes) > maxCodes || len(r.Tries) > maxTries:
		return fmt.Errorf("verify: record with %d verifications, %d codes and %d tries; at most %d, %d and %d",
			len(r.Attempts), len(r.Codes), len(r.Tries), maxCodes, maxCodes, maxTries)
	}
	for i, a := range r.Attempts {
		if a.Token == (Hash{}) || (a.Code == Hash{}) != a.Spent || !a.Client.Known() || a.Policy == (session.Version{}) ||
			a.Begun.IsZero() || a.Tries < 0 || a.Tries > maxTries {
			return errors.New("verify: record whose verification " + strconv.Itoa(i) + " is damaged")
		}
	}
	return nil
}

// recordFormat is the format of the text of a record.
const recordFormat = 1

type plainRecord Record

type recordText struct {
	Format int `json:"format"`
	plainRecord
}

// MarshalJSON writes the whole record.
func (r Record) MarshalJSON() ([]byte, error) {
	return json.Marshal(recordText{recordFormat, plainRecord(r)})
}

// UnmarshalJSON reads what MarshalJSON writes. It refuses a record of a newer format and
// one with keys that it does not know. On an error r stays as it was.
func (r *Record) UnmarshalJSON(b []byte) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return fmt.Errorf("verify: record: %w", err)
	}
	if head.Format != recordFormat {
		return fmt.Errorf("verify: record of format %d; this program reads format %d, so upgrade it", head.Format, recordFormat)
	}
	var read recordText
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&read); err != nil {
		return fmt.Errorf("verify: record: %w", err)
	}
	*r = Record(read.plainRecord)
	return nil
}

// age returns how long ago t was. A clock that is set back does not make it less where t
// was read in this process, nor does a machine that was suspended. It is negative if t
// lies ahead.
func age(t, now time.Time) time.Duration {
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// dead reports whether a has ended by time. One that was begun further ahead than clocks
// differ was begun by a clock that is wrong, and nobody knows when it ends.
func (a Attempt) dead(now time.Time) bool {
	d := age(a.Begun, now)
	return d >= Life || d < -skew
}

// recent returns how many of times were in the last hour. Those that lie ahead are among
// them.
func recent(times []time.Time, now time.Time) (n int) {
	for _, t := range times {
		if age(t, now) < hour {
			n++
		}
	}
	return n
}

// room returns when fewer than most of times are in the last hour: now, if it is so
// already. Those that lie ahead count as of now.
func room(times []time.Time, most int, now time.Time) time.Time {
	var ends []time.Time
	for _, t := range times {
		if d := age(t, now); d < hour {
			ends = append(ends, now.Add(hour-max(d, 0)))
		}
	}
	if len(ends) < most {
		return now
	}
	slices.SortFunc(ends, time.Time.Compare)
	return ends[len(ends)-most]
}

// ahead reports whether something was counted further ahead than clocks differ. It must
// be written again, or it would count for as long as the clock was wrong by.
func (r Record) ahead(now time.Time) bool {
	is := func(t time.Time) bool { return age(t, now) < -skew }
	return slices.ContainsFunc(r.Codes, is) || slices.ContainsFunc(r.Tries, is)
}

// settle drops what has ended, counts what lies ahead as of now, and sets Until.
func (r *Record) settle(now time.Time) {
	r.Attempts = slices.DeleteFunc(r.Attempts, func(a Attempt) bool { return a.dead(now) })
	r.Until = now
	for _, times := range []*[]time.Time{&r.Codes, &r.Tries} {
		*times = slices.DeleteFunc(*times, func(t time.Time) bool { return age(t, now) >= hour })
		for i, t := range *times {
			if age(t, now) < 0 {
				t, (*times)[i] = now, now
			}
			if end := t.Add(hour); end.After(r.Until) {
				r.Until = end
			}
		}
	}
}
