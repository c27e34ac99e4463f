package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	maxComplaints = 20                     // about bad lines, before they are only counted
	progressEvery = 200 * time.Millisecond // often enough for the eye
	eraseLine     = "\r\x1b[K"
)

// console is standard error. It complains and, where somebody watches, tells
// how far the work is. What cannot be written there is lost.
type console struct {
	w        io.Writer
	watched  bool // w is a terminal that decisions do not go to
	bad      int  // lines
	started  time.Time
	shown    time.Time // when progress was told last
	progress bool      // it stands there now
}

func newConsole(stdout, stderr io.Writer) *console {
	now := time.Now()
	return &console{w: stderr, watched: isTerminal(stderr) && !isTerminal(stdout), started: now, shown: now}
}

// isTerminal takes every character device but the null device for a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, null)
}

// say writes a line for the person who started the program.
func (c *console) say(format string, a ...any) {
	c.clear()
	fmt.Fprintf(c.w, "decide: "+format+"\n", a...)
}

// badLine counts a bad line, and complains if there were not many before.
func (c *console) badLine(number int, err error) {
	c.bad++
	switch {
	case c.bad <= maxComplaints:
		c.say("line %d: %s", number, strings.ReplaceAll(err.Error(), "\n", "; "))
	case c.bad == maxComplaints+1:
		c.say("there are more bad lines; from here on they are only counted")
	}
}

// status is the exit status of a program that got through.
func (c *console) status() int {
	if c.bad > 0 {
		return exitBadLines
	}
	return exitDecided
}

// tell tells how many lines were read, now and then.
func (c *console) tell(lines int) {
	if !c.watched || lines%64 != 0 { // the clock costs more than the rest of this
		return
	}
	now := time.Now()
	if now.Sub(c.shown) < progressEvery {
		return
	}
	c.shown, c.progress = now, true
	rate := float64(lines) / now.Sub(c.started).Seconds()
	fmt.Fprintf(c.w, "%s%d lines, %.0f a second", eraseLine, lines, rate)
}

func (c *console) clear() {
	if c.progress {
		io.WriteString(c.w, eraseLine)
		c.progress = false
	}
}
