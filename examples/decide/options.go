package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport-go/sallyport/policy"
)

const help = `Usage: decide [-profile NAME] [-geo FILE.mmdb] [-explain] SETTINGS.json [ATTEMPTS.jsonl]

Decide reads settings and login attempts, and writes a decision for each attempt:
its line number, the effect, the reason and the country, with tabs between them.
A table of counts follows on standard error.

  -profile NAME     the product whose rules hold: standard (the default),
                    naver-works, line-works or kintone
  -geo FILE.mmdb    a country database; settings that block logins from abroad
                    need one
  -explain          write below each decision how it came about (slower)

Without ATTEMPTS.jsonl, or if it is -, attempts are read from standard input, one
JSON object on each line:

  {"address":"8.8.8.8","client":"web","member":{"id":"kim","status":"active"}}

  address    where the attempt comes from; left out: not known
  client     web, desktop, mobile, drive, pop3, imap, smtp, caldav, api or
             custom0 to custom30; left out: not known
  plan       what the tenant has bought; needed where a product is sold by plan
  member     who wants to come in; left out: not known
  verified   true: the identity was verified in another way, too
  request    true: a request of a live session; else a login
  time       as in 2026-11-21T09:00:00Z; left out: now

A member has an id, and

  status     pending, active, on-leave, suspended, locked or deleted; left out:
             not known
  super      true: a super admin
  blocked    the clients that are closed to the member, as in ["mobile","drive"]
  must_change_password   true: must change it before anything else

Exit status: 0 all lines were decided, 1 some were bad, 2 something else failed.
`

// profiles are the products that there are rules of. The first is the default.
var profiles = []struct {
	name string
	make func() *policy.Profile
}{
	{"standard", policy.Standard},
	{"naver-works", policy.NaverWorks},
	{"line-works", policy.LineWorks},
	{"kintone", policy.Kintone},
}

type options struct {
	profile  *policy.Profile
	geo      string // "": none
	explain  bool
	settings string
	attempts string // "-": standard input
}

// parseOptions reads the arguments of the program. The error is flag.ErrHelp
// if they ask for help.
func parseOptions(args []string) (o options, err error) {
	flags := flag.NewFlagSet("decide", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run tells the error and shows the help
	profile := flags.String("profile", profiles[0].name, "")
	flags.StringVar(&o.geo, "geo", "", "")
	flags.BoolVar(&o.explain, "explain", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.profile, err = profileNamed(*profile); err != nil {
		return o, err
	}
	files := flags.Args()
	for _, f := range files {
		if len(f) > 1 && f[0] == '-' {
			return o, fmt.Errorf("%s comes too late; options go before SETTINGS.json", f)
		}
	}
	switch len(files) {
	case 0:
		return o, errors.New("there is no SETTINGS.json")
	case 1:
		o.attempts = "-"
	case 2:
		o.attempts = files[1]
	default:
		return o, fmt.Errorf("%d files where SETTINGS.json and ATTEMPTS.jsonl belong", len(files))
	}
	o.settings = files[0]
	return o, nil
}

func profileNamed(name string) (*policy.Profile, error) {
	var names []string
	for _, p := range profiles {
		if p.name == name {
			return p.make(), nil
		}
		names = append(names, p.name)
	}
	return nil, fmt.Errorf("there is no profile %q, only %s", name, strings.Join(names, ", "))
}
