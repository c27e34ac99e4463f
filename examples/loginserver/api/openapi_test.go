package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/sallyport-go/sallyport/examples/loginserver/api"
	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
)

// documented is a demo whose every answer is compared with the document.
type documented struct {
	*client
	faulty
	site  *site.Site
	doc   map[string]any
	check *jsonschema.Compiler
	said  map[string]bool // what was answered: "GET /healthz 200"
}

func newDocumented(t *testing.T) (*documented, *api.API) {
	t.Helper()
	d := &documented{said: make(map[string]bool)}
	s, err := site.New(t.Context(), site.Options{Setups: site.Demo(), Demo: true, Iterations: 1, Stores: d.stores()})
	if err != nil {
		t.Fatal(err)
	}
	f := &front.Front{Site: s, Names: []string{"example.com"}}
	a := &api.API{Front: f, Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintln(w, "sallyport_alarms_total 0")
	})}
	// The schemas of OpenAPI 3.1 are those of JSON Schema 2020-12, and refer within the document.
	d.doc = document(t)
	v := jsonschema.NewCompiler()
	v.DefaultDraft(jsonschema.Draft2020)
	v.AssertFormat()
	if err := v.AddResource("file:///openapi", d.doc); err != nil {
		t.Fatal(err)
	}
	d.client, d.site, d.check = &client{T: t, Handler: f.Handler(nothing, a.Room())}, s, v
	return d, a
}

// ask sends a request, compares the answer with the document, and returns it. path may
// have a query; pattern is how the document writes it.
func (d *documented) ask(want int, method, pattern, path, body string, headers ...string) map[string]any {
	d.Helper()
	w, ans := d.do(method, path, body, headers...)
	if w.Code != want {
		d.Errorf("%s %s %s: %d %s; want %d", method, path, body, w.Code, w.Body, want)
	}
	d.said[fmt.Sprintf("%s %s %d", method, pattern, w.Code)] = true
	if err := d.conforms(method, pattern, w.Result()); err != nil {
		d.Errorf("%s %s: %d %s\n%v", method, path, w.Code, w.Body, err)
	}
	return ans
}

// The server answers as openapi.yaml says: each route is documented and each documented
// operation is a route, and each documented answer is given once and is what it says.
func TestOpenAPI(t *testing.T) {
	d, a := newDocumented(t)
	wanted, operations := documentedAnswers(t)
	if routes := api.Routes(a); !slices.Equal(routes, operations) {
		t.Errorf("routes and operations differ:\n%v\n%v", routes, operations)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { defer close(ran); d.site.Run(ctx) }()
	defer func() { stop(); <-ran }()

	d.door()
	d.network()
	d.people()
	d.service()

	for _, w := range wanted {
		if !d.said[w] {
			t.Errorf("documented, and never given: %s", w)
		}
		delete(d.said, w)
	}
	for s := range d.said {
		t.Errorf("given, and not documented: %s", s)
	}
}

// document returns openapi.yaml as JSON has it.
func document(t *testing.T) map[string]any {
	t.Helper()
	var read any
	if err := yaml.Unmarshal(api.Document, &read); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc.(map[string]any)
}

// at returns what a pointer names in the document, behind the references on the way, and
// the pointer without them.
func (d *documented) at(names ...string) (map[string]any, string) {
	found, pointer := d.doc, "#"
	for _, name := range names {
		next, ok := found[name].(map[string]any)
		if !ok {
			return nil, pointer + "/" + name
		}
		found, pointer = next, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if ref, ok := found["$ref"].(string); ok {
			names := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
			found, pointer = d.at(names...)
		}
	}
	return found, pointer
}

// conforms compares an answer with the document: its status, its kind and its body.
func (d *documented) conforms(method, pattern string, w *http.Response) error {
	place := []string{"paths", pattern, strings.ToLower(method), "responses", fmt.Sprint(w.StatusCode)}
	if found, pointer := d.at(place...); found == nil {
		return fmt.Errorf("nothing at %s", pointer)
	}
	kind, _, _ := mime.ParseMediaType(w.Header.Get("Content-Type"))
	if w.StatusCode == http.StatusNoContent {
		return nil
	}
	response, pointer := d.at(place...)
	content, _ := response["content"].(map[string]any)
	if content[kind] == nil {
		return fmt.Errorf("no %s at %s", kind, pointer)
	}
	headers, _ := response["headers"].(map[string]any)
	for name := range headers {
		if w.Header.Get(name) == "" {
			return fmt.Errorf("no header %s", name)
		}
	}
	if !strings.HasSuffix(kind, "json") {
		return nil
	}
	schema, err := d.check.Compile("file:///openapi" + pointer + "/content/" + strings.ReplaceAll(kind, "/", "~1") + "/schema")
	if err != nil {
		return err
	}
	body, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		return err
	}
	return schema.Validate(body)
}

func documentedAnswers(t *testing.T) (answers, operations []string) {
	t.Helper()
	for path, item := range document(t)["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			operation := strings.ToUpper(method) + " " + path
			operations = append(operations, operation)
			for code := range op.(map[string]any)["responses"].(map[string]any) {
				answers = append(answers, operation+" "+code)
			}
		}
	}
	slices.Sort(operations)
	return answers, operations
}

func (d *documented) mailed(kind string) map[string]any {
	d.Helper()
	for range 3000 { // a minute, where orders take a second
		mails, err := d.site.Mails(d.Context(), "")
		if err != nil {
			d.Fatal(err)
		}
		for _, m := range mails {
			if m.Kind == kind {
				return map[string]any{"code": m.Code, "link": m.Link}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.Fatalf("no %s was mailed", kind)
	return nil
}

func (d *documented) door() {
	const login, verify, password, me, logout = "/t/{tenant}/login", "/t/{tenant}/verify", "/t/{tenant}/password", "/t/{tenant}/me", "/t/{tenant}/logout"
	post := func(want int, pattern, tenant, body string, headers ...string) map[string]any {
		d.Helper()
		return d.ask(want, "POST", pattern, strings.Replace(pattern, "{tenant}", tenant, 1), body, headers...)
	}
	big := `{"code":"` + strings.Repeat("1", 5000) + `"}`
	for _, p := range []string{login, verify, password} {
		post(400, p, "works", `x`)
		post(413, p, "works", big)
		post(415, p, "works", `{}`, "Content-Type", "text/plain")
		post(404, p, "none", `{}`)
	}
	post(200, login, "works", `{"member":"kim","password":"demo-kim","client":"mobile"}`)
	post(401, login, "works", `{"member":"kim","password":"wrong"}`)
	post(403, login, "standard", `{"member":"kim","password":"demo-kim"}`)
	post(401, verify, "works", `{"attempt":"x","code":"123456"}`)
	post(403, verify, "standard", `{"attempt":"x","code":"123456"}`)
	post(401, password, "works", `{"attempt":"x","old":"a","new":"correct horse battery"}`)
	post(403, password, "standard", `{"attempt":"x","old":"a","new":"correct horse battery"}`)

	step := post(202, login, "standard", `{"member":"lee","password":"demo-lee"}`)
	post(200, password, "standard", fmt.Sprintf(`{"attempt":%q,"old":"demo-lee","new":"correct horse battery"}`, step["attempt"]))
	d.login("line", "it")
	d.ask(200, "POST", "/t/{tenant}/admin/members/{id}/{action}", "/t/line/admin/members/kim/request-password", `{"reason":"leaked"}`)

	// Overseas blocking asks for a code, since loopback is in no country: this demo has no
	// country file, so the designated list with its alternative does.
	d.login("standard", "root")
	d.ask(200, "PUT", "/t/{tenant}/admin/network", "/t/standard/admin/network", `{"access":"designated","designated":[{"range":"::1"}],"outside":"verify"}`)
	d.login("works", "root")
	step = post(202, login, "standard", `{"member":"kim","password":"demo-kim"}`)
	post(401, verify, "standard", fmt.Sprintf(`{"attempt":%q,"code":"x"}`, step["attempt"]))
	post(200, verify, "standard", fmt.Sprintf(`{"attempt":%q,"code":%q}`, step["attempt"], d.mailed(site.MailVerification)["code"]))
	// One whose password must be changed too goes from the one step to the other.
	d.login("standard", "root")
	d.ask(200, "POST", "/t/{tenant}/admin/members/{id}/{action}", "/t/standard/admin/members/kim/request-password", ``)
	step = post(202, login, "standard", `{"member":"kim","password":"demo-kim"}`)
	post(202, verify, "standard", fmt.Sprintf(`{"attempt":%q,"code":%q}`, step["attempt"], d.mailed(site.MailVerification)["code"]))
	// And one of whom a code is asked since the step began.
	step = post(202, login, "line", `{"member":"kim","password":"demo-kim"}`)
	d.login("line", "root")
	d.ask(200, "PUT", "/t/{tenant}/admin/network", "/t/line/admin/network", `{"access":"designated","designated":[{"range":"::1"}],"outside":"verify"}`)
	change := fmt.Sprintf(`{"attempt":%q,"old":"demo-kim","new":"another horse battery"}`, step["attempt"])
	step = post(202, password, "line", change)
	// And one who has typed too many wrong codes.
	wrong := "000000"
	if d.mailed(site.MailVerification)["code"] == wrong {
		wrong = "000001"
	}
	wrong = fmt.Sprintf(`{"attempt":%q,"code":%q}`, step["attempt"], wrong)
	for range 5 {
		post(401, verify, "line", wrong)
	}
	post(429, verify, "line", wrong)
	post(429, password, "line", change)
	post(429, login, "line", `{"member":"kim","password":"demo-kim"}`)

	d.login("works", "root")
	d.ask(200, "GET", me, "/t/works/me", "")
	d.ask(404, "GET", me, "/t/none/me", "")
	d.down.Store(true)
	for _, p := range []string{login, verify, password} {
		post(503, p, "works", map[string]string{
			login: `{"member":"kim","password":"x"}`, verify: `{"attempt":"x"}`, password: `{"attempt":"x","old":"a","new":"correct horse battery"}`}[p])
	}
	d.ask(503, "GET", me, "/t/works/me", "")
	post(503, logout, "works", "")
	d.down.Store(false)
	post(204, logout, "works", "")
	post(404, logout, "none", "")
	d.ask(401, "GET", me, "/t/works/me", "")
}

// administrators asks what every request of an administrator may be answered.
func (d *documented) administrators(method, pattern, path, body string) {
	d.Helper()
	token := d.token
	d.login("works", "lee")
	d.ask(403, method, pattern, path, body)
	d.token = ""
	d.ask(401, method, pattern, path, body)
	d.ask(404, method, pattern, strings.Replace(path, "/works/", "/none/", 1), body)
	d.down.Store(true)
	d.ask(503, method, pattern, path, body)
	d.down.Store(false)
	d.token = token
}

func (d *documented) network() {
	const pattern, at = "/t/{tenant}/admin/network", "/t/works/admin/network"
	const here, elsewhere, open = `{"access":"designated","designated":[{"range":"127.0.0.1","label":"here"}]}`, `{"access":"designated","designated":[{"range":"9.9.9.9"}]}`, `{"access":"all"}`
	d.login("works", "it")
	d.ask(200, "GET", pattern, at, "")
	d.ask(400, "PUT", pattern, at, here, "If-Match", "x")
	d.ask(400, "PUT", pattern, at+"?provisonal=1h", open)
	d.ask(400, "PUT", pattern, at+"?why=a&why=b", open)
	d.ask(409, "PUT", pattern, at, elsewhere)
	d.ask(412, "PUT", pattern, at, here, "If-Match", `"1.1"`)
	d.ask(413, "PUT", pattern, at, strings.Repeat(" ", 5<<20))
	d.ask(422, "PUT", pattern, at, `{"access":"designated","designated":[{"range":"8.8.8.8/33"}]}`)
	first := d.ask(200, "PUT", pattern, at+"?provisional=1h", here)["version"]
	d.login("works", "it")
	d.from = "192.0.2.1:4711"
	d.ask(403, "GET", "/t/{tenant}/me", "/t/works/me", "")
	d.from = ""
	d.ask(400, "POST", pattern+"/confirm", at+"/confirm", "", "If-Match", "x")
	d.ask(412, "POST", pattern+"/confirm", at+"/confirm", "", "If-Match", `"1.1"`)
	d.ask(428, "POST", pattern+"/confirm", at+"/confirm", "")
	d.ask(200, "POST", pattern+"/confirm", at+"/confirm", "", "If-Match", "*")
	d.ask(409, "POST", pattern+"/confirm", at+"/confirm", "", "If-Match", "*")
	d.ask(200, "PUT", pattern, at+"?provisional=1h", open)
	d.ask(400, "POST", pattern+"/take-back", at+"/take-back", "", "If-Match", "x")
	d.ask(412, "POST", pattern+"/take-back", at+"/take-back", "", "If-Match", `"1.1"`)
	d.ask(428, "POST", pattern+"/take-back", at+"/take-back", "")
	d.ask(200, "POST", pattern+"/take-back", at+"/take-back", "", "If-Match", "*")
	d.login("works", "it")
	d.ask(409, "POST", pattern+"/take-back", at+"/take-back", "", "If-Match", "*")
	d.ask(200, "PUT", pattern, at, open)
	d.ask(200, "GET", pattern+"/history", at+"/history?max=3", "")
	d.ask(400, "GET", pattern+"/history", at+"/history?max=x", "")
	restore := fmt.Sprintf(`{"version":%q}`, first)
	d.ask(400, "POST", pattern+"/restore", at+"/restore", `{"version":"x"}`)
	d.ask(400, "POST", pattern+"/restore", at+"/restore?provisional=1h", restore) // which would be for good
	d.ask(400, "POST", pattern+"/confirm", at+"/confirm?provisional=1h", "")
	d.ask(400, "POST", pattern+"/take-back", at+"/take-back?provisional=1h", "")
	d.ask(412, "POST", pattern+"/restore", at+"/restore", restore, "If-Match", `"1.1"`)
	d.ask(413, "POST", pattern+"/restore", at+"/restore", `{"version":"`+strings.Repeat("1", 5000)+`"}`)
	d.ask(415, "POST", pattern+"/restore", at+"/restore", `{}`, "Content-Type", "text/plain")
	d.ask(409, "POST", pattern+"/restore", at+"/restore", restore, "X-Forwarded-For", "9.9.9.9")
	d.ask(200, "POST", pattern+"/restore", at+"/restore", restore)
	d.login("works", "it")
	d.ask(200, "PUT", pattern, at, open)

	const preview, whatif = "/t/{tenant}/admin/preview", "/t/{tenant}/admin/whatif"
	d.ask(200, "POST", preview, "/t/works/admin/preview", elsewhere)
	d.ask(413, "POST", preview, "/t/works/admin/preview", strings.Repeat(" ", 5<<20))
	d.ask(422, "POST", preview, "/t/works/admin/preview", `{}`)
	d.ask(200, "POST", whatif, "/t/works/admin/whatif", `{"addr":"8.8.8.8","client":"web","member":"kim","settings":`+here+`}`)
	d.ask(400, "POST", whatif, "/t/works/admin/whatif", `{"addr":"x"}`)
	d.ask(413, "POST", whatif, "/t/works/admin/whatif", strings.Repeat(" ", 5<<20))
	d.ask(422, "POST", whatif, "/t/works/admin/whatif", `{"addr":"8.8.8.8","settings":{}}`)

	d.administrators("GET", pattern, at, "")
	d.administrators("PUT", pattern, at, open)
	d.administrators("POST", pattern+"/confirm", at+"/confirm", "")
	d.administrators("POST", pattern+"/take-back", at+"/take-back", "")
	d.administrators("GET", pattern+"/history", at+"/history", "")
	d.administrators("POST", pattern+"/restore", at+"/restore", restore)
	d.administrators("POST", preview, "/t/works/admin/preview", open)
	d.administrators("POST", whatif, "/t/works/admin/whatif", `{"addr":"8.8.8.8"}`)
}

func (d *documented) people() {
	const pattern, at = "/t/{tenant}/admin", "/t/works/admin"
	d.login("works", "root")
	for _, list := range []string{"/members", "/members/{id}", "/accesses", "/audit", "/devices"} {
		path := at + strings.Replace(list, "{id}", "kim", 1)
		d.ask(200, "GET", pattern+list, path, "")
		d.administrators("GET", pattern+list, path, "")
		switch list {
		case "/members", "/accesses", "/audit":
			d.ask(400, "GET", pattern+list, path+"?max=0", "")
		case "/members/{id}":
			d.ask(400, "GET", pattern+list, path+"?client=fax", "")
		}
	}
	const action = pattern + "/members/{id}/{action}"
	d.ask(200, "POST", action, at+"/members/kim/suspend", `{"reason":"left"}`)
	d.ask(409, "POST", action, at+"/members/kim/suspend", `{"reason":"left"}`)
	d.ask(200, "POST", action, at+"/members/it/signout", ``)
	d.ask(200, "POST", action, at+"/members/it/set-password", `{"reason":"leaked"}`)
	d.ask(400, "POST", action, at+"/members/it/set-password", `{"password":"short"}`)
	d.ask(404, "POST", action, at+"/members/kim/fly", `{}`)
	d.ask(413, "POST", action, at+"/members/kim/lift", `{"reason":"`+strings.Repeat("x", 5000)+`"}`)
	d.ask(415, "POST", action, at+"/members/kim/lift", `{}`, "Content-Type", "text/plain")
	d.administrators("POST", action, at+"/members/kim/lift", `{}`)
}

func (d *documented) service() {
	d.ask(200, "GET", "/healthz", "/healthz", "")
	d.ask(200, "GET", "/metrics", "/metrics", "")
	d.ask(200, "GET", "/openapi.yaml", "/openapi.yaml", "")
	d.ask(200, "GET", "/demo/mail", "/demo/mail?to=kim", "")

	d.login("kintone", "it")
	d.ask(200, "PUT", "/t/{tenant}/admin/network", "/t/kintone/admin/network", `{"access":"designated","designated":[{"range":"127.0.0.1"}]}`)
	link := d.mailed(site.MailResetLink)["link"].(string)
	const pattern = "/reset/{token}"
	d.ask(200, "GET", pattern, link, "")
	d.down.Store(true)
	d.ask(503, "GET", "/healthz", "/healthz", "")
	d.ask(503, "GET", "/demo/mail", "/demo/mail", "")
	d.ask(503, "GET", pattern, link, "")
	d.ask(503, "POST", pattern, link, "")
	d.down.Store(false)
	d.ask(200, "POST", pattern, link, "")
	d.ask(410, "POST", pattern, link, "")
	d.ask(410, "GET", pattern, link, "")
}
