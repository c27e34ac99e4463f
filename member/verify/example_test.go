package verify_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/member/verify"
	"github.com/sallyport-go/sallyport/session"
)

// A login from abroad is verified by a code to the member's phone.
func Example() {
	ctx := context.Background()
	verifier, err := verify.New(verify.NewMemStore(), verify.Domains{"mail.example"}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The decision was verify, for a login whose password is right.
	login := verify.Binding{
		Tenant: "acme", Member: "kim", Client: session.Web,
		Country: geo.MustParseCountry("US"),              // as in the decision
		Policy:  session.Version{Line: 12026, Number: 7}, // as in the stamp
	}
	year := time.Now().AddDate(-1, 0, 0)
	token, msg, err := verifier.Begin(ctx, login, []verify.Contact{
		{Kind: verify.Email, Address: "kim@mail.example", Recorded: year}, // a mailbox of this service
		{Kind: verify.Phone, Address: "+821012345678", Recorded: year},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("sent to", msg.To.Masked()) // msg.Code goes to msg.To, token to the browser

	moved := login
	moved.Country = geo.MustParseCountry("DE")
	fmt.Println("from another country:", verifier.Complete(ctx, token, msg.Code, moved))
	fmt.Println("the code:", verifier.Complete(ctx, token, msg.Code, login)) // now decide again, with Verified
	fmt.Println("once more:", errors.Is(verifier.Complete(ctx, token, msg.Code, login), verify.ErrSpent))
	// Output:
	// sent to ***78
	// from another country: verify: begun by another client, in another country, or under other settings
	// the code: <nil>
	// once more: true
}

func ExampleContact_Masked() {
	fmt.Println(verify.Contact{Kind: verify.Email, Address: "kim@example.com"}.Masked())
	fmt.Println(verify.Contact{Kind: verify.Phone, Address: "+821012345678"}.Masked())
	// Output:
	// k***@example.com
	// ***78
}

func ExampleDomains() {
	own := verify.Domains{"mail.example"}
	for _, address := range []string{"kim@mail.example", "kim@eu.Mail.Example", "kim@example.com"} {
		is, err := own.Own(context.Background(), "acme", address)
		fmt.Println(address, is, err)
	}
	// Output:
	// kim@mail.example true <nil>
	// kim@eu.Mail.Example true <nil>
	// kim@example.com false <nil>
}
