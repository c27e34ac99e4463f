package pages

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/sallyport-go/sallyport/geo"
)

// Every text that a person reads stands in words/, under a key, in the languages in this
// order.
var languages = []language.Tag{language.English, language.Korean, language.Japanese}

//go:embed words/*.json
var wordFiles embed.FS

var words = readWords()

func readWords() map[string][]string {
	all := make(map[string][]string)
	files, err := fs.Glob(wordFiles, "words/*.json")
	if err != nil {
		panic(err) // of the pattern above
	}
	for _, name := range files {
		b, err := wordFiles.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(b, &all)
		}
		if err != nil {
			panic(fmt.Sprintf("%s, which is part of this program: %v", name, err))
		}
	}
	return all
}

// lang is a language by its place in languages.
type lang int

var matcher = language.NewMatcher(languages)

const languageCookie = "lang"

// langOf returns the language that a person has chosen, or else the best that the browser
// asks for.
func langOf(r *http.Request) lang {
	if c, err := r.Cookie(languageCookie); err == nil {
		if l, ok := langNamed(c.Value); ok {
			return l
		}
	}
	_, i := language.MatchStrings(matcher, cut(r.Header.Get("Accept-Language"), 200))
	return lang(i)
}

func langNamed(name string) (lang, bool) {
	for i, tag := range languages {
		if tag.String() == name {
			return lang(i), true
		}
	}
	return 0, false
}

// String returns the code of l, for the attribute lang.
func (l lang) String() string { return languages[l].String() }

// Self returns the name of l in itself.
func (l lang) Self() string { return display.Self.Name(languages[l]) }

// say returns the text of a key. A key that does not exist shows as such: the tests see to
// it that no page has one.
func (l lang) say(key string, args ...any) string {
	text, ok := words[key]
	if !ok {
		return "[" + key + "]"
	}
	if len(args) == 0 {
		return text[l]
	}
	return fmt.Sprintf(text[l], args...)
}

// sentences puts whole sentences together.
func (l lang) sentences(texts ...string) string {
	between := " "
	if languages[l] == language.Japanese {
		between = ""
	}
	return strings.Join(texts, between)
}

func has(key string) bool { return words[key] != nil }

// country returns the name of a country, "" if it is unknown.
func (l lang) country(c geo.Country) string {
	if region, err := language.ParseRegion(c.String()); err == nil {
		if name := display.Regions(languages[l]).Name(region); name != "" {
			return name
		}
	}
	return c.Name()
}

// when is an instant to the minute, day to the day. Both are in UTC, as the pages say.
func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
func day(t time.Time) string  { return t.UTC().Format(time.DateOnly) }

func cut(text string, n int) string { return text[:min(n, len(text))] }
