package redisstore_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between a client and a server, and does to what passes what networks do.
type proxy struct {
	addr string

	mu      sync.Mutex
	backend string
	fault   fault
	conns   map[net.Conn]bool
}

type fault int

const (
	none      fault = iota
	cut             // connections break, and no new one is made
	silent          // nothing passes, and connections stay
	slow            // every answer takes a while
	noAnswer        // what is asked arrives; before the answer the connection breaks, once
	halfClose       // the server's side ends after what is asked arrives, once
)

func newProxy(t testing.TB, backend string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{addr: l.Addr().String(), backend: backend, conns: make(map[net.Conn]bool)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		p.set(cut)
	})
	return p
}

// set puts a fault in place. Those that break connections break those that are there.
func (p *proxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	if f == cut {
		for c := range p.conns {
			c.Close()
		}
	}
}

// move leads to another server from now on.
func (p *proxy) move(backend string) {
	p.set(cut)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backend, p.fault = backend, none
}

// now returns the fault in place. One that happens once has happened then.
func (p *proxy) now(answering bool) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.fault
	if answering && (f == noAnswer || f == halfClose) {
		p.fault = none
	}
	return f
}

func (p *proxy) keep(c net.Conn, there bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c] = true; !there {
		delete(p.conns, c)
		c.Close()
	}
}

func (p *proxy) serve(c net.Conn) {
	p.keep(c, true)
	defer p.keep(c, false)
	p.mu.Lock()
	backend := p.backend
	p.mu.Unlock()
	if p.now(false) == cut {
		return
	}
	s, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	p.keep(s, true)
	defer p.keep(s, false)
	go func() {
		defer c.Close()
		defer s.Close()
		p.pass(s, c, false)
	}()
	p.pass(c, s, true)
}

func (p *proxy) pass(to, from net.Conn, answers bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		for p.now(false) == silent {
			time.Sleep(5 * time.Millisecond)
		}
		if answers {
			switch p.now(true) {
			case cut, noAnswer:
				return
			case halfClose:
				to.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, from)
				return
			case slow:
				time.Sleep(20 * time.Millisecond)
			}
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
