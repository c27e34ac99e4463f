// Package httpgate stands between net/http and the engine: it finds out where a request
// comes from, lets through what the engine allows, and answers the rest.
//
//	proxies, err := httpgate.NewResolver(httpgate.Options{
//		Proxies: ipset.MustParse("10.0.0.0/24"), // the load balancers, nobody else
//		Header:  httpgate.XForwardedFor,         // what they append to
//	})
//	…
//	guard := &httpgate.Guard{Engine: eng, Session: sessionOf, Resolver: proxies}
//	mux.Handle("/", guard.Handler(app))
//
// # Where a request comes from
//
// Whoever connects can write any header. So [Resolver] begins at the other end of the
// connection and believes what it says of the hop before only if it is a declared proxy,
// and so on, from right to left:
//
//	peer 10.0.0.7     X-Forwarded-For: 1.1.1.1, 8.8.8.8, 10.0.0.9
//	declared          written by:      client   10.0.0.9 10.0.0.7
//
// 10.0.0.7 is declared and says 10.0.0.9; that is declared and says 8.8.8.8; that is
// nobody's proxy and is the answer. What is left of it is never read. A hop on the way that
// cannot be read is an error, and so is a chain that ends among the proxies: then there is
// no client address, and everything refuses. Where nothing is declared the answer is the
// peer. Seen.Ignored tells of what was not believed: a console does not offer "your address"
// then, for it may be the address of a proxy that nobody has declared.
//
// Use the Resolver on requests as the server made them. Middleware that writes headers into
// Request.RemoteAddr lets every client choose its address.
//
// # What a refusal looks like
//
// [Guard] answers with the status of [Status] and a body that the request asks for: a page
// for people, problem details (RFC 9457) for programs, or plain text, in English, Korean or
// Japanese. It has the stable code of the reason, the address that was seen and what the
// host's Help adds, and never which entry or rule it was. Two refusals of one reason are the
// same to the byte: what tells them apart is the header X-Request-Id, which the log has too.
//
//	{"type":"https://github.com/sallyport-go/sallyport#address-not-designated",
//	 "title":"No access from this address","status":403,
//	 "detail":"Your organisation allows access from certain addresses only. …",
//	 "effect":"deny","reason":"address-not-designated","address":"203.0.113.9",
//	 "contact":"it@example.com"}
//
// # What lasts
//
// A request is checked when it begins. One that goes on for long (events, a WebSocket, a
// long poll) goes through [Guard.Stream], or [Watch] where there is no Guard, and is checked
// again while it lasts. Of the streams of one connection of HTTP/2 each ends alone.
//
// # Mail
//
// Servers of IMAP, POP3 and SMTP find in [MailCodesOf] what to answer, and the address of a
// connection with [Resolver.ResolveConn].
package httpgate
