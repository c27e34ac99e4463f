// Command loginserver is the smallest whole login server that asks Sallyport
// who may come in from where. Run it from the root of the repository:
//
//	go run ./examples/loginserver
//
// It prints what to open and what to type. Its tenants, members and passwords
// are made up, and everything is gone when it stops. What it does with them is
// meant to be copied: start with login.go, where Sallyport is asked at a login and
// its steps; sessions.go has a request of a session, settings.go a save by an
// administrator, and members.go what is done to members.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport-go/sallyport/geo"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`host:port` to listen on; localhost is 127.0.0.1 and [::1], port 0 is any free one")
	file := flag.String("geo", "", "MMDB `file` that tells the countries of addresses (default: a small made-up one)")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "loginserver: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal does not wait
	if err := run(ctx, *addr, *file); err != nil {
		fmt.Fprintln(os.Stderr, "loginserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, file string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	countries, err := openCountries(file)
	if err != nil {
		return err
	}
	listeners, err := listen(addr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := newServer(ctx, countries, log, iterations)
	if err != nil {
		return err
	}
	s.places = places(listeners)
	if host, _, _ := net.SplitHostPort(addr); host != "" { // or behind a proxy, the name that people type
		s.names = append(s.names, strings.ToLower(host))
	}
	s.welcome(ctx, os.Stdout)
	for _, l := range listeners {
		if !addrPort(l).Addr().IsLoopback() {
			log.Warn("others can reach this server, and its passwords and codes are for all to see", "address", l.Addr())
		}
	}
	ran := make(chan struct{})
	go func() { defer close(ran); s.run(ctx) }()
	err = serve(ctx, s.handler(), listeners)
	stop()
	<-ran
	return err
}

//go:embed demo.mmdb
var demoCountries []byte

func openCountries(file string) (*geo.DB, error) {
	if file == "" {
		return geo.OpenBytes(demoCountries)
	}
	return geo.Open(file)
}

// serve answers on all listeners until ctx ends, then lets what has begun be
// finished.
func serve(ctx context.Context, h http.Handler, listeners []net.Listener) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- srv.Serve(l) }()
	}
	select {
	case err := <-failed:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return srv.Shutdown(ctx)
}
