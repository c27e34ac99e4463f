// Package grpchost checks the calls of a gRPC service. Copy it whole. The host must find the
// session from the metadata, as it does from a header, and install both interceptors, before
// any that reads messages; what needs no session, as the login, goes to a server without them.
// Handlers ask Who for the member, and no metadata. The handler of a stream returns when a call
// of the stream fails or its context ends; one that does neither goes on, but sends and receives
// nothing more.
package grpchost

import (
	"context"
	"errors"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/policy/httpgate"
	"github.com/sallyport-go/sallyport/session"
)

// Gate checks calls. Its fields are as those of httpgate.Guard.
type Gate struct {
	Engine   httpgate.Checker
	Session  func(context.Context, metadata.MD) (engine.Request, error)
	Resolver *httpgate.Resolver
	Every    time.Duration
}

type requestKey struct{}

// Who returns the member, the session and the address of a call that a Gate has let through.
func Who(ctx context.Context) (engine.Request, bool) {
	r, ok := ctx.Value(requestKey{}).(engine.Request)
	return r, ok
}

// check decides by the metadata and the peer of a call. What does not answer refuses.
func (g *Gate) check(ctx context.Context) (engine.Request, policy.Decision, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	request, err := g.Session(ctx, md)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return request, policy.Decision{Reason: policy.ReasonSessionUnknown}, nil
	case errors.Is(err, session.ErrEnded):
		return request, policy.Decision{Reason: policy.ReasonSessionEnded}, nil
	case err != nil:
		return request, policy.Decision{Reason: policy.ReasonMemberStale}, err
	}
	from := &http.Request{Header: http.Header{}} // as HTTP would have it
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		from.RemoteAddr = p.Addr.String()
	}
	for name, lines := range md {
		from.Header[http.CanonicalHeaderKey(name)] = lines
	}
	request.Addr = g.Resolver.ClientAddr(from) // without one the engine refuses
	d, err := g.Engine.Check(ctx, request)
	return request, d, err
}

// again is check for a stream, which stays that of its member.
func (g *Gate) again(ctx context.Context) (policy.Decision, error) {
	was, _ := Who(ctx)
	is, d, err := g.check(ctx)
	if d.Allowed() && (is.Tenant != was.Tenant || is.Member != was.Member || is.Session != was.Session) {
		d = policy.Decision{Reason: policy.ReasonSessionUnknown}
	}
	return d, err
}

// Unary is an interceptor for calls with one answer.
func (g *Gate) Unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	request, d, err := g.check(ctx)
	if err != nil || !d.Allowed() {
		return nil, refusal(d)
	}
	return next(context.WithValue(ctx, requestKey{}, request), req)
}

// Stream is an interceptor for streams, which are checked again while they last.
func (g *Gate) Stream(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	request, d, err := g.check(s.Context())
	if err != nil || !d.Allowed() {
		return refusal(d)
	}
	ctx, stop := httpgate.Watch(context.WithValue(s.Context(), requestKey{}, request), g.Every, g.again)
	defer stop()
	err = next(srv, watched{s, ctx})
	if ctx.Err() != nil {
		return ended(ctx)
	}
	return err
}

// watched is a stream whose calls return when its context ends. What the handler waits for
// beside them it must wait for with that context.
type watched struct {
	grpc.ServerStream
	ctx context.Context
}

func (w watched) Context() context.Context { return w.ctx }
func (w watched) SendMsg(m any) error      { return w.wait(w.ServerStream.SendMsg, m) }
func (w watched) RecvMsg(m any) error      { return w.wait(w.ServerStream.RecvMsg, m) }

// wait leaves a call behind when the context ends: it ends with the stream, when the
// interceptor returns, and m is nobody's then.
func (w watched) wait(call func(any) error, m any) error {
	if w.ctx.Err() != nil {
		return ended(w.ctx)
	}
	done := make(chan error, 1)
	go func() { done <- call(m) }()
	select {
	case err := <-done:
		if w.ctx.Err() == nil {
			return err
		}
	case <-w.ctx.Done():
	}
	return ended(w.ctx)
}

// ended tells why a watched context has ended.
func ended(ctx context.Context) error {
	var refused *httpgate.RefusedError
	if errors.As(context.Cause(ctx), &refused) {
		return refusal(refused.Decision)
	}
	return status.FromContextError(ctx.Err()).Err()
}

// refusal has the reason in its details, for programs.
func refusal(d policy.Decision) error {
	if d.Allowed() {
		d = policy.Decision{Reason: policy.ReasonMemberStale}
	}
	code := codes.PermissionDenied
	switch httpgate.Status(d) {
	case http.StatusUnauthorized:
		code = codes.Unauthenticated
	case http.StatusServiceUnavailable:
		code = codes.Unavailable
	}
	s := status.New(code, "access refused")
	detailed, err := s.WithDetails(&errdetails.ErrorInfo{Domain: "sallyport", Reason: d.Reason.String()})
	if err != nil {
		return s.Err()
	}
	return detailed.Err()
}
