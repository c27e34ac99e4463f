package session_test

import (
	"encoding/json"
	"fmt"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// A tenant signs out its web sessions. Nothing but its record is written.
func Example() {
	record := struct {
		Version session.Version
		Cuts    session.Cuts
	}{Version: session.Version{Line: 12026, Number: 7}}

	alive := func(s session.Stamp) bool {
		return record.Cuts.Alive(s.Client, s.Policy, record.Version)
	}
	browser := session.Stamp{Client: session.Web, Policy: record.Version}
	phone := session.Stamp{Client: session.Mobile, Policy: record.Version}
	fmt.Println("before:", alive(browser), alive(phone))

	next, err := record.Version.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	record.Version, record.Cuts = next, record.Cuts.Cut(session.ClientsOf(session.Web), next.Number)
	fmt.Println("after: ", alive(browser), alive(phone))

	again := session.Stamp{Client: session.Web, Policy: record.Version}
	fmt.Println("logged in again:", alive(again))
	// Output:
	// before: true true
	// after:  false true
	// logged in again: true
}

func ExampleClient() {
	const kiosk = session.FirstCustom // the first of the host's own
	fmt.Println(session.Web, kiosk, session.UnknownClient)
	fmt.Println(session.Web.Known(), kiosk.Known(), session.UnknownClient.Known())
	// Output:
	// web custom0 unknown
	// true true false
}

func ExampleParseClient() {
	c, err := session.ParseClient("imap")
	fmt.Println(c, err)
	c, err = session.ParseClient("Webmail")
	fmt.Println(c, err)
	// Output:
	// imap <nil>
	// unknown "Webmail" is not a client; want web, desktop, mobile, drive, pop3, imap, smtp, caldav, api or custom0 to custom30
}

func ExampleClientsOf() {
	s := session.ClientsOf(session.Mobile, session.Web)
	fmt.Println(s, s.Len(), s.Has(session.Web), s.Has(session.UnknownClient))
	fmt.Println(session.AllClients &^ session.Apps & session.Interactive)
	// Output:
	// web,mobile 2 true false
	// web
}

func ExampleClients_All() {
	for c := range session.Mail.All() {
		fmt.Println(c)
	}
	// Output:
	// pop3
	// imap
	// smtp
}

func ExampleClients_UnmarshalJSON() {
	var blocked session.Clients
	fmt.Println(json.Unmarshal([]byte(`["mobile","desktop"]`), &blocked), blocked)
	fmt.Println(json.Unmarshal([]byte(`["mobile","mobile",7]`), &blocked))
	// Output:
	// <nil> desktop,mobile
	// clients[1]: mobile is there already; remove one
	// clients[2]: "7" is not a client; want web, desktop, mobile, drive, pop3, imap, smtp, caldav, api or custom0 to custom30
}

func ExampleVersion_Next() {
	v := session.Version{Line: 12026, Number: 7}
	next, err := v.Next()
	fmt.Println(next, err)
	_, err = session.Version{Line: 12026, Number: session.MaxNumber}.Next()
	fmt.Println(err)
	// Output:
	// 9a2.8 <nil>
	// no number follows 9223372036854775807; draw a new line
}

func ExampleStamp() {
	stamp := session.Stamp{
		Policy:   session.Version{Line: 4294967295, Number: 4},
		Member:   session.Version{Line: 12026, Number: 1},
		Client:   session.Web,
		Country:  geo.MustParseCountry("KR"),
		Verified: true,
	}
	text, err := stamp.MarshalText() // goes into the session's record
	fmt.Println(string(text), err)

	var back session.Stamp
	err = back.UnmarshalText(text)
	fmt.Println(back == stamp, err)
	// Output:
	// 1.1z141z3.4.9a2.1.web.vKR <nil>
	// true <nil>
}

func ExampleCuts() {
	var cuts session.Cuts
	cuts = cuts.Cut(session.ClientsOf(session.Web, session.Mobile), 3)
	cuts = cuts.Cut(session.ClientsOf(session.Mobile), 2) // late: changes nothing
	fmt.Println(cuts.Live(session.Web, 2), cuts.Live(session.Web, 3), cuts.Live(session.API, 0))

	text, err := json.Marshal(cuts)
	fmt.Println(string(text), err)
	// Output:
	// false true true
	// [{"clients":["web","mobile"],"version":3}] <nil>
}

func ExampleCuts_Max() {
	everyone := session.Cuts{}.Cut(session.ClientsOf(session.Web, session.Mobile), 3)
	kim := session.Cuts{}.Cut(session.ClientsOf(session.Mobile), 5)
	fmt.Println(everyone.Max(kim))
	fmt.Println(everyone.Max(kim).Highest())
	// Output:
	// [{"clients":["web"],"version":3},{"clients":["mobile"],"version":5}]
	// 5
}

func ExampleCuts_UnmarshalJSON() {
	var cuts session.Cuts
	err := json.Unmarshal([]byte(`[{"clients":["web"],"version":3},{"clients":["imap","imap"],"Version":0}]`), &cuts)
	fmt.Println(err)
	fmt.Println(cuts.IsZero())
	// Output:
	// cuts[1].clients[1]: imap is there already; remove one
	// cuts[1]: key "Version" is not known; want clients and version
	// cuts[1].version: missing
	// true
}
