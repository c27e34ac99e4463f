package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/session"
)

// The client keeps the token, the store its hash.
func ExampleNewToken() {
	token, id := session.NewToken()
	fmt.Println(len(token), session.IDOf(token) == id, id.String() == token)
	// Output: 26 true false
}

// A member logs in, comes back, and is signed out by an administrator.
func ExampleMemStore() {
	ctx, now := context.Background(), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	store := session.NewMemStore()

	token, id := session.NewToken() // the token goes into a cookie
	err := store.Create(ctx, session.Session{
		ID: id, Tenant: "acme", Member: "kim",
		Stamp: session.Stamp{Client: session.Web}, // what Admit returned
		Addr:  netip.MustParseAddr("1.208.0.1"), Country: geo.MustParseCountry("KR"),
		Device: "laptop", System: "Windows 11",
		Created: now, Seen: now, Idle: 30 * time.Minute,
	})
	fmt.Println("created:", err)

	// At each request: the session, and the cuts of tenant and member.
	now = now.Add(10 * time.Minute)
	s, err := store.Find(ctx, "acme", session.IDOf(token))
	fmt.Println("live:", err == nil && s.Live(now))
	fmt.Println("touched:", store.Touch(ctx, "acme", s.ID, now, s.Addr, s.Country))

	// An administrator ends what kim has on the laptop.
	n, err := store.EndAll(ctx, session.Order{
		Kind: session.SignOut, Tenant: "acme", Member: "kim", Device: "laptop", Clients: session.AllClients,
	}, now)
	fmt.Println("ended:", n, err)

	s, err = store.Find(ctx, "acme", session.IDOf(token))
	fmt.Println("live:", err == nil && s.Live(now))
	_, next := session.NewToken()
	err = store.Renew(ctx, "acme", id, next, now)
	fmt.Println("renewed:", err, errors.Is(err, session.ErrEnded))
	// Output:
	// created: <nil>
	// live: true
	// touched: <nil>
	// ended: 1 <nil>
	// live: false
	// renewed: session has ended true
}

// What an administrator downloads: the accesses of a member, each live or ended.
func ExampleView() {
	ctx, now := context.Background(), time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	store := session.NewMemStore()
	for i, c := range []session.Client{session.Web, session.Mobile} {
		_, id := session.NewToken()
		s := session.Session{
			ID: id, Tenant: "acme", Member: "=kim", Stamp: session.Stamp{Client: c}, Device: "phone",
			Created: now.Add(time.Duration(i) * time.Minute), Seen: now.Add(time.Duration(i) * time.Minute),
		}
		if err := store.Create(ctx, s); err != nil {
			fmt.Println(err)
		}
		if c == session.Web {
			fmt.Println(store.End(ctx, "acme", id, now.Add(time.Hour), "signed out"))
		}
	}

	var tenant, member struct { // the records, which the host has
		Version session.Version
		Cuts    session.Cuts
	}
	view := session.View{Store: store, At: now.Add(2 * time.Hour), Alive: func(s session.Session) bool {
		return tenant.Cuts.Alive(s.Stamp.Client, s.Stamp.Policy, tenant.Version) && member.Cuts.Alive(s.Stamp.Client, s.Stamp.Member, member.Version)
	}}
	devices, err := view.Devices(ctx, "acme", "=kim")
	fmt.Println(len(devices), devices[0].ID, devices[0].Clients, devices[0].Live, err)
	var file strings.Builder
	err = session.WriteVisits(&file, view.Visits(ctx, "acme", session.VisitQuery{Member: "=kim"}), session.CSVOptions{Download: true})
	fmt.Println(err)
	fmt.Print(strings.ReplaceAll(file.String(), "\r\n", "\n"))
	// Output:
	// <nil>
	// 1 phone web,mobile true <nil>
	// <nil>
	// "time","member","client","system","device","address","country","verified","state","ended","why"
	// "2026-03-01T09:01:00Z","'=kim","mobile","","phone","","","no","live","",""
	// "2026-03-01T09:00:00Z","'=kim","web","","phone","","","no","ended","2026-03-01T10:00:00Z","signed out"
}

func ExampleNewCSV() {
	var file strings.Builder
	c := session.NewCSV(&file, session.CSVOptions{Download: true, BOM: true})
	err := errors.Join(c.Write("name", "note"), c.Write("kim", "=1+1"), c.Flush())
	fmt.Printf("%q %v\n", file.String(), err)
	// Output:
	// "\ufeff\"name\",\"note\"\r\n\"kim\",\"'=1+1\"\r\n" <nil>
}
