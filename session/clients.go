package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// Clients is a set of [Client]: the client numbered n is bit n. The zero Clients is the
// empty set. Make sets of [ClientsOf] and the constants below, never by converting a
// Client, and combine them with the operators of Go: s|t is the union, s&t the
// intersection, s&^t what s has and t has not, AllClients&^s all others.
//
// Bits that are no known client are never members of the set. Only an arithmetic
// mistake sets them; such a set cannot be marshalled.
type Clients uint64

// Sets that rules speak of.
const (
	// Apps are the programs that are installed on a device.
	Apps Clients = 1<<Mobile | 1<<Desktop | 1<<Drive
	// Mail are the protocols of external mail programs.
	Mail Clients = 1<<POP3 | 1<<IMAP | 1<<SMTP
	// Interactive are the clients that can ask the member for a code or a new password.
	Interactive Clients = 1<<Web | 1<<Desktop | 1<<Mobile | 1<<Drive
	// AllClients is every known client, the host's own included.
	AllClients Clients = (1<<(API+1) - 1<<Web) | custom
)

const custom Clients = 1<<63 - 1<<FirstCustom

const (
	mostCustom     = 3        // custom clients that Words names
	maxClients     = 40       // known clients: 9 and 31
	maxClientsText = 512      // bytes; all names and commas are 319
	maxJSON        = 16 << 10 // bytes, of a Clients or Cuts; written out, the longest Cuts is below 3 KiB
)

// ClientsOf returns the set of the clients c. Unknown ones are left out.
func ClientsOf(c ...Client) Clients {
	var s Clients
	for _, one := range c {
		s |= 1 << one & AllClients
	}
	return s
}

// Has reports whether c is in s. It is never true for a client that is not known.
func (s Clients) Has(c Client) bool {
	return s&AllClients>>c&1 != 0
}

// Len returns the number of clients in s.
func (s Clients) Len() int {
	return bits.OnesCount64(uint64(s & AllClients))
}

// All returns the clients in s in the order of their numbers.
func (s Clients) All() iter.Seq[Client] {
	return func(yield func(Client) bool) {
		for rest := s & AllClients; rest != 0; rest &= rest - 1 {
			if !yield(Client(bits.TrailingZeros64(uint64(rest)))) {
				return
			}
		}
	}
}

// String returns the names in the order of [Clients.All], as in "web,mobile", and "" for
// the empty set. Bits that are no known client follow, as in "web,client(10)".
func (s Clients) String() string { return strings.Join(s.names(), ",") }

// Words returns s for people to read, in English and short, whatever clients of its own the
// host has: "every client", "all but mobile and api", "web, custom0 and custom1", "web and 12
// of custom0 to custom30", and "none" for the empty set. Of four or more custom clients it
// tells the number alone; the whole is in String.
func (s Clients) Words() string {
	most, left := s.list(), (AllClients &^ s).list()
	switch {
	case s == 0:
		return "none"
	case s == AllClients:
		return "every client"
	case len(left) < len(most) && s&custom != 0 && s&^AllClients == 0:
		return "all but " + sentence(left)
	}
	return sentence(most)
}

// list returns what Words says of s, an item for each client, or one for very many.
func (s Clients) list() []string {
	n := (s & custom).Len()
	if n > mostCustom {
		s &^= custom
	}
	list := s.names()
	switch {
	case n == custom.Len():
		list = append(list, "every custom client")
	case n > mostCustom:
		list = append(list, fmt.Sprintf("%d of custom0 to custom30", n))
	}
	return list
}

func sentence(list []string) string {
	last := max(len(list)-1, 0)
	if last == 0 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:last], ", ") + " and " + list[last]
}

// names returns the names of the clients in s, and of bits that are none after them.
func (s Clients) names() []string {
	names := make([]string, 0, s.Len())
	for c := range s.All() {
		names = append(names, clientNames[c])
	}
	for rest := s &^ AllClients; rest != 0; rest &= rest - 1 {
		names = append(names, Client(bits.TrailingZeros64(uint64(rest))).String())
	}
	return names
}

// check returns an error if s cannot be written so that it can be read again.
func (s Clients) check() error {
	if unknown := s &^ AllClients; unknown != 0 {
		return fmt.Errorf("clients with %v cannot be written; build sets with ClientsOf", unknown)
	}
	return nil
}

// MarshalText returns the text of [Clients.String]: "web,mobile". It returns an error if
// s has bits that are no known client.
func (s Clients) MarshalText() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads names in any order, separated by commas alone; "" is the empty
// set. It refuses a name that is unknown or repeated and reports each with its place.
func (s *Clients) UnmarshalText(b []byte) error {
	if len(b) > maxClientsText {
		return fmt.Errorf("clients: %d bytes are too long for a list of clients; at most %d", len(b), maxClientsText)
	}
	var names []string
	if len(b) > 0 {
		names = strings.Split(string(b), ",")
	}
	parsed, problems := parseClients("clients", names)
	if problems != nil {
		return errors.Join(problems...)
	}
	*s = parsed
	return nil
}

// MarshalJSON returns the names as a list, in the order of [Clients.All]; [] for the
// empty set. It returns an error if s has bits that are no known client.
func (s Clients) MarshalJSON() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return json.Marshal(s.names())
}

// UnmarshalJSON reads a list of names in any order. It refuses null, anything that is not
// a name, and a name that is unknown or repeated, and reports each with its place.
func (s *Clients) UnmarshalJSON(b []byte) error {
	parsed, problems := decodeClients("clients", b)
	if problems != nil {
		return errors.Join(problems...)
	}
	*s = parsed
	return nil
}

// decodeClients reads a JSON list of names. Problems begin with path.
func decodeClients(path string, b []byte) (Clients, []error) {
	entries, err := decodeList(path, b, maxClients)
	if err != nil {
		return 0, []error{err}
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		if e[0] != '"' || json.Unmarshal(e, &names[i]) != nil {
			names[i] = string(e) // 7, null: no client is spelled so, and the report quotes it
		}
	}
	return parseClients(path, names)
}

// decodeList takes a JSON list apart. Its bounds keep what one document costs, and the
// problems that it can cause, small.
func decodeList(path string, b []byte, most int) ([]json.RawMessage, error) {
	if len(b) > maxJSON {
		return nil, fmt.Errorf("%s: %d bytes are too long; at most %d", path, len(b), maxJSON)
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(b, &entries); err != nil || entries == nil {
		return nil, fmt.Errorf("%s: %s is not a JSON list; write [] for none", path, quote(string(b)))
	}
	if len(entries) > most {
		return nil, fmt.Errorf("%s: %d entries are too many; at most %d", path, len(entries), most)
	}
	return entries, nil
}

func parseClients(path string, names []string) (Clients, []error) {
	var s Clients
	var problems []error
	for i, name := range names {
		c, err := ParseClient(name)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("%s[%d]: %w", path, i, err))
		case s.Has(c):
			problems = append(problems, fmt.Errorf("%s[%d]: %v is there already; remove one", path, i, c))
		}
		s |= ClientsOf(c)
	}
	return s, problems
}
