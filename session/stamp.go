package session

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/geo"
)

// Stamp is what a session keeps of the decision that admitted it. Renewing a session
// keeps its stamp. Stamps can be compared with ==.
//
// A stamp proves nothing by itself. Keep it where the client cannot change it, in the
// session's record on the server or in a signed claim, beside the tenant and the member.
//
// The zero Stamp is of an unknown client and alive nowhere. For a session from before
// stamps were kept use Stamp{Client: c}: the first cut ends it.
type Stamp struct {
	Policy   Version     // of the tenant's settings
	Member   Version     // of the member
	Client   Client      // as the host proved it at login; no request can change it
	Country  geo.Country // where the member was verified, if Verified
	Verified bool        // the member completed an identity verification
}

// The text of a stamp. Sessions live for years and across upgrades, so a release may
// learn to read another format but must never write this one differently.
const (
	stampFormat  = "1"
	maxStampText = 128 // bytes; the longest is 58
)

// MarshalText returns a short text of letters, digits and dots, which fits URLs, cookies
// and headers as it is. Every release writes the same: "1", the line and the number of
// Policy, those of Member, all in base 36, and the client's name, joined by dots. If
// Verified is set or Country known, another field has "v" if verified, then the country:
//
//	1.1z141z3.4.9a2.1.web.vKR
//
// If the client is not known or a number above [MaxNumber], it returns an error.
func (s Stamp) MarshalText() ([]byte, error) {
	if !s.Client.Known() {
		return nil, fmt.Errorf("stamp of client %v cannot be written; %s", s.Client, clientHint)
	}
	if n := max(s.Policy.Number, s.Member.Number); n > MaxNumber {
		return nil, fmt.Errorf("stamp with number %d cannot be written; at most %d", n, MaxNumber)
	}
	b := append(make([]byte, 0, 64), stampFormat...)
	for _, v := range [...]Version{s.Policy, s.Member} {
		b = strconv.AppendUint(append(b, '.'), uint64(v.Line), 36)
		b = strconv.AppendUint(append(b, '.'), v.Number, 36)
	}
	b = append(append(b, '.'), clientNames[s.Client]...)
	if s.Verified || s.Country != (geo.Country{}) {
		b = append(b, '.')
		if s.Verified {
			b = append(b, 'v')
		}
		b = append(b, s.Country.String()...)
	}
	return b, nil
}

// UnmarshalText reads exactly what [Stamp.MarshalText] writes, and refuses every other
// spelling of it, so that a stamp has one text. It refuses "", which a store returns for
// a session without a stamp. A JSON null never gets here and leaves s as it was.
func (s *Stamp) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		return errors.New("stamp is empty; for a session from before stamps use Stamp{Client: c}")
	}
	if len(b) > maxStampText {
		return fmt.Errorf("stamp of %d bytes is too long; at most %d", len(b), maxStampText)
	}
	parsed, err := parseStamp(string(b))
	if err != nil {
		return fmt.Errorf("stamp %s: %w", quote(string(b)), err)
	}
	*s = parsed
	return nil
}

func parseStamp(text string) (Stamp, error) {
	f := strings.Split(text, ".")
	if f[0] != stampFormat {
		return Stamp{}, fmt.Errorf("format %s is not known to this release; it reads format %s", quote(f[0]), stampFormat)
	}
	if len(f) != 6 && len(f) != 7 {
		return Stamp{}, fmt.Errorf("%d fields; want 6, or 7 if verified", len(f))
	}
	var s Stamp
	for i, v := range []*Version{&s.Policy, &s.Member} {
		line, lineErr := strconv.ParseUint(f[1+2*i], 36, 32)
		number, numberErr := strconv.ParseUint(f[2+2*i], 36, 63)
		if lineErr != nil || numberErr != nil {
			return Stamp{}, fmt.Errorf("%s is not a line and number in base 36 of at most 32 and 63 bits", quote(f[1+2*i]+"."+f[2+2*i]))
		}
		*v = Version{Line: uint32(line), Number: number}
	}
	var err error
	if s.Client, err = ParseClient(f[5]); err != nil {
		return Stamp{}, err
	}
	if len(f) == 7 {
		var code string
		if code, s.Verified = strings.CutPrefix(f[6], "v"); code != "" {
			if s.Country, err = geo.ParseCountry(code); err != nil {
				return Stamp{}, err
			}
		}
	}
	if again, err := s.MarshalText(); err != nil || string(again) != text {
		return Stamp{}, fmt.Errorf("not spelled as it was written; want %s", again)
	}
	return s, nil
}
