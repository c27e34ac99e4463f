package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// keys are those of an attempt and, one level down, of its member.
var keys = [...][]string{
	{"address", "client", "plan", "member", "verified", "request", "time"},
	{"id", "status", "super", "blocked", "must_change_password"},
}

// checkKeys finds in a line what encoding/json lets pass: a key that is
// unknown, repeated or in another case, and null. The tokens of a json.Decoder
// would show the same, but take longer than all the rest of the work.
//
// The line must be one that json.Unmarshal has taken for an attempt. Then every
// string and bracket in it is closed, and no known key but member holds an
// object, so that an unknown key is met before anything that lies deeper.
func checkKeys(line []byte) error {
	if line[skipBlanks(line, 0)] != '{' {
		return errors.New("the line: null where an object belongs")
	}
	var seen [len(keys)][8]bool
	depth := -1
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '"':
			start := i + 1
			i = stringEnd(line, start)
			text := line[start:i]
			colon := skipBlanks(line, i+1)
			if line[colon] != ':' {
				continue // a value
			}
			n := slices.Index(keys[depth], string(text))
			switch {
			case n < 0:
				return fmt.Errorf("there is no key %s here, only %s", quote(text), strings.Join(keys[depth], ", "))
			case seen[depth][n]:
				return fmt.Errorf("the key %s stands there twice; keep one of the two", text)
			case line[skipBlanks(line, colon+1)] == 'n':
				return fmt.Errorf("%s: null; give it a value or leave it out", text)
			}
			seen[depth][n] = true
		}
	}
	return nil
}

// stringEnd returns the place of the quote that ends a string.
func stringEnd(line []byte, i int) int {
	for line[i] != '"' {
		if line[i] == '\\' {
			i++
		}
		i++
	}
	return i
}

func skipBlanks(line []byte, i int) int {
	for line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\n' {
		i++
	}
	return i
}
