package main

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport-go/sallyport/policy"
)

// judge decides attempts, one after the other.
type judge struct {
	policy    *policy.Policy
	explainer *policy.Explainer // nil: do not explain

	out     *bufio.Writer
	console *console
	tally   tally
}

// all decides every line of a stream. The error is why it stopped before the
// end; if writing was the reason, out has the same one.
func (j *judge) all(in io.Reader) error {
	lines := newLines(flushing{in, j.out})
	for {
		line, err := lines.next()
		switch {
		case err == io.EOF:
			return nil
		case err == errLineTooLong:
			j.bad(lines.number, err)
		case err != nil:
			return err
		case len(bytes.TrimSpace(line)) == 0:
		default:
			attempt, err := parseAttempt(line)
			if err != nil {
				j.bad(lines.number, err)
			} else if err := j.one(lines.number, attempt); err != nil {
				return err
			}
		}
		j.console.tell(lines.number)
	}
}

// one decides an attempt, counts the decision and writes it.
func (j *judge) one(number int, a policy.Attempt) error {
	if j.explainer == nil {
		return j.write(number, j.policy.Evaluate(a), "")
	}
	e := j.explainer.Explain(a)
	return j.write(number, e.Decision, e.String())
}

// bad tells of a bad line, behind the decisions on those before it.
func (j *judge) bad(number int, err error) {
	if j.console.bad < maxComplaints {
		j.out.Flush() // if it fails, the next write does
	}
	j.console.badLine(number, err)
}

func (j *judge) write(number int, d policy.Decision, explanation string) error {
	j.tally.add(d)
	country := d.Country.String()
	if country == "" {
		country = "-" // so that every row has four fields, however it is cut
	}
	b := strconv.AppendInt(j.out.AvailableBuffer(), int64(number), 10)
	for _, field := range []string{d.Effect.String(), d.Reason.String(), country} {
		b = append(append(b, '\t'), field...)
	}
	b = append(b, '\n')
	for step := range strings.Lines(explanation) {
		b = append(append(b, '\t'), step...)
	}
	_, err := j.out.Write(b)
	return err
}

// flushing is a stream that shows what was decided before it waits for more,
// so that whoever types a line, or follows a log, sees the answer.
type flushing struct {
	in  io.Reader
	out *bufio.Writer
}

func (f flushing) Read(b []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.in.Read(b)
}
