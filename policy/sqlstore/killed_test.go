package sqlstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/sqlstore"
	"github.com/sallyport-go/sallyport/policy/sqlstore/internal/nodetest"
	"github.com/sallyport-go/sallyport/session"
)

// The server is killed in the middle of saves and started again. What was acknowledged is
// there, what is there is whole, and a save that failed is repeated by its id.
func TestGuarantee19ServerKilledInTheMiddle(t *testing.T) {
	lengthy(t)
	t.Parallel()
	c := nodetest.Clustered(t)
	s := migrated(t, open(t, "pgx", c.DSN()), sqlstore.PostgreSQL)
	saved, failed := uint64(0), 0
	for round := range 3 {
		until := saved + 5
		killed := make(chan error, 1)
		for killing := false; ; {
			r := record(acme, saved+1)
			err := save(t.Context(), s, r)
			if err == nil {
				saved++
				if killing {
					continue // until one fails
				}
				if is := must[session.Version](t)(s.Policies().Version(t.Context(), acme)); is != r.Version {
					t.Fatalf("%v was acknowledged, and the record is at %v", r.Version, is)
				}
			}
			if saved >= until && !killing {
				killing = true
				go func() { killed <- c.Kill() }()
			}
			if err != nil {
				failed++
				break
			}
		}
		if err := errors.Join(<-killed, c.Start()); err != nil {
			t.Fatal(err)
		}
		r := record(acme, saved+1)
		var err error
		for range 20 { // the pool may hold connections of the server that was
			if err = save(t.Context(), s, r); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatalf("after the server is back: %v", err)
		}
		saved++
		is := look(t, s, acme)
		is.whole(t, fmt.Sprintf("killed %d times", round+1))
		if is.number != saved {
			t.Fatalf("%d was acknowledged, and the record is at %d", saved, is.number)
		}
	}
	t.Logf("the server was killed three times in %d saves, of which %d failed and were repeated", saved, failed)
}

// The server is killed while two processes decide. No copy decides beyond the bound, and
// with the server back the first good answer mends it.
func TestGuarantee22ServerKilledUnderTwoProcesses(t *testing.T) {
	lengthy(t)
	t.Parallel()
	c := nodetest.Clustered(t)
	populated(t, migrated(t, open(t, "pgx", c.DSN()), sqlstore.PostgreSQL), acme, "kim")
	const bound = time.Second
	var all []*process
	for range 2 {
		all = append(all, start(t, job{DSN: c.DSN(), MaxStale: bound}, nil))
	}
	one := all[0].login(t, acme, "kim")
	for _, p := range all {
		if r := p.check(t, one); r.Decision != "allow" {
			t.Fatalf("before: %s [%s]", r.Decision, r.Reason)
		}
	}
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	down := time.Now()
	for i, p := range all {
		for {
			r := p.ask(ask{Do: "check", Tenant: acme, Member: "kim", Session: one})
			if r.Decision == "deny" && slices.Contains([]string{policy.ReasonPolicyStale.String(), policy.ReasonMemberStale.String()}, r.Reason) {
				break
			}
			if r.Decision != "allow" || r.Began.Sub(down) > bound {
				t.Fatalf("process %d, %v after the server was killed: %s [%s] %s", i, r.Began.Sub(down), r.Decision, r.Reason, r.Err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if r := p.ask(ask{Do: "admit", Tenant: acme, Member: "kim"}); r.Decision != "deny" {
			t.Errorf("process %d lets somebody in while it cannot know: %s [%s]", i, r.Decision, r.Reason)
		}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		for p.ask(ask{Do: "check", Tenant: acme, Member: "kim", Session: one}).Decision != "allow" {
			time.Sleep(10 * time.Millisecond)
		}
	}
}
