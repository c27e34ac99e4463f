// Command loginserver is a whole login server that asks Sallyport who may come in from where.
// Run it from the root of the repository:
//
//	go run ./examples/loginserver
//
// It prints what to open and what to type. Without -db its tenants, members and passwords are
// made up, and everything is gone when it stops. With -db and -redis, and without -demo, it is
// a service of as many servers as one likes; examples/README.md has the flags. What it does with them is meant to be copied:
// start with site/door.go, where Sallyport is asked at a login and its steps; site/session.go
// has a request of a session, site/network.go a save by an administrator, and site/people.go
// what is done to members. Package api is the same for programs, package pages for people.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
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
	"github.com/sallyport-go/sallyport/session/redisstore"
)

// options are the flags.
type options struct {
	addr     string
	url      string
	geo      string
	proxies  []string
	db       string
	redis    string
	newLine  bool
	smtp     string
	mailFrom string
	demo     bool
}

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", "localhost:8080", "`host:port` to listen on; localhost is 127.0.0.1 and [::1], port 0 is any free one")
	flag.StringVar(&o.url, "url", "", "how people reach this server, as `https://login.example.com`: a name that it answers to, and what links in mails begin with (default: http and the first address)")
	flag.StringVar(&o.geo, "geo", "", "MMDB `file` that tells the countries of addresses (default: a small made-up one)")
	flag.Func("trust-proxy", "`addresses` of proxies whose X-Forwarded-For is believed, as CIDR, joined by commas; may be repeated", func(s string) error {
		o.proxies = append(o.proxies, strings.Split(s, ",")...)
		return nil
	})
	flag.StringVar(&o.db, "db", "", "`database` that lasts and that many servers share, sqlite:FILE or postgres://… (default: a demo in memory)")
	flag.StringVar(&o.redis, "redis", "", "Redis for the sessions, HOST:PORT or redis://…; `address` of one that all servers on the database share (default: sessions are in the database too)")
	flag.BoolVar(&o.newLine, "new-line", false, "for a Redis that has lost data: end all sessions there, and stop; the servers go on, and members log in again")
	flag.StringVar(&o.smtp, "smtp", "", "`host:port` of the mail server that takes codes and links, by STARTTLS (465: TLS); user and password are SMTP_USER and SMTP_PASSWORD in the environment (default: nothing is mailed)")
	flag.StringVar(&o.mailFrom, "mail-from", "", "`address` that mails come from")
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
	names, err := namesOf(o.addr, o.url)
	if err != nil {
		return err
	}
	send, err := senderOf(o)
	if err != nil {
		return err
	}
	if o.newLine && o.redis == "" {
		return errors.New("-new-line is for sessions in Redis: name it with -redis")
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	stores, closer, err := openStores(ctx, o.db)
	if err != nil {
		return err
	}
	defer closer.Close()
	if o.redis != "" {
		db, closer, err := useRedis(ctx, o.redis, stores, o.db != "", log)
		if err != nil {
			return err
		}
		defer closer.Close()
		if o.newLine {
			return drawLine(ctx, out, db)
		}
	}
	listeners, err := listen(o.addr)
	if err != nil {
		return err
	}
	setups := site.Demo()
	if !o.demo {
		setups = []site.Setup{site.First()}
	}
	counts := newMetrics()
	at := places(listeners)
	s, err := site.New(ctx, site.Options{Countries: countries, Log: log, Stores: stores, Setups: setups, Demo: o.demo, Observers: []engine.Observer{counts},
		Send: send, URL: cmp.Or(o.url, "http://"+at[0].String())})
	if err != nil {
		return err
	}
	f := &front.Front{Site: s, Resolver: resolver, Names: names, Log: log}
	if o.demo {
		welcome(out, s, at)
	} else if err := welcomeReal(ctx, out, s, at, send != nil); err != nil {
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

// namesOf returns the names that the server answers to.
func namesOf(addr, address string) ([]string, error) {
	names := []string{"localhost"}
	if host, _, _ := net.SplitHostPort(addr); host != "" {
		names = append(names, strings.ToLower(host))
	}
	if address == "" {
		return names, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("-url %.100q: write the scheme and the name alone, as in https://login.example.com", address)
	}
	return append(names, strings.ToLower(u.Hostname())), nil
}

// senderOf returns what mails letters; nil: nothing does.
func senderOf(o options) (func(context.Context, string, site.Mail) error, error) {
	switch {
	case o.smtp == "" && o.mailFrom == "":
		return nil, nil
	case o.demo:
		return nil, errors.New("-smtp is for a server without -demo: a demo shows its mail and sends none")
	}
	r, err := newRelay(o.smtp, o.mailFrom, os.Getenv("SMTP_USER"), os.Getenv("SMTP_PASSWORD"))
	if err != nil {
		return nil, err
	}
	return r.send, nil
}

// drawLine ends all sessions in Redis, of all servers.
func drawLine(ctx context.Context, out io.Writer, db *redisstore.DB) error {
	if err := db.NewLine(ctx); err != nil {
		return fmt.Errorf("-new-line: %w", err)
	}
	fmt.Fprintln(out, "All sessions have ended, and Redis will do again. Members can log in.")
	return nil
}

// handler joins the rooms.
func handler(f *front.Front, at []place, metrics http.Handler) http.Handler {
	p := &pages.Pages{Front: f}
	for _, x := range at {
		p.Places = append(p.Places, pages.Place{URL: "http://" + x.String(), Addr: x.Addr()})
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

// serve answers on all listeners until ctx ends, then lets what has begun be finished. It
// speaks HTTP/1.1 without TLS. The times bound what one connection may take; how many there
// are of an address is for what stands before it.
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
