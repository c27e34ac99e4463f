package ipset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what ReadLines reads.
const (
	MaxListBytes = 32 << 20 // of a list
	MaxLines     = 2_000_000
	MaxLineBytes = 1024   // of a line
	MaxBadLines  = 10_000 // before it gives up: this is no list
)

// What can be wrong with a line of a list, beside what is wrong with a range.
var (
	ErrListTooLong = errors.New("the list is too long")
	ErrLineTooLong = errors.New("the line is too long")
	ErrLabel       = errors.New("the label is not plain text in UTF-8")
	ErrNoList      = errors.New("too many bad lines for a list of addresses")
)

// Line is an entry of a list as people keep them in files: a range, and behind
// a # what it is. Number counts from 1.
type Line struct {
	Number int
	Range  Range
	Label  string
}

// LineError tells what is wrong with one line of a list. Line and Column count
// from 1; Column counts bytes.
type LineError struct {
	Line, Column int
	Err          error
}

func (e *LineError) Error() string {
	return fmt.Sprintf("line %d, column %d: %v", e.Line, e.Column, e.Err)
}

func (e *LineError) Unwrap() error { return e.Err }

// ReadLines reads a list: a range on each line, as ParseRange takes it, and
// behind a # its label. Empty lines and lines with a comment alone are passed
// over; lines may end in CRLF, and a byte order mark at the start is dropped.
//
// It returns the good lines, and beside them an error that joins one
// *LineError for each bad line, so that a host can show both; a list with an
// error must not be saved as if it were whole. What it reads is bounded: see
// MaxListBytes, MaxLines, MaxLineBytes and MaxBadLines. An error of r ends the list.
func ReadLines(r io.Reader) ([]Line, error) {
	var (
		lines []Line
		errs  []error
	)
	limited := &io.LimitedReader{R: r, N: MaxListBytes + 1}
	in := bufio.NewReaderSize(limited, MaxLineBytes+len("\ufeff\r\n"))
	for number := 1; ; number++ {
		text, err := readLine(in)
		if limited.N == 0 || number > MaxLines && (err == nil || len(text) > 0) {
			errs = append(errs, &LineError{number, 1, fmt.Errorf("%w; at most %d lines and %d bytes are read", ErrListTooLong, MaxLines, MaxListBytes)})
			break
		}
		if number == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if err == nil || err == io.EOF {
			line, bad := parseLine(number, text)
			switch {
			case bad != nil:
				errs = append(errs, bad)
			case !line.Range.IsZero():
				lines = append(lines, line)
			}
		} else {
			errs = append(errs, &LineError{number, 1, err})
		}
		if err != nil {
			break
		}
		if len(errs) >= MaxBadLines {
			errs = append(errs, &LineError{number, 1, fmt.Errorf("%w; reading stopped here", ErrNoList)})
			break
		}
	}
	return lines, errors.Join(errs...)
}

// readLine returns the next line without its end. Of a line that is longer
// than the buffer it returns what fits there, which is more than MaxLineBytes.
func readLine(in *bufio.Reader) (text string, err error) {
	b, err := in.ReadSlice('\n')
	text = strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	for err == bufio.ErrBufferFull {
		_, err = in.ReadSlice('\n')
	}
	return text, err
}

// parseLine returns a line without a range if there is nothing on it.
func parseLine(number int, text string) (Line, error) {
	if len(text) > MaxLineBytes {
		return Line{}, &LineError{number, 1, fmt.Errorf("%w; at most %d bytes", ErrLineTooLong, MaxLineBytes)}
	}
	before, label, _ := strings.Cut(text, "#")
	column := 1 + len(before) - len(strings.TrimLeft(before, blanks))
	entry := strings.Trim(before, blanks)
	if entry == "" {
		return Line{}, nil
	}
	if label = strings.Trim(label, blanks); !plainText(label) {
		return Line{}, &LineError{number, len(before) + 1, ErrLabel}
	}
	r, err := ParseRange(entry)
	if err != nil {
		return Line{}, &LineError{number, column, err}
	}
	return Line{number, r, label}, nil
}

// plainText reports whether s can be shown as it is: UTF-8 without control
// characters, those included that turn the direction of what follows.
func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	})
}
