// Decide tells who would be let in. It reads settings as policy.Decode takes
// them, and login attempts, and writes a decision for each attempt:
//
//	decide [-profile NAME] [-geo FILE.mmdb] [-explain] SETTINGS.json [ATTEMPTS.jsonl]
//
// Given the attempts of last month it shows what a change of the settings would
// have done, before anybody is shut out; given a handful, why somebody was.
//
//   - -profile is the product whose rules hold: standard (the default),
//     naver-works, line-works or kintone.
//   - -geo is a country database. Settings that block logins from abroad need
//     one.
//   - -explain writes below each decision how it came about. That takes
//     longer, the more so the more entries the settings have.
//
// Without ATTEMPTS.jsonl, or if it is -, attempts are read from standard input.
// decide -h is a summary of this page.
//
// # Attempts
//
// An attempt is a JSON object on a line of its own:
//
//	{"address":"8.8.8.8","client":"web","member":{"id":"kim","status":"active"}}
//
// Its keys are address, client, plan, member, verified, request and time, those of
// a member id, status, super, blocked (a list of clients) and
// must_change_password. They mean what the fields of policy.Attempt and
// member.Member mean. Any may be left out but the id of a member: without a member
// the attempt is one of nobody known, without an address it comes from nowhere
// known, and without a time it happens now, which matters only where something in
// the settings ends.
//
// Reading is strict. Text that is no JSON object, a key that is unknown, repeated
// or in another case, null, a value of another type, an address, client, status or
// time that cannot be read, something behind the object, and more than 64 KiB make
// a bad line. It is told on standard error with its number, passed over and
// counted; after 20 of them they are only counted. Empty lines are passed over.
// Lines may end in CRLF, the last one need not end, and a byte order mark at the
// start is dropped.
//
// # Decisions
//
// A decision is a line of four fields with tabs between them: the number of the
// attempt's line, the effect, the reason, and the country, which is - where it is
// not known or was not asked for:
//
//	1	allow	address-designated	-
//	2	verify	overseas-login	US
//
// This form is stable. With -explain the lines of the explanation follow, each
// behind a tab; they are for people, and may change. Input of any length takes the
// same memory, and what is decided is written before the program waits for more
// input.
//
// At the end a table on standard error counts the decisions by effect and reason.
// If standard error is a terminal and standard output is not, it shows meanwhile
// how many lines were read.
//
// # Exit status
//
// It is 0 if every line was decided, 1 if some were bad, and 2 if the arguments
// are wrong, the settings are refused, or a file could not be read or written. If
// who reads the decisions has seen enough (decide … | head), decide stops without
// a word, with 0 or 1 for what it has read.
package main

import (
	"bufio"
	"errors"
	"flag"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/policy"
)

const (
	exitDecided = iota
	exitBadLines
	exitFailed
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a reader that has seen enough is an error of Write
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	console := newConsole(stdout, stderr)
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		io.WriteString(stdout, help)
		return exitDecided
	}
	if err != nil {
		console.say("%v; decide -h tells more", err)
		return exitFailed
	}
	j := &judge{
		out:     bufio.NewWriterSize(stdout, 64<<10),
		console: console,
		tally:   tally{},
	}
	var countries geo.Locator
	if o.geo != "" {
		db, err := geo.Open(o.geo)
		if err != nil {
			console.say("%v", err)
			return exitFailed
		}
		countries = db
	}
	settings, compiled, err := readSettings(o.settings, o.profile, countries)
	if err == nil && o.explain {
		j.explainer, err = policy.NewExplainer(settings, o.profile, countries)
	}
	if err != nil {
		for _, problem := range settingsProblems(o.settings, err) {
			console.say("%s", problem)
		}
		return exitFailed
	}
	j.policy = compiled
	attempts := stdin
	if o.attempts != "-" {
		f, err := os.Open(o.attempts)
		if err != nil {
			console.say("%v", err)
			return exitFailed
		}
		defer f.Close()
		attempts = f
	}

	stopped := j.all(attempts)
	unwritten := j.out.Flush()
	console.clear()
	switch {
	case errors.Is(unwritten, syscall.EPIPE):
		return console.status()
	case unwritten != nil:
		console.say("stopped: %v", unwritten)
		return exitFailed
	}
	io.WriteString(stderr, j.tally.table(console.bad))
	if stopped != nil {
		console.say("stopped: %v", stopped)
		return exitFailed
	}
	return console.status()
}
