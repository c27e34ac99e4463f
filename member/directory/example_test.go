package directory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/member/directory"
	"github.com/sallyport-go/sallyport/session"
)

// exampleDirectory has a tenant with a super admin, an HR admin and a member.
func exampleDirectory(o *directory.Options) *directory.Directory {
	store := directory.NewMemStore()
	dir, err := directory.New(store, store, o)
	if err != nil {
		panic(err)
	}
	for id, role := range map[member.ID]string{"ann": directory.SuperAdmin, "hana": directory.HRAdmin, "kim": ""} {
		a := directory.Account{Member: member.Member{Tenant: "acme", ID: id}, Profile: directory.Profile{Name: "Ms " + string(id)}}
		if role != "" {
			a.Roles = []directory.Role{{Name: role}}
		}
		if err := dir.Adopt(context.Background(), a, "import"); err != nil {
			panic(err)
		}
	}
	return dir
}

func Example() {
	ctx := context.Background()
	dir := exampleDirectory(nil)

	fmt.Println(dir.Suspend(ctx, "hana", "acme", "kim", "left the company"))
	m, err := dir.Member(ctx, "acme", "kim")
	fmt.Println(m.Status, err)

	err = dir.Suspend(ctx, "ann", "acme", "ann", "by mistake")
	fmt.Println(err)
	var refused *directory.RefusedError
	if errors.As(err, &refused) {
		fmt.Println(refused.Reason == directory.LastSuperAdmin)
	}

	events, err := dir.Events(ctx, "ann", "acme", session.EventQuery{Kind: "member-suspended"})
	for _, e := range events {
		fmt.Printf("%s suspends %s [%s]: %s\n", e.Actor, e.Member, e.Refused, e.Why)
	}
	fmt.Println(err)
	// Output:
	// <nil>
	// suspended <nil>
	// directory: "suspend" to "ann" refused [last-super-admin]: no other super admin can log in; make another one first
	// true
	// ann suspends ann [last-super-admin]: by mistake
	// hana suspends kim []: left the company
	// <nil>
}

func ExampleAct_Do() {
	a := directory.Account{Member: member.Member{Tenant: "acme", ID: "kim", Status: member.Active, Version: session.Version{Line: 7, Number: 4}}}
	c, err := directory.Suspend.Do(a, directory.Facts{Actor: "ann", At: noon, Why: "left"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Account.Status, c.Account.Version.Number, c.Account.Cuts.Live(session.Web, 4))
	fmt.Println(c.Event.Kind, c.Event.Before, c.Event.After)
	fmt.Println(c.Orders[0].Kind, c.Orders[0].Clients == session.AllClients)
	// Output:
	// suspended 5 false
	// member-suspended {"status":"active"} {"status":"suspended"}
	// sign-out true
}

func ExampleDirectory_Each() {
	dir := exampleDirectory(nil)
	facts := directory.Facts{Actor: "hana", Why: "passwords were seen"}
	for _, r := range dir.Each(context.Background(), directory.RequestPasswordChange, "acme", []member.ID{"kim", "ann", "lee"}, facts) {
		fmt.Println(r.Member, r.Err == nil, errors.Is(r.Err, directory.ErrRefused))
	}
	// Output:
	// kim true false
	// ann false true
	// lee false true
}

func ExampleDirectory_Count() {
	ctx := context.Background()
	dir := exampleDirectory(nil)
	for range directory.DefaultFailures {
		locked, err := dir.Count(ctx, "acme", "kim", false) // a wrong password
		fmt.Println(locked, err)
	}
	fmt.Println(dir.Unlock(ctx, "ann", "acme", "kim", "called me"))
	fmt.Println(dir.Count(ctx, "acme", "kim", true))
	// Output:
	// false <nil>
	// false <nil>
	// false <nil>
	// false <nil>
	// true <nil>
	// <nil>
	// false <nil>
}

func ExampleDirectory_Overview() {
	dir := exampleDirectory(&directory.Options{Sessions: session.NewMemStore()})
	o, err := dir.Overview(context.Background(), "hana", "acme", "kim", 0)
	fmt.Println(o.ID, o.Profile.Name, o.Status, len(o.Visits), err)
	// Output:
	// kim Ms kim active 0 <nil>
}

func ExampleDirectory_BlockedCSV() {
	ctx := context.Background()
	dir := exampleDirectory(&directory.Options{Terms: func(context.Context, session.TenantID) (directory.Terms, error) {
		return directory.Terms{Download: true}, nil
	}})
	if err := dir.BlockApps(ctx, "ann", "acme", "kim", "phone lost"); err != nil {
		fmt.Println(err)
	}
	var file strings.Builder
	if err := dir.BlockedCSV(ctx, &file, "ann", "acme", false); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.ReplaceAll(file.String(), "\r\n", "\n"))
	// Output:
	// "name","mail","rank","phones","workplace","organisation","title"
	// "Ms kim","","","","","",""
}
