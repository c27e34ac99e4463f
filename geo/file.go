package geo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// MaxFileSize is the size in bytes that a country file may have. Those with
// countries alone have a few million, those with cities some hundred million.
const MaxFileSize = 1 << 30

var errTooLarge = fmt.Errorf("larger than %d bytes, which no country file is", MaxFileSize)

var errChanged = errors.New("it changed while it was read; write a new file beside it and rename that over it")

// readFile returns the contents of the regular file at path.
func readFile(path string) ([]byte, error) {
	b, err := readRegular(path)
	if err == nil {
		return b, nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", e.Op, e.Err) // the path is named already
	}
	return nil, fmt.Errorf("country file %q: %w", path, err)
}

func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path) // to open a pipe would be to wait for its writer
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readUnchanged(f)
}

// readUnchanged returns the contents of f if nobody wrote to it meanwhile: what
// is half old and half new may be a sound file with wrong answers.
func readUnchanged(f fs.File) ([]byte, error) {
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if before.Size() > MaxFileSize {
		return nil, errTooLarge
	}
	b := make([]byte, before.Size())
	_, err = io.ReadFull(f, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, errChanged
	}
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return nil, errChanged
	}
	return b, nil
}
