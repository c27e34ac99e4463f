package nodetest

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Proxy is a network between a process and a server, which can fail.
type Proxy struct {
	Addr string // where it listens

	listener net.Listener

	chunks atomic.Int64 // to pass until mode comes into force; below 0: it never does
	mode   atomic.Int32

	mu              sync.Mutex
	network, server string
	conns           []net.Conn
}

const (
	Cuts  int32 = iota // both sides are closed
	Halfs              // the side that sends is closed, the other stays open and silent
	Hangs              // nothing is passed any more, and nothing closed
	Loses              // the answers are lost: what the client sends arrives, and then the connection is cut
	Slows              // what is passed comes late
)

const slow = 20 * time.Millisecond // how late, each chunk

// Modes are the ways in which a network fails.
var Modes = map[int32]string{Cuts: "cut", Halfs: "closed on one side", Hangs: "hanging", Loses: "cut, the answer lost", Slows: "slow"}

// Proxied returns a network before a server.
func Proxied(t testing.TB, network, server string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &Proxy{Addr: l.Addr().String(), listener: l, network: network, server: server}
	x.chunks.Store(-1)
	t.Cleanup(func() { x.listener.Close(); x.Drop() })
	go func() {
		for {
			client, err := x.listener.Accept()
			if err != nil {
				return
			}
			server, err := x.dial()
			if err != nil {
				client.Close()
				continue
			}
			x.mu.Lock()
			x.conns = append(x.conns, client, server)
			x.mu.Unlock()
			go x.pass(server, client, true)
			go x.pass(client, server, false)
		}
	}()
	return x
}

// ProxiedDatabase returns a network before the server of a DSN, and the DSN that leads
// through it.
func ProxiedDatabase(t testing.TB, dsn string) (*Proxy, string) {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network, server := "tcp", net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	if strings.HasPrefix(c.Host, "/") {
		network, server = "unix", fmt.Sprintf("%s/.s.PGSQL.%d", c.Host, c.Port)
	}
	x := Proxied(t, network, server)
	q := at.Query()
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	at.Host, at.RawQuery = x.Addr, strings.ReplaceAll(q.Encode(), "+", "%20")
	return x, at.String()
}

// pass passes what one side sends to the other.
func (x *Proxy) pass(to, from net.Conn, request bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			to.Close()
			return
		}
		if left := x.chunks.Load(); left >= 0 {
			if left > 0 {
				x.chunks.Add(-1)
			} else {
				switch x.mode.Load() {
				case Cuts:
					to.Close()
					from.Close()
					return
				case Halfs:
					if c, ok := to.(interface{ CloseWrite() error }); ok {
						c.CloseWrite()
					}
					io.Copy(io.Discard, from)
					return
				case Hangs:
					io.Copy(io.Discard, from)
					return
				case Loses:
					if !request {
						to.Close()
						from.Close()
						return
					}
				case Slows:
					time.Sleep(slow)
				}
			}
		}
		if _, err := to.Write(b[:n]); err != nil {
			from.Close()
			return
		}
	}
}

func (x *Proxy) dial() (net.Conn, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return net.Dial(x.network, x.server)
}

// Move has the network lead to another server.
func (x *Proxy) Move(server string) {
	x.mu.Lock()
	x.server = server
	x.mu.Unlock()
	x.Drop()
}

// Drop closes every connection.
func (x *Proxy) Drop() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.conns {
		c.Close()
	}
	x.conns = nil
}

// Fail has connections fail after a number of chunks; Heal ends that.
func (x *Proxy) Fail(mode int32, chunks int) {
	x.mode.Store(mode)
	x.chunks.Store(int64(chunks))
}

func (x *Proxy) Heal() {
	x.chunks.Store(-1)
	x.Drop()
}
