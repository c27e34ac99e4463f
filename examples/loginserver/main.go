// Command loginserver is a whole login server that asks Sallyport who may come in from where.
// Run it from the root of the repository:
//
//	go run ./examples/loginserver
//
// It prints what to open and what to type. Without -db its tenants, members and passwords are
// made up, and everything is gone when it stops. What it does with them is meant to be copied:
// start with site/door.go, where Sallyport is asked at a login and its steps; site/session.go
// has a request of a session, site/network.go a save by an administrator, and site/people.go
// what is done to members. Package api is the same for programs, package pages for people.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport-go/sallyport/examples/loginserver/api"
	"github.com/sallyport-go/sallyport/examples/loginserver/front"
	"github.com/sallyport-go/sallyport/examples/loginserver/pages"
	"github.com/sallyport-go/sallyport/examples/loginserver/site"
	"github.com/sallyport-go/sallyport/geo"
	"github.com/sallyport-go/sallyport/ipset"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
)

// options are the flags.
type options struct {
	addr    string
	geo     string
	proxies []string
	db      string
	demo    bool
}

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "localhost:8080", "`host:port` to listen on; localhost is 127.0.0.1 and [::1], port 0 is any free one")
	flag.StringVar(&o.geo, "geo", "", "MMDB `file` that tells the countries of addresses (default: a small made-up one)")
	flag.Func("trust-proxy", "`addresses` of proxies whose X-Forwarded-For is believed, as CIDR, joined by commas; may be repeated", func(s string) error {
		o.proxies = append(o.proxies, strings.Split(s, ",")...)
		return nil
	})
	flag.StringVar(&o.db, "db", "", "`database` that lasts and that many servers share, sqlite:FILE or postgres://… (default: a demo in memory)")
	flag.BoolVar(&o.demo, "demo", false, "tenants, members and passwords that everybody knows; without -db it is always so")
	flag.Parse()
	o.demo = o.demo || o.db == ""
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "loginserver: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal does not wait
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "loginserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	resolver, err := resolverFor(o.proxies)
	if err != nil {
		return err
	}
	countries, err := openCountries(o.geo)
	if err != nil {
		return err
	}
	listeners, err := listen(o.addr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	stores, closer, err := openStores(ctx, o.db)
	if err != nil {
		return err
	}
	defer closer.Close()
	setups := site.Demo()
	if !o.demo {
		setups = []site.Setup{site.First()}
	}
	counts := newMetrics()
	s, err := site.New(ctx, site.Options{Countries: countries, Log: log, Stores: stores, Setups: setups, Demo: o.demo, Observers: []engine.Observer{counts}})
	if err != nil {
		return err
	}
	f := &front.Front{Site: s, Resolver: resolver, Names: []string{"localhost"}, Log: log}
	if host, _, _ := net.SplitHostPort(o.addr); host != "" { // or behind a proxy, the name that people type
		f.Names = append(f.Names, strings.ToLower(host))
	}
	at := places(listeners)
	if o.demo {
		welcome(out, s, at)
	} else if err := welcomeReal(ctx, out, s, at); err != nil {
		return err
	}
	for _, l := range listeners {
		if o.demo && !addrPort(l).Addr().IsLoopback() {
			log.Warn("others can reach this server, and its passwords and codes are for all to see", "address", l.Addr())
		}
	}
	ran := make(chan struct{})
	go func() { defer close(ran); s.Run(ctx) }()
	err = serve(ctx, handler(f, at, counts.handler()), listeners)
	stop()
	<-ran
	return err
}

// handler joins the rooms.
func handler(f *front.Front, at []place, metrics http.Handler) http.Handler {
	p := &pages.Pages{Front: f}
	for _, x := range at {
		p.Places = append(p.Places, pages.Place{URL: "http://" + x.String(), Name: x.Name})
	}
	a := &api.API{Front: f, Metrics: metrics}
	return f.Handler(p.Room(), a.Room())
}

// resolverFor returns where requests come from, behind these proxies.
func resolverFor(proxies []string) (*httpgate.Resolver, error) {
	if len(proxies) == 0 {
		return httpgate.NewResolver(httpgate.Options{})
	}
	set, err := ipset.Parse(proxies...)
	if err != nil {
		return nil, fmt.Errorf("-trust-proxy: %w", err)
	}
	r, err := httpgate.NewResolver(httpgate.Options{Proxies: set, Header: httpgate.XForwardedFor})
	if err != nil {
		return nil, fmt.Errorf("-trust-proxy: %w", err)
	}
	return r, nil
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
		ConnContext:       httpgate.ConnContext,
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
