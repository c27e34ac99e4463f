package member

import (
	"fmt"
	"log/slog"
	"strconv"
)

// Status says what stands between a member and a login. The zero Status is
// [UnknownStatus], which admits nobody, as does any number without a name below.
// Store the name; the numbers are for this program.
type Status uint8

const (
	UnknownStatus Status = iota
	Pending              // has never set a password
	Active               // may log in
	OnLeave              // away for a time; may log in
	Suspended            // by an administrator, until one lifts it
	Locked               // by failed logins; sessions that are alive go on
	Deleted              // can be restored for a while, to what it was
)

var statusNames = [...]string{
	UnknownStatus: "unknown",
	Pending:       "pending",
	Active:        "active",
	OnLeave:       "on-leave",
	Suspended:     "suspended",
	Locked:        "locked",
	Deleted:       "deleted",
}

const statusHint = "want pending, active, on-leave, suspended, locked or deleted"

// ParseStatus returns the status of that name, spelled exactly as [Status.String] prints
// it. The name "unknown" is refused: nobody stores it on purpose.
func ParseStatus(s string) (Status, error) {
	for i, name := range statusNames {
		if name == s && Status(i).Known() {
			return Status(i), nil
		}
	}
	return UnknownStatus, fmt.Errorf("%s is not a status; %s", quote(s), statusHint)
}

// Known reports whether s says anything: it is neither [UnknownStatus] nor a number that
// means nothing. It does not say that s admits a login.
func (s Status) Known() bool {
	return s != UnknownStatus && int(s) < len(statusNames)
}

// String returns the name of s: "active", "unknown" for [UnknownStatus], and "status(77)"
// for a number that means nothing.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "status(" + strconv.Itoa(int(s)) + ")"
}

// LogValue returns what [Status.String] returns, so that an unknown status, which has no
// text, can be logged where it is refused.
func (s Status) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the name of s. If s is not known, it returns an error: what is
// stored must be readable again.
func (s Status) MarshalText() ([]byte, error) {
	if !s.Known() {
		return nil, fmt.Errorf("status %v cannot be written; %s", s, statusHint)
	}
	return []byte(statusNames[s]), nil
}

// UnmarshalText reads what [ParseStatus] accepts. On an error s stays as it was.
func (s *Status) UnmarshalText(b []byte) error {
	parsed, err := ParseStatus(string(b))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}

// quote makes text from outside safe to print: quoted, and cut to 64 bytes.
func quote(s string) string {
	if len(s) > 64 {
		return strconv.Quote(s[:64]) + "…"
	}
	return strconv.Quote(s)
}
