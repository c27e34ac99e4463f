package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// maxLine is the length in bytes that a line may have, without its end. The
// longest attempt that makes sense has a few hundred.
const maxLine = 64 << 10

var errLineTooLong = fmt.Errorf("longer than %d bytes", maxLine)

const byteOrderMark = "\ufeff"

// lines reads the lines of a stream, each into the same memory.
type lines struct {
	in     *bufio.Reader
	number int // of the line that was read last, counted from 1
	end    error
}

func newLines(r io.Reader) *lines {
	return &lines{in: bufio.NewReaderSize(r, len(byteOrderMark)+maxLine+len("\r\n"))}
}

// next returns a line without its end; it is valid until the next call. The
// error is errLineTooLong for a line that was passed over, after which there
// may be more; io.EOF after the last line; or what kept the stream from being
// read. A line that an error cuts short is not returned.
func (l *lines) next() ([]byte, error) {
	if l.end != nil {
		return nil, l.end
	}
	line, err := l.in.ReadSlice('\n')
	if err == io.EOF && len(line) == 0 {
		l.end = err
		return nil, err
	}
	l.number++
	tooLong := false
	for err == bufio.ErrBufferFull {
		tooLong = true
		_, err = l.in.ReadSlice('\n')
	}
	if err != nil {
		l.end = err
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	if l.number == 1 {
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if tooLong || len(line) > maxLine {
		return nil, errLineTooLong
	}
	return line, nil
}
