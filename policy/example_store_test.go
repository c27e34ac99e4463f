package policy_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Two administrators save on the same version: one wins, the other is told so. Package
// policy/engine does this for a host.
func ExampleNewMemStore() {
	ctx := context.Background()
	store := policy.NewMemStore()
	if _, err := store.Load(ctx, "acme"); errors.Is(err, session.ErrNotFound) {
		fmt.Println("missing is not empty")
	}

	first := policy.Record{Tenant: "acme", Version: session.Version{Line: 12026, Number: 1}, Save: "enrol", At: time.Now()}
	if _, err := store.Save(ctx, session.Version{}, first, session.Event{ID: "enrol", Tenant: "acme"}, nil); err != nil {
		fmt.Println(err)
	}

	for _, admin := range []string{"kim", "lee"} {
		r := first
		r.Version.Number++
		r.Save = "save of " + admin
		event := session.Event{ID: r.Save, Tenant: "acme", Kind: "settings-saved", Policy: r.Version}
		order := session.Order{ID: r.Save, Kind: session.SignOut, Tenant: "acme", Clients: session.AllClients, Policy: r.Version}
		_, err := store.Save(ctx, first.Version, r, event, []session.Order{order})
		fmt.Println(admin, "in conflict:", errors.Is(err, session.ErrConflict))
	}
	orders, err := store.Waiting(ctx, "acme", 10)
	fmt.Println(len(orders), "order:", orders[0].ID, err)
	// Output:
	// missing is not empty
	// kim in conflict: false
	// lee in conflict: true
	// 1 order: save of kim <nil>
}
