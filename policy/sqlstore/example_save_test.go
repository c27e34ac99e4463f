package sqlstore_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// An administrator's save and a row of the host's own are written together, or neither is.
func ExampleDB_In_save() {
	ctx := context.Background()
	db, stores, remove, err := opened(ctx)
	defer remove()
	if err == nil {
		_, err = db.ExecContext(ctx, "CREATE TABLE journal (line text)") // the host's own
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	eng, err := engine.New(policy.Standard(), stores.Policies(), staff{}, nil) // that decides, and is Run
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := eng.Enroll(ctx, engine.Enrollment{Tenant: "acme"}); err != nil {
		fmt.Println(err)
		return
	}
	addr := netip.MustParseAddr("8.8.8.8")
	_, stamp, err := eng.Admit(ctx, engine.Login{Tenant: "acme", Member: "kim", Client: session.Web, Addr: addr, Authenticated: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	shown, err := eng.Settings(ctx, "acme")
	if err != nil {
		fmt.Println(err)
		return
	}

	save := func() error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()                                                                  // after every error; one that is no refusal may leave a part of the save
		within, err := engine.New(policy.Standard(), stores.In(tx).Policies(), staff{}, nil) // for this save alone
		if err != nil {
			return err
		}
		_, err = within.Save(ctx, engine.Save{
			Act: engine.Act{Tenant: "acme", From: shown.Version, By: engine.Place{Member: "kim", Client: session.Web, Addr: addr}},
			Settings: policy.Settings{
				Access:     policy.DesignatedAddresses,
				Designated: []policy.Entry{{Range: ipset.MustParseRange("8.8.8.0/24")}},
			},
		})
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO journal VALUES ('kim has designated addresses')"); err != nil {
			return err
		}
		return tx.Commit()
	}
	if err := save(); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := eng.Settings(ctx, "acme"); err != nil { // this process has seen it from here on
		fmt.Println("it is saved, and this process sees it within MaxStale:", err)
	}
	d, err := eng.Check(ctx, engine.Request{Tenant: "acme", Member: "kim", Stamp: stamp, Addr: addr})
	fmt.Println(d, err)
	// Output:
	// deny [session-cut] <nil>
}
