package engine_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// What the engine answers can be passed on as JSON: in one spelling, and what is not there is
// left out.
func TestAnswersAsJSON(t *testing.T) {
	kr := geo.MustParseCountry("KR")
	at := session.Version{Line: 1, Number: 2}
	finding := engine.Finding{Member: "kim", Client: session.Web, Addr: saveHome, From: saveEpoch,
		Decision: policy.Decision{Effect: policy.Verify, Reason: policy.ReasonOverseasLogin, Country: kr}, Acting: true}
	const found = `{"member":"kim","client":"web","addr":"9.9.9.9","from":"2000-01-01T00:00:00Z",` +
		`"decision":{"effect":"verify","reason":"overseas-login","country":"KR"},"acting":true}`
	for _, row := range []struct {
		answer any
		want   string
	}{
		{engine.Saved{}, `{"version":{"line":0,"number":0},"change":{"sign_out":[]}}`},
		{engine.Saved{Version: at, Repeated: true, OnlyBypass: []engine.Finding{finding}, ShutOut: []engine.Finding{{}}, Until: saveEpoch.Add(time.Hour)},
			`{"version":{"line":1,"number":2},"change":{"sign_out":[]},"repeated":true,"only_bypass":[` + found + `],` +
				`"shut_out":[{"member":"","decision":{"effect":"deny","reason":"no-policy"}}],"until":"2000-01-01T01:00:00Z"}`},
		{engine.LockoutError{}, `{}`},
		{&engine.LockoutError{Tenant: saveTenant, Version: at, Nothing: true, NothingFrom: saveEpoch, Findings: []engine.Finding{finding},
			Return: &engine.LockoutError{Nothing: true}, Mend: policy.Entry{Range: ipset.MustParseRange("9.9.9.9")}, MendCountry: kr,
			StillOut: []engine.Finding{finding}, Force: "x"},
			`{"tenant":"acme","version":{"line":1,"number":2},"nothing":true,"nothing_from":"2000-01-01T00:00:00Z","findings":[` + found + `],` +
				`"return":{"nothing":true},"mend":{"range":"9.9.9.9"},"mend_country":"KR","still_out":[` + found + `],"force":"x"}`},
		{engine.NotAdmittedError{Finding: finding, Force: "x"}, found[:len(found)-1] + `,"force":"x"}`},
		{engine.Offer{Tenant: saveTenant, Version: at, Expires: saveEpoch},
			`{"tenant":"acme","version":{"line":1,"number":2},"expires":"2000-01-01T00:00:00Z","change":{"sign_out":[]}}`},
		{engine.Found{Watches: true}, `{"watches":true,"remembers":false,"logs":false}`},
		{engine.Preview{Visits: 1, Refused: engine.Tally{Visits: 1, ByCountry: map[geo.Country]int{kr: 2, {}: 1}}},
			`{"change":{"sign_out":[]},"visits":1,"unknown":0,"refused":{"visits":1,"by_country":{"":1,"KR":2}},` +
				`"asked":{"visits":0},"freed":{"visits":0},"signed_out":{"visits":0}}`},
	} {
		text, err := json.Marshal(row.answer)
		if err != nil || string(text) != row.want {
			t.Errorf("%T: %v\n%s\nwant\n%s", row.answer, err, text, row.want)
		}
		if back := reflect.New(reflect.Indirect(reflect.ValueOf(row.answer)).Type()); json.Unmarshal(text, back.Interface()) != nil ||
			!reflect.DeepEqual(back.Elem().Interface(), reflect.Indirect(reflect.ValueOf(row.answer)).Interface()) {
			t.Errorf("%T: reads back as %+v", row.answer, back.Elem())
		}
	}
}
