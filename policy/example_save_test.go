package policy_test

import (
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// An administrator saves settings: they are checked, what they change is shown,
// and the record that is written, at once, also ends the right sessions.
func Example_save() {
	type record struct { // what the host keeps of a tenant
		Settings policy.Settings
		Version  session.Version
		Cuts     session.Cuts
	}
	old := record{Version: session.Version{Line: 12026, Number: 1}} // from session.NewLine
	phone := session.Stamp{Client: session.Mobile, Policy: old.Version}
	browser := session.Stamp{Client: session.Web, Policy: old.Version}

	doc := `{"access": "designated", "designated": [{"range": "8.8.8.0/24", "label": "Head office"}]}`
	settings, _, err := policy.Decode([]byte(doc), policy.NaverWorks(), nil)
	if err != nil {
		fmt.Println(err) // every problem, for the administrator
		return
	}
	change := policy.Diff(old.Settings, settings, policy.NaverWorks(), time.Now())
	for _, line := range change.Summary {
		fmt.Println(line)
	}
	version, err := old.Version.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	saved := record{settings, version, old.Cuts.Cut(change.SignOut, version.Number)}
	for _, s := range []session.Stamp{phone, browser} {
		fmt.Println(s.Client, "alive:", saved.Cuts.Alive(s.Client, s.Policy, saved.Version))
	}
	// Output:
	// access: designated addresses, was all
	// added designated: 8.8.8.0/24 "Head office"
	// mobile alive: true
	// web alive: false
}
