package session

import (
	"fmt"
	"log/slog"
	"strconv"
)

// Client is the kind of program that a member logs in with. The host must know it, by
// a registered OAuth client, an endpoint of its own or an attestation. It must never
// take it from a field of the request or the User-Agent, because some clients are free
// of rules that others are not. What cannot be proved is [Web].
//
// The zero Client is [UnknownClient], which is refused everywhere, as is any number
// without a name below. Numbers and names never change their meaning; store the name.
type Client uint8

// The clients that have a name of their own. [FirstCustom] and the 30 numbers after it
// are for the host to define, as in
//
//	const Kiosk = session.FirstCustom + 0 // custom0
//	const Till  = session.FirstCustom + 1 // custom1
const (
	UnknownClient Client = iota
	Web
	Desktop
	Mobile
	Drive
	POP3
	IMAP
	SMTP
	CalDAV
	API

	FirstCustom Client = 32
)

// The numbers end at 62, so that a set of clients leaves bit 63 clear and fits a signed
// column of a database.
var clientNames = [...]string{
	Web: "web", Desktop: "desktop", Mobile: "mobile", Drive: "drive",
	POP3: "pop3", IMAP: "imap", SMTP: "smtp", CalDAV: "caldav", API: "api",
	FirstCustom: "custom0", "custom1", "custom2", "custom3", "custom4", "custom5",
	"custom6", "custom7", "custom8", "custom9", "custom10", "custom11", "custom12",
	"custom13", "custom14", "custom15", "custom16", "custom17", "custom18", "custom19",
	"custom20", "custom21", "custom22", "custom23", "custom24", "custom25", "custom26",
	"custom27", "custom28", "custom29", "custom30",
}

const clientHint = "want web, desktop, mobile, drive, pop3, imap, smtp, caldav, api or custom0 to custom30"

// ParseClient returns the client of that name, spelled exactly as [Client.String]
// prints it. The name "unknown" is refused: nobody stores it on purpose.
func ParseClient(s string) (Client, error) {
	for c := range AllClients.All() {
		if clientNames[c] == s {
			return c, nil
		}
	}
	return UnknownClient, fmt.Errorf("%s is not a client; %s", quote(s), clientHint)
}

// Known reports whether c is a client: neither [UnknownClient] nor a number that means
// nothing.
func (c Client) Known() bool {
	return AllClients.Has(c)
}

// String returns the name of c: "web", "custom0", "unknown" for [UnknownClient], and
// "client(77)" for a number that means nothing.
func (c Client) String() string {
	switch {
	case c.Known():
		return clientNames[c]
	case c == UnknownClient:
		return "unknown"
	}
	return "client(" + strconv.Itoa(int(c)) + ")"
}

// LogValue returns what [Client.String] returns, so that an unknown client, which has no
// text, can be logged where it is refused.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns the name of c. If c is not known, it returns an error: what is
// stored must be readable again.
func (c Client) MarshalText() ([]byte, error) {
	if !c.Known() {
		return nil, fmt.Errorf("client %v cannot be written; %s", c, clientHint)
	}
	return []byte(clientNames[c]), nil
}

// UnmarshalText reads what [ParseClient] accepts.
func (c *Client) UnmarshalText(b []byte) error {
	parsed, err := ParseClient(string(b))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// quote makes text from outside safe to print: quoted, and cut to 64 bytes.
func quote(s string) string {
	if len(s) > 64 {
		return strconv.Quote(s[:64]) + "…"
	}
	return strconv.Quote(s)
}
