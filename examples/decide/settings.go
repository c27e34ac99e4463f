package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
)

// readSettings reads and compiles the settings at path.
func readSettings(path string, p *policy.Profile, loc geo.Locator) (policy.Settings, *policy.Policy, error) {
	f, err := os.Open(path)
	if err != nil {
		return policy.Settings{}, nil, err
	}
	defer f.Close()
	doc, err := io.ReadAll(io.LimitReader(f, policy.MaxDocument+1)) // one more, so that Decode sees that it is too large
	if err != nil {
		return policy.Settings{}, nil, err
	}
	return policy.Decode(doc, p, loc)
}

// settingsProblems returns, a line for each, what is wrong with the settings
// at path.
func settingsProblems(path string, err error) []string {
	invalid, ok := errors.AsType[*policy.InvalidError](err)
	if !ok {
		return []string{err.Error()} // which names the path
	}
	var lines []string
	for _, p := range invalid.Problems {
		problem := p.Error()
		if p.Code == "no-locator" { // whose advice is for programmers
			problem = fmt.Sprintf("%s: %v; name one with -geo FILE.mmdb, or switch overseas blocking off", p.Path, p.Err)
		}
		lines = append(lines, path+": "+problem)
	}
	return lines
}
