package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// try is a login for the reader to copy.
type try struct {
	from   place
	tenant session.TenantID
	member member.ID
	right  bool // the password
}

// tries returns logins that end in different ways from the places there are.
func (s *server) tries() []try {
	home, office := s.places[0], s.places[len(s.places)-1]
	allowed := try{office, "works", "kim", true}
	if office == home {
		allowed.member = "lee" // the exception
	}
	return []try{
		{home, "works", "kim", true},
		allowed,
		{home, "line", "kim", false},
		{home, "line", "lee", true},
		{home, "standard", "kim", true},
	}
}

// welcome tells somebody who has just started the server what to do with it.
func (s *server) welcome(ctx context.Context, w io.Writer) {
	say := func(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }
	say("A login server that asks Sallyport. Everything is made up, and gone when it stops.\n")
	for _, p := range s.places {
		say("  %-23s %s", "http://"+p.String(), p.Name)
	}
	say("")
	for _, t := range s.tenants {
		say("  %-9s %-13s %s", t.ID, t.Profile.Name, t.About)
	}
	say("\nMembers: root (super admin), it, kim, lee; the password of each is demo- and the name.")
	say("A real server must know the client; this one believes what it is told: client=mobile.")
	say("Countries: %v", s.countries)
	say("\nOpen one of the URLs, or copy a line and compare:\n")
	for _, t := range s.tries() {
		say("  %s\n    %s", t.command(), s.expected(ctx, t))
	}
}

func (t try) command() string {
	password := "wrong"
	if t.right {
		password = "demo-" + string(t.member)
	}
	return fmt.Sprintf(`curl -d "member=%s&password=%s" "http://%v/t/%s/login"`, t.member, password, t.from, t.tenant)
}

// expected is what the command gives: the status and the decision.
func (s *server) expected(ctx context.Context, t try) string {
	tenant := s.tenant(t.tenant)
	d, _, _ := tenant.engine.Admit(ctx, engine.Login{Tenant: t.tenant, Member: t.member, Plan: tenant.Plan, Client: session.Web, Addr: t.from.Addr(), Authenticated: t.right})
	return fmt.Sprintf("%d %v", statusOf(d), policy.Decision{Effect: d.Effect, Reason: d.Reason})
}
