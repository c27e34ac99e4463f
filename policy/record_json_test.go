package policy_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// recTexts are texts of records as hosts have stored them. Never change one: add.
var recTexts = []struct {
	why, text string
	r         policy.Record
}{
	{"as little as there is",
		`{"format":1,"tenant":"acme","version":{"line":12026,"number":1},"at":"0001-01-01T00:00:00Z","settings":{"format":1,"access":"all"}}`,
		policy.Record{Tenant: "acme", Version: session.Version{Line: 12026, Number: 1}}},
	{"all that there is",
		`{"format":1,"tenant":"acme","version":{"line":12026,"number":7},"plan":"standard",` +
			`"cuts":[{"clients":["pop3","imap","smtp"],"version":2},{"clients":["web"],"version":5}],` +
			`"member_cuts":{"kim":[{"clients":["desktop","mobile","drive"],"version":7}],"lee":[{"clients":["web"],"version":6}]},` +
			`"drafts":3,"save":"save-7","by":"kim","at":"2026-07-08T11:00:00Z","deleted":true,` +
			`"settings":` + recSettingsText("office") + `,` +
			`"return":{"at":"2026-07-08T12:00:00Z","cuts":[{"clients":["web","desktop","mobile","drive","pop3","imap","smtp","caldav","api",` + recCustom() + `],"version":8}],` +
			`"member_cuts":{"kim":[{"clients":["desktop","mobile","drive"],"version":7}],"lee":[{"clients":["web"],"version":8}]},` +
			`"settings":` + recSettingsText("before") + `},` +
			`"draft":{"number":3,"by":"lee","at":"2026-07-08T12:00:00Z","settings":` + recSettingsText("draft") + `}}`,
		recFull()},
}

func recSettingsText(label string) string {
	return `{"format":1,"access":"designated","designated":[{"range":"8.8.8.0/24","label":"` + label + `","until":"2026-07-08T12:00:00.000000001Z"},{"range":"2606:4700::/32"}],` +
		`"outside":"verify","exceptions":[{"member":"kim","ranges":["1.208.0.0/12"],"until":"2026-07-08T12:00:00Z","note":"` + label + `"},{"member":"lee","ranges":[]}],` +
		`"overseas":{"block":true,"exempt":["KR"]}}`
}

func recCustom() string {
	var names []string
	for c := range session.AllClients.All() {
		if c >= session.FirstCustom {
			names = append(names, `"`+c.String()+`"`)
		}
	}
	return strings.Join(names, ",")
}

func TestRecordTextsNeverChange(t *testing.T) {
	for _, row := range recTexts {
		b, err := json.Marshal(row.r)
		if err != nil || string(b) != row.text {
			t.Errorf("%s: written as %s, %v; want %s", row.why, b, err, row.text)
		}
		var r policy.Record
		if err := json.Unmarshal([]byte(row.text), &r); err != nil || !reflect.DeepEqual(r, row.r) {
			t.Errorf("%s: read as %+v, %v; want %+v", row.why, r, err, row.r)
		}
	}
}

// Instants are written in UTC, so that any zone can be written, and are read as the same
// instants.
func TestRecordJSONZones(t *testing.T) {
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 9*3600), time.FixedZone("LMT", -9*3600-30*60-17), time.FixedZone("", 86399)} {
		r := recFull()
		r.At, r.Return.At, r.Draft.At = r.At.In(zone), r.Return.At.In(zone), r.Draft.At.In(zone)
		r.Settings.Designated[0].Until = r.Settings.Designated[0].Until.In(zone)
		b, err := json.Marshal(r)
		if err != nil || string(b) != recTexts[1].text {
			t.Errorf("in %v: %s, %v", zone, b, err)
		}
	}
}

func TestRecordJSONRefuses(t *testing.T) {
	full, bare := recTexts[1].text, recTexts[0].text
	for _, row := range []struct{ why, says, text string }{
		{"nothing", "unexpected end", ""},
		{"null", "record of format 0", "null"},
		{"an empty object", "record of format 0", "{}"},
		{"a list", "cannot unmarshal array", "[]"},
		{"text behind it", "invalid character", bare + "{}"},
		{"no format", "record of format 0", strings.Replace(bare, `"format":1,"tenant"`, `"tenant"`, 1)},
		{"a format of the future", "record of format 2; this program reads format 1", strings.Replace(bare, `"format":1`, `"format":2`, 1)},
		{"a format that is not a number", "format", strings.Replace(bare, `"format":1`, `"format":"1"`, 1)},
		{"a key of the future", `unknown field "ends"`, strings.Replace(bare, `"tenant"`, `"ends":1,"tenant"`, 1)},
		{"a key of the future in the version", `unknown field "epoch"`, strings.Replace(bare, `"line"`, `"epoch":1,"line"`, 1)},
		{"a key of the future in the return", `unknown field "ends"`, strings.Replace(full, `"return":{`, `"return":{"ends":1,`, 1)},
		{"a key of the future in the draft", `unknown field "ends"`, strings.Replace(full, `"draft":{`, `"draft":{"ends":1,`, 1)},
		{"a key of the future in the settings", "there is no key", strings.Replace(bare, `"access"`, `"ends":1,"access"`, 1)},
		{"a format of the future in the settings", "format 2 is newer", strings.Replace(bare, `"settings":{"format":1`, `"settings":{"format":2`, 1)},
		{"settings without access", "there is no access", strings.Replace(bare, `"access":"all"`, `"outside":"verify"`, 1)},
		{"no settings, which would let everyone in", `record of "acme" lacks settings`, strings.Replace(bare, `,"settings":{"format":1,"access":"all"}`, ``, 1)},
		{"null for settings", "settings", strings.Replace(bare, `{"format":1,"access":"all"}`, `null`, 1)},
		{"no settings to return to", `record of "acme" lacks settings`, strings.Replace(full, `,"settings":`+recSettingsText("before"), ``, 1)},
		{"null for settings to return to", "settings", strings.Replace(full, recSettingsText("before"), `null`, 1)},
		{"no settings in the draft", `record of "acme" lacks settings`, strings.Replace(full, `,"settings":`+recSettingsText("draft"), ``, 1)},
		{"null for cuts", "null", strings.Replace(bare, `"at"`, `"cuts":null,"at"`, 1)},
		{"null for a member's cuts", "null", strings.Replace(bare, `"at"`, `"member_cuts":{"kim":null},"at"`, 1)},
		{"a cut of a client of the future", "is not a client", strings.Replace(full, `"web"`, `"kiosk"`, 1)},
		{"a negative number", "number", strings.Replace(bare, `"number":1`, `"number":-1`, 1)},
		{"a number that is not whole", "number", strings.Replace(bare, `"number":1`, `"number":1.5`, 1)},
		{"a number that wraps", "number", strings.Replace(bare, `"number":1`, `"number":18446744073709551616`, 1)},
		{"a line of 33 bits", "line", strings.Replace(bare, `12026`, `4294967296`, 1)},
		{"an instant that is none", "yesterday", strings.Replace(bare, `0001-01-01T00:00:00Z`, `yesterday`, 1)},
		{"settings of a later bad entry", "8.8.8.0/33", strings.Replace(full, `8.8.8.0/24`, `8.8.8.0/33`, 1)},
		{"cut off", "unexpected end", full[:len(full)-1]},
	} {
		if row.text == full || row.text == bare {
			t.Errorf("%s: the row changes nothing", row.why)
		}
		kept := recFull()
		for how, read := range map[string]func() error{
			"json.Unmarshal": func() error { return json.Unmarshal([]byte(row.text), &kept) },
			"UnmarshalJSON":  func() error { return kept.UnmarshalJSON([]byte(row.text)) },
		} {
			if row.text == "null" && how == "json.Unmarshal" {
				continue // for encoding/json, null changes nothing
			}
			if err := read(); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s, by %s: %v; want %q", row.why, how, err, row.says)
			}
			if !reflect.DeepEqual(kept, recFull()) {
				t.Fatalf("%s, by %s: left %+v; a failure must leave it as it was", row.why, how, kept)
			}
		}
	}
}

func TestRecordThatCannotBeReadIsNotWritten(t *testing.T) {
	for _, row := range []struct {
		why   string
		spoil func(*policy.Record)
	}{
		{"a tenant that would be another", func(r *policy.Record) { r.Tenant = "acme\xff" }},
		{"a cut that would be another member's", func(r *policy.Record) { r.MemberCuts["kim\xff"] = recCut(recWeb, 1) }},
		{"a cut of the return that would be another member's", func(r *policy.Record) { r.Return.MemberCuts["kim\xff"] = recCut(recWeb, 1) }},
		{"a save that would be another", func(r *policy.Record) { r.Save = "\xff" }},
		{"settings without meaning", func(r *policy.Record) { r.Settings.Access = 9 }},
		{"settings to return to without meaning", func(r *policy.Record) { r.Return.Settings.Outside = 9 }},
		{"a draft without meaning", func(r *policy.Record) { r.Draft.Settings.Designated = []policy.Entry{{}} }},
		{"a year that no text can say", func(r *policy.Record) { r.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		r := recFull()
		row.spoil(&r)
		if b, err := json.Marshal(r); err == nil {
			t.Errorf("%s: written as %s", row.why, b)
		}
	}
}

// A node of an older release meets records of a newer one while a cluster is upgraded.
func TestGuarantee12RecordOfTheFutureIsRefused(t *testing.T) {
	for _, text := range []string{
		strings.Replace(recTexts[0].text, `"format":1`, `"format":2`, 1),
		strings.Replace(recTexts[0].text, `"format":1`, `"format":1,"only_at_night":true`, 1),
	} {
		var r policy.Record
		if err := json.Unmarshal([]byte(text), &r); err == nil || !reflect.DeepEqual(r, policy.Record{}) {
			t.Errorf("%s is read as %+v, %v", text, r, err)
		}
	}
}

// recOdd returns a record such as damage or a careless host makes.
func recOdd(rng *rand.Rand) policy.Record {
	text := func() string {
		return []string{"acme", "kim", "lee", "\x00", strings.Repeat("x", 300), `"`, "", "\xff"}[rng.IntN(8)]
	}
	number := func() uint64 {
		return []uint64{0, 1, 2, 7, 8, session.MaxNumber - 1, session.MaxNumber, 1 << 63, 1<<64 - 1}[rng.IntN(9)]
	}
	cuts := func() (c session.Cuts) {
		for range rng.IntN(3) {
			c = c.Cut(session.Clients(rng.Uint64()), number())
		}
		return c
	}
	members := func() (m map[member.ID]session.Cuts) {
		for range rng.IntN(4) {
			if m == nil {
				m = make(map[member.ID]session.Cuts)
			}
			m[member.ID(text())] = cuts()
		}
		return m
	}
	at := func() time.Time {
		return []time.Time{{}, recNoon, time.Unix(1<<62, 0), time.Unix(-1<<62, 0)}[rng.IntN(4)]
	}
	settings := func() policy.Settings {
		if rng.IntN(4) > 0 {
			return recSettings(strings.ToValidUTF8(text(), ""))
		}
		return docGarbage(rng)
	}
	r := policy.Record{
		Tenant: session.TenantID(text()), Version: session.Version{Line: uint32(rng.IntN(3)), Number: number()}, Plan: policy.Plan(text()),
		Settings: settings(), Cuts: cuts(), MemberCuts: members(), Drafts: number(), Save: text(), By: member.ID(text()), At: at(), Deleted: rng.IntN(2) == 0,
	}
	if rng.IntN(2) == 0 {
		r.Return = &policy.Return{At: at(), Settings: settings(), Cuts: cuts(), MemberCuts: members()}
	}
	if rng.IntN(2) == 0 {
		r.Draft = &policy.Draft{Number: number(), Settings: settings(), By: member.ID(text()), At: at()}
	}
	return r
}

func TestGuarantee13NothingPanicsOnOddRecords(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 3))
	sound, written := 0, 0
	for range 6000 {
		r, old := recOdd(rng), recOdd(rng)
		if err := r.Err(); err == nil {
			sound++
			if now := r.Now(recNoon); now.Err() != nil {
				t.Fatalf("%+v is sound, and corrupt when it has returned: %v", r, now.Err())
			}
		}
		_ = r.Follows(old)
		if c := r.Clone(); !reflect.DeepEqual(c, r) {
			t.Fatalf("the clone of %+v is %+v", r, c)
		}
		b, err := json.Marshal(r)
		if err != nil {
			continue
		}
		written++
		var read policy.Record
		if err := json.Unmarshal(b, &read); err != nil {
			t.Fatalf("%s cannot be read: %v", b, err)
		}
		if again, err := json.Marshal(read); err != nil || string(again) != string(b) {
			t.Fatalf("%s is written again as %s, %v", b, again, err)
		}
	}
	if sound < 100 || written < 100 {
		t.Errorf("only %d records were sound, and %d written: the walk shows little", sound, written)
	}
}

// FuzzRecordJSON: no text panics; what is read is written again as what reads the same,
// and never decides by a part: what a text lacks is not made up.
func FuzzRecordJSON(f *testing.F) {
	for _, row := range recTexts {
		f.Add([]byte(row.text))
	}
	f.Add([]byte(`{"format":1,"tenant":"a","version":{"line":1,"number":1},"member_cuts":{"":[],"\ud800":[{"clients":["web"],"version":1}]},"at":"2026-07-08T12:00:00+23:59","settings":{"access":"all"}}`))
	f.Add([]byte(`{"FORMAT":1,"Settings":{"access":"designated"},"return":null,"draft":{"settings":{"access":"all"}},"at":"9999-12-31T23:59:59-23:59"}`))
	f.Add([]byte(`{"format":1,"settings":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := recFull()
		if err := kept.UnmarshalJSON(text); err != nil {
			if !reflect.DeepEqual(kept, recFull()) {
				t.Fatalf("%q is refused, but leaves %+v", text, kept)
			}
			return
		}
		if !strings.Contains(strings.ToLower(string(text)), "settings") && !strings.Contains(string(text), `\u`) {
			t.Fatalf("%q says nothing of settings, and is read as %+v", text, kept)
		}
		_ = kept.Err()
		_ = kept.Now(recNoon).Follows(kept)
		b, err := json.Marshal(kept)
		if err != nil {
			if y := kept.At.UTC().Year(); y < 0 || y > 9999 {
				return // an offset led out of the years that a text can say
			}
			if kept.Return != nil || kept.Draft != nil {
				return // likewise
			}
			t.Fatalf("%q is read as %+v, but not written: %v", text, kept, err)
		}
		var again policy.Record
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("%q is written as %s, which is not read: %v", text, b, err)
		}
		if twice, err := json.Marshal(again); err != nil || string(twice) != string(b) {
			t.Fatalf("%q is written as %s, and then as %s, %v", text, b, twice, err)
		}
	})
}
