package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/session"
)

// try is a request for the reader to copy, and what it gives.
type try struct{ command, want string }

// tries returns requests that end in different ways from the places there are: the first of
// the demo's own settings, then an administrator who changes those of works.
func tries(at []place) []try {
	home, office := at[0], at[len(at)-1]
	login := func(p place, tenant, member, password string) string {
		return fmt.Sprintf(`curl -d "member=%s&password=%s" "http://%v/t/%s/login"`, member, password, p, tenant)
	}
	list := []try{
		{login(home, "works", "kim", "demo-kim"), "200 allow [all-addresses]"},
		{login(home, "works", "kim", "wrong"), "401 deny [bad-credentials]"},
		{login(home, "standard", "kim", "demo-kim"), "403 deny [address-not-designated]"},
		{login(home, "standard", "lee", "demo-lee"), "202 change-password [password-change-required]"},
	}
	if office != home {
		list = append(list, try{login(office, "standard", "kim", "demo-kim"), "200 allow [address-designated]"})
	}
	return list
}

// welcome tells somebody who has just started the server what to do with it.
func welcome(w io.Writer, s *site.Site, at []place) {
	say := func(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }
	lasts := ""
	if s.Forgets() {
		lasts = ", and gone when it stops"
	}
	say("A login server that asks Sallyport. Everything is made up%s.\n", lasts)
	for _, p := range at {
		say("  %-23s %s", "http://"+p.String(), p.Name)
	}
	say("")
	for _, t := range s.Tenants() {
		say("  %-9s %-13s %s", t.ID, t.Profile.Name, t.About)
	}
	say("\nMembers: root (super admin), it, kim, lee; the password of each is demo- and the name.")
	say("A real server must know the client and never be told; this one believes client=mobile.")
	say("Countries: %v", s.Countries)
	say("\nOpen one of the URLs, or copy a line and compare:\n")
	for _, t := range tries(at) {
		say("  %s\n    %s", t.command, t.want)
	}
	url := "http://" + at[0].String() + "/t/works"
	say("\nDesignate your address, then switch overseas blocking on instead; each prints what it changes:\n")
	say(`  TOKEN=$(curl -s -d "member=root&password=demo-root" %s/login | sed 's/.*"session":"\([^"]*\)".*/\1/')`, url)
	put := func(doc string) {
		say(`  curl -X PUT -H "Authorization: Bearer $TOKEN" -d '%s' %s/admin/network`, doc, url)
	}
	put(fmt.Sprintf(`{"access":"designated","designated":[{"range":"%v","label":"here"}]}`, at[0].Addr()))
	say(`    200; the session of root has ended with all others: run the line of TOKEN again`)
	put(`{"access":"all","overseas":{"block":true,"exempt":["KR"]}}`)
	say("    200; kim now gets 202 verify [overseas-login], and a code at http://%v/demo/mail?to=kim", at[0])
}

// welcomeReal tells, once, the password of the first super admin and the keys of clients; and
// each time what cannot be mailed.
func welcomeReal(ctx context.Context, w io.Writer, s *site.Site, at []place, mails bool) error {
	say := func(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }
	say("A login server that asks Sallyport.\n")
	for _, p := range at {
		say("  http://%v", p)
	}
	for _, n := range s.Begun {
		say("\nThe tenant main has a super admin now. The password is told this once:\n\n  %s  %s", n.ID, n.Password)
	}
	if !mails {
		say("\nNothing is mailed, for there is no -smtp. Whoever is asked for a code gets none and stays out: with overseas blocking,")
		say("everybody abroad. A save that shuts out the administrators mails no link that would lift it.")
	}
	var clients session.Clients
	for _, t := range s.Tenants() {
		clients |= t.Profile.Clients
	}
	clients &^= session.ClientsOf(session.Web)
	keys, err := s.ClientKeys(ctx, clients)
	if len(keys) > 0 {
		say("\nA login by one of these clients needs its key, in the header X-Client-Key. They are told this once:\n")
	}
	for c := range clients.All() {
		if key, ok := keys[c]; ok {
			say("  %-7v %s", c, key)
		}
	}
	return err
}
