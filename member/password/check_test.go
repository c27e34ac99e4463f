package password_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/member/password"
)

// good is taken by every policy here.
const good = "Trommel-7-Gurke.Wind"

func candidate(pw string) password.Candidate {
	return password.Candidate{New: pw, Blocklist: password.ListOf(), Used: password.FirstPassword}
}

// codes returns the codes of what is wrong, as in a log.
func codes(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var refused *password.RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("%v is not refused", err)
		return err.Error()
	}
	var all []string
	for _, f := range refused.Flaws {
		all = append(all, f.Code)
	}
	return strings.Join(all, " ")
}

func TestCheck(t *testing.T) {
	naver := password.NaverWorks()
	all := password.Policy{MinLength: 8, Require: password.AllKinds}
	for _, row := range []struct {
		why, pw string
		p       password.Policy
		want    string
	}{
		{"NIST takes what is long", "correct horse battery", password.NIST(), ""},
		{"15 characters", "mug piano tile!", password.NIST(), ""},
		{"14 characters", "mug piano tile", password.NIST(), "too-short"},
		{"the zero policy asks for 15 too", "mug piano tile", password.Policy{}, "too-short"},
		{"nothing", "", password.Policy{}, "too-short"},
		{"a code point is a character, however many bytes", "비밀번호는길고기억하기쉬운말로", password.NIST(), ""},
		{"14 of them", "밀번호는길고기억하기쉬운말로", password.NIST(), "too-short"},
		{"blanks count", "a b c d e f g h", password.NIST(), ""},
		{"emoji are characters", "🐙 and 🦊 and 🐢 go", password.NIST(), ""},
		{"256 characters", strings.Repeat("many words ", 24)[:256], password.NIST(), ""},
		{"257", strings.Repeat("many words ", 24)[:257], password.NIST(), "too-long"},
		{"256 of four bytes", strings.Repeat("🐙🦊🐢🐌🦉🐝🐞🦋", 32), password.NIST(), ""},
		{"257 of four bytes", strings.Repeat("🐙🦊🐢🐌🦉🐝🐞🦋", 32) + "🐙", password.NIST(), "too-long"},
		{"a megabyte", strings.Repeat("x", 1<<20), password.NIST(), "too-long"},
		{"1,025 bytes are too many whatever they are", strings.Repeat("\xff", 1025), password.NIST(), "too-long"},
		{"1,024 that are no text", strings.Repeat("\xff", 1024), password.NIST(), "not-text"},
		{"a megabyte that is not even text", strings.Repeat("\xff", 1<<20), password.NIST(), "too-long"},
		{"not UTF-8", "correct horse \xff battery", password.NIST(), "not-text"},
		{"what was read wrongly", "correct horse \ufffd battery", password.NIST(), "not-text"},
		{"NUL, at which some hashes stop", "correct\x00horse battery", password.NIST(), "control-character"},
		{"a line break", "correct horse battery\n", password.NIST(), "control-character"},
		{"a control character beyond ASCII", "correct\u0085horse battery", password.NIST(), "control-character"},
		{"half of a surrogate pair", "correct horse \xed\xa0\x80 battery", password.NIST(), "not-text"},
		{"NUL in a longer form", "correct horse \xc0\x80 battery", password.NIST(), "not-text"},
		{"above all characters", "correct horse \xf4\x90\x80\x80 battery", password.NIST(), "not-text"},
		{"composed, 14 characters: the host chooses a form before it asks", "crème brûlée s", password.NIST(), "too-short"},
		{"decomposed, 17", "cre\u0300me bru\u0302le\u0301e s", password.NIST(), ""},
		{"15 marks", strings.Repeat("\u0301", 15), password.NIST(), "predictable"},
		{"15 that nobody sees", strings.Repeat("\u200b", 15), password.NIST(), "predictable"},
		{"one that nobody sees is a character", "mug piano tile\u200b", password.NIST(), ""},

		{"the product's", "gurke-wind7", naver, ""},
		{"8 characters", "gurke77x", naver, ""},
		{"7, and no digit: all at once", "gurkexx", naver, "too-short no-digit"},
		{"no letter", "7351 9024 11", naver, "no-letter"},
		{"letters of English, as its pages say", "пароль 7351", naver, "no-letter"},
		{"digits of English", "gurke٣٤٥٦xyz", naver, "no-digit"},
		{"all kinds", "Gurke-7x", all, ""},
		{"none", "ééééöüéö", all, "no-letter no-upper no-lower no-digit no-symbol"},
		{"é is no symbol", "Gurke7xé", all, "no-symbol"},
		{"nor is its mark", "Gurke7xe\u0301", all, "no-symbol"},
		{"nor what nobody sees", "Gurke7x\u200b", all, "no-symbol"},
		{"an emoji is one", "Gurke7x🐢", all, ""},
		{"a blank is one", "Gurke 7x", all, ""},
		{"the first of each kind", "!Aa0Aa0!", all, ""},
		{"the last of each kind", "~Zz9Zz9~", all, ""},
		{"small letters only", "gurke-7x", all, "no-upper"},
		{"capitals only", "GURKE-7X", all, "no-lower"},

		{"one character", strings.Repeat("a", 20), password.NIST(), "predictable"},
		{"two in turn", strings.Repeat("xy", 10), password.NIST(), "predictable"},
		{"four in turn, cut off", strings.Repeat("abcd", 5)[:18], password.NIST(), "predictable"},
		{"in any case", "abcABCabcABCabcABC", password.NIST(), "predictable"},
		{"counting", "123456789012345", password.NIST(), "predictable"},
		{"counting down", "098765432109876", password.NIST(), "predictable"},
		{"the alphabet", "ABCDEFGHIJKLMNOPQRSTUVWXYZabc", password.NIST(), "predictable"},
		{"the keyboard", "qwertyuiopasdfghjkl", password.NIST(), "predictable"},
		{"the keyboard backwards", "MNBVCXZLKJHGFDSA", password.NIST(), "predictable"},
		{"its columns", "1qaz2wsx3edc4rfv", password.NIST(), "predictable"},
		{"a part of it is not the whole", "qwertyuiop and a goat", password.NIST(), ""},
		{"five in turn", strings.Repeat("goats", 4), password.NIST(), ""},
	} {
		if got := codes(t, row.p.Check(t.Context(), candidate(row.pw))); got != row.want {
			t.Errorf("%s: %q; want %q", row.why, got, row.want)
		}
	}
}

func TestOwnWords(t *testing.T) {
	words := []string{"Acme Corporation", "kim.minsu@example.com", "김민수", "1985-03-17", "io", "7", "Por", strings.Repeat(" ", 254) + "gurke"}
	for _, row := range []struct {
		why, pw string
		want    string
	}{
		{"the name of the tenant", "AcmeCorporation", "own-words"},
		{"a part, with a year", "acme!2027!2027!", "own-words"},
		{"two parts in another order", "Minsu.Kim@Acme2027", "own-words"},
		{"repeated", "acme-Acme-ACME-acme", "own-words"},
		{"with what nobody sees in between", "ac\u200bme!2027!20\u200d27!", "own-words"},
		{"a name in another script", "김민수1234567890!!", "own-words"},
		{"the day of birth", "17.03.1985-19850317", "own-words"},
		{"three letters more are little", "acme corporation xyz", "own-words"},
		{"four are a word", "acme corporation goat", ""},
		{"a name within a sentence is no matter", "kim likes green pianos", ""},
		{"a word of three letters is one", "por--por--por-7", "own-words"},
		{"short words stand anywhere by chance", "io--io--7--io--io--x", ""},
		{"digits only, but not theirs", "7351 9024 1185 0034", ""},
		{"what stands around a word does not join to one", "kacmeimgo 1234567890", ""},
		{"the longest first: Por is a part of Corporation", "corporation-corporation", "own-words"},
		{"of a long word the first 256 bytes count", "gurke gurke gurke 7", ""},
	} {
		c := candidate(row.pw)
		c.Words = words
		if got := codes(t, password.NIST().Check(t.Context(), c)); got != row.want {
			t.Errorf("%s: %q; want %q", row.why, got, row.want)
		}
	}
	c := candidate(good)
	for range password.MaxWords {
		c.Words = append(c.Words, strings.Repeat("w\xff ", 1<<10))
	}
	if err := password.NIST().Check(t.Context(), c); err != nil {
		t.Errorf("long words: %v", err)
	}
	c.Words = append(c.Words, "one more")
	if err := password.NIST().Check(t.Context(), c); !errors.Is(err, password.ErrUnchecked) {
		t.Errorf("too many words: %v", err)
	}
}

func TestBlocklist(t *testing.T) {
	list, err := password.ReadList(strings.NewReader("\ufeffcorrect horse battery\r\n\n#1 is a password too\nEndsWithoutALine"))
	if err != nil || list.Len() != 3 {
		t.Fatalf("%d, %v", list.Len(), err)
	}
	for _, row := range []struct{ why, pw, want string }{
		{"the first line, without the mark", "correct horse battery", "blocklisted"},
		{"in another case", "CORRECT horse Battery", "blocklisted"},
		{"nothing is a comment", "#1 is a password too", "blocklisted"},
		{"the last line", "endswithoutaline", "blocklisted"},
		{"more than a line", "correct horse battery staple", ""},
		{"less than a line", "correct horse batter", ""},
	} {
		c := candidate(row.pw)
		c.Blocklist = list
		if got := codes(t, password.NIST().Check(t.Context(), c)); got != row.want {
			t.Errorf("%s: %q; want %q", row.why, got, row.want)
		}
	}
	if _, err := password.ReadList(strings.NewReader(strings.Repeat("password\n", password.MaxList/9+1))); err == nil {
		t.Error("a list without end")
	}
	if _, err := password.ReadList(strings.NewReader(strings.Repeat("p", password.MaxList+1))); err == nil {
		t.Error("a line without end")
	}
	if l, err := password.ReadList(strings.NewReader(strings.Repeat("p", password.MaxList))); err != nil || l.Len() != 1 {
		t.Errorf("the longest: %v", err)
	}
	down := errors.New("down")
	if _, err := password.ReadList(failing{down}); !errors.Is(err, down) {
		t.Errorf("a file that cannot be read: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (f failing) Contains(context.Context, string) (bool, error) { return false, f.err }

type panicking struct{}

func (panicking) Contains(_ context.Context, pw string) (bool, error) { panic("cannot look up " + pw) }

func TestUsedBefore(t *testing.T) {
	for _, row := range []struct {
		why    string
		p      password.Policy
		used   bool
		want   string
		asked  int
		report string
	}{
		{"the current one is never taken again", password.NIST(), true, "used-now", 1, "it is your present password; use a new one"},
		{"nor by the zero policy", password.Policy{}, true, "used-now", 1, "it is your present password; use a new one"},
		{"a new one", password.Policy{Reuse: 5}, false, "", 5, ""},
		{"one of the last two", password.Policy{Reuse: 2}, true, "used-before", 2, "it is among your last 2 passwords; use a new one"},
		{"one of the last five", password.Policy{Reuse: 5}, true, "used-before", 5, "it is among your last 5 passwords; use a new one"},
	} {
		asked := 0
		c := candidate(good)
		c.Used = func(_ context.Context, pw string, last int) (bool, error) {
			if pw != good || asked != 0 {
				t.Errorf("%s: asked %d times", row.why, asked+1)
			}
			asked = last
			return row.used, nil
		}
		err := row.p.Check(t.Context(), c)
		if got := codes(t, err); got != row.want || asked != row.asked {
			t.Errorf("%s: %q of the last %d; want %q, %d", row.why, got, asked, row.want, row.asked)
		}
		var f password.Flaw
		if errors.As(err, &f); f.Error() != row.report {
			t.Errorf("%s: told %q", row.why, f)
		}
	}
}

// What cannot be handed on safely is not.
func TestCallbacksAreSpared(t *testing.T) {
	for _, pw := range []string{"", strings.Repeat("x", 1<<20), strings.Repeat("🐙🦊🐢🐌🦉🐝🐞🦋", 33), "correct\x00horse battery", "correct horse \xff battery"} {
		c := candidate(pw)
		c.Blocklist = panicking{}
		c.Used = func(context.Context, string, int) (bool, error) {
			t.Errorf("asked about %.20q", pw)
			return false, nil
		}
		if err := password.NIST().Check(t.Context(), c); err == nil || errors.Is(err, password.ErrUnchecked) {
			t.Errorf("%.20q: %v", pw, err)
		}
	}
}

// What does not answer refuses, and is told apart from a password that is wrong.
func TestUnchecked(t *testing.T) {
	if _, err := (*password.List)(nil).Contains(t.Context(), good); err == nil {
		t.Error("a nil list knows that something is not on it")
	}
	down := errors.New("down: GET https://list.example/?q=" + good)
	used := func(is bool, err error) func(context.Context, string, int) (bool, error) {
		return func(context.Context, string, int) (bool, error) { return is, err }
	}
	var nilList *password.List
	for _, row := range []struct {
		why   string
		with  func(*password.Candidate)
		cause error
		flaws string
		says  string
	}{
		{"no blocklist is not an empty one", func(c *password.Candidate) { c.Blocklist = nil }, nil, "", "pass ListOf()"},
		{"nor is a nil one", func(c *password.Candidate) { c.Blocklist = nilList }, nil, "", ""},
		{"no history is not an empty one", func(c *password.Candidate) { c.Used = nil }, nil, "", "pass FirstPassword"},
		{"the list is down", func(c *password.Candidate) { c.Blocklist = failing{down} }, down, "", ""},
		{"the history is down", func(c *password.Candidate) { c.Used = used(false, down) }, down, "", ""},
		{"down, and says yes", func(c *password.Candidate) { c.Used = used(true, down) }, down, "", ""},
		{"both are down", func(c *password.Candidate) { c.Blocklist, c.Used = failing{down}, used(false, down) }, down, "", "neither"},
		{"both are down, the second too", func(c *password.Candidate) {
			c.Blocklist, c.Used = failing{errors.New("first")}, used(false, down)
		}, down, "", "neither"},
		{"the list panics", func(c *password.Candidate) { c.Blocklist = panicking{} }, nil, "", ""},
		{"the history panics", func(c *password.Candidate) {
			c.Used = func(_ context.Context, pw string, _ int) (bool, error) { panic(pw) }
		}, nil, "", ""},
		{"the list is down, and the history knows it", func(c *password.Candidate) { c.Blocklist, c.Used = failing{down}, used(true, nil) }, down, "used-now", ""},
		{"the history is down, and it is too short", func(c *password.Candidate) { c.New, c.Used = "mug 7", used(false, down) }, down, "too-short", ""},
	} {
		c := candidate(good)
		row.with(&c)
		err := password.NIST().Check(t.Context(), c)
		if !errors.Is(err, password.ErrUnchecked) {
			t.Errorf("%s: %v; want %v", row.why, err, password.ErrUnchecked)
			continue
		}
		if row.says != "" && !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v; want %q", row.why, err, row.says)
		}
		if row.cause != nil && !errors.Is(err, row.cause) {
			t.Errorf("%s: %v, which hides its cause", row.why, err)
		}
		if strings.Contains(err.Error(), good) || strings.Contains(fmt.Sprintf("%+v %q", err, err), good) {
			t.Errorf("%s: the password is in %v", row.why, err)
		}
		var refused *password.RefusedError
		if errors.As(err, &refused) != (row.flaws != "") || row.flaws != "" && codes(t, err) != row.flaws {
			t.Errorf("%s: %v; want %q", row.why, err, row.flaws)
		}
	}
}

func TestZeroCandidateIsRefused(t *testing.T) {
	for _, p := range []password.Policy{{}, password.NIST(), password.NaverWorks()} {
		if p.Check(t.Context(), password.Candidate{}) == nil {
			t.Errorf("%+v takes it", p)
		}
	}
}

func TestContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := password.NIST().Check(ctx, candidate(good)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestBrokenPolicyTakesNothing(t *testing.T) {
	var invalid *password.InvalidError
	if err := (password.Policy{MinLength: 3}).Check(t.Context(), candidate(good)); !errors.As(err, &invalid) {
		t.Error(err)
	}
}

// The password is in nothing that is printed, logged or returned.
func TestGuarantee28NoPasswordIsPrinted(t *testing.T) {
	const secret = "hush-secret"
	c := candidate(secret)
	c.Words = []string{secret}
	var said strings.Builder
	slog.New(slog.NewJSONHandler(&said, nil)).Info("changed", "candidate", c, "at", &c)
	slog.New(slog.NewTextHandler(&said, nil)).Info("changed", "candidate", c, "at", &c)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&said, verb+verb+"\n", c, &c)
	}
	for _, pw := range []string{secret, secret + "\x00", secret + "\xff", secret + strings.Repeat("x", 1<<11)} {
		c.New, c.Blocklist = pw, password.ListOf(pw)
		err := password.NaverWorks().Check(t.Context(), c)
		if err == nil {
			t.Fatalf("%.20q was taken", pw)
		}
		fmt.Fprintf(&said, "%v %+v %#v %q\n", err, err, err, err)
		var refused *password.RefusedError
		if errors.As(err, &refused) {
			slog.New(slog.NewJSONHandler(&said, nil)).Info("refused", "flaws", refused.Flaws)
		}
	}
	c.Blocklist = panicking{}
	fmt.Fprintf(&said, "%v %+v\n", password.NIST().Check(t.Context(), c), password.NIST().Check(t.Context(), c))
	if strings.Contains(said.String(), secret) || strings.Contains(said.String(), fmt.Sprintf("%x", secret)) {
		t.Error(said.String())
	}
	if !strings.Contains(said.String(), "password.Candidate{…}") {
		t.Error(said.String())
	}
}

// Every code that a password can have is in the table, and has words.
func TestFlawCodes(t *testing.T) {
	found := map[string]bool{}
	for code, words := range password.FlawCodes() {
		if found[code] || words == "" || strings.ToLower(words[:1]) != words[:1] || strings.HasSuffix(words, ".") {
			t.Errorf("%s: %q", code, words)
		}
		found[code] = true
	}
	want := []string{"not-text", "control-character", "too-short", "too-long", "no-letter", "no-upper", "no-lower", "no-digit", "no-symbol",
		"predictable", "own-words", "blocklisted", "used-before", "used-now"}
	for _, code := range want {
		if !found[code] {
			t.Errorf("%s has gone; somebody has translated it", code)
		}
	}
	for code := range found {
		if f := (password.Flaw{Code: code, Want: 9}); strings.Contains(f.Error(), "{") || f.Error() == code {
			t.Errorf("%s is told as %q", code, f)
		}
		if !slices.Contains(want, code) {
			t.Errorf("%s is new: add it to this test", code)
		}
	}
	if f := (password.Flaw{Code: "else"}); f.Error() != "else" {
		t.Errorf("told as %q", f)
	}
}

// Nothing panics, and whatever is taken keeps the rules of the policy.
func FuzzCheck(f *testing.F) {
	f.Add("correct horse battery", "Acme", 15, uint8(0))
	f.Add("qwertyuiop\xff", "kim.minsu@example.com", 8, uint8(31))
	f.Add("İ\u0307ſK", "ı", 8, uint8(1)) // which change their length in lower case
	f.Fuzz(func(t *testing.T, pw, word string, least int, kinds uint8) {
		p := password.Policy{MinLength: least, Require: password.Kinds(kinds)}
		c := candidate(pw)
		c.Words = []string{word}
		if p.Check(t.Context(), c) == nil {
			if n := len([]rune(pw)); n < 8 || n < least || n > 256 || p.Err() != nil || pw == word {
				t.Errorf("%q is taken, with %q, by %+v", pw, word, p)
			}
		}
	})
}
