package grpchost_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sallyport-go/sallyport/examples/hosts/grpchost"
	"github.com/sallyport-go/sallyport/examples/hosts/internal/world"
	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return ""
}

func TestGate(t *testing.T) {
	w := world.New(t)
	requests := map[member.ID]engine.Request{}
	for _, id := range []member.ID{"kim", "lee"} {
		d, stamp, err := w.Engine.Admit(context.Background(), engine.Login{Tenant: world.Tenant, Member: id, Client: session.API, Addr: netip.MustParseAddr(world.Office), Authenticated: true})
		if err != nil || !d.Allowed() {
			t.Fatal(d, err)
		}
		requests[id] = engine.Request{Tenant: world.Tenant, Member: id, Stamp: stamp}
	}
	var moved atomic.Bool // a session from kim to lee
	var checks atomic.Int32
	moving, giveUp := context.WithCancelCause(t.Context()) // so that a stream that goes on is not waited for
	defer giveUp(nil)
	gate := &grpchost.Gate{Engine: w.Engine, Resolver: world.Proxy(t, "127.0.0.1"), Every: 1, Session: func(_ context.Context, md metadata.MD) (engine.Request, error) {
		switch token := md.Get("authorization"); {
		case len(token) != 1:
		case token[0] == "Bearer moves" && moved.Load():
			if checks.Add(1) > 1 {
				giveUp(errors.New("it was checked once more after a check that found another member"))
			}
			return requests["lee"], nil
		case token[0] == "Bearer good", token[0] == "Bearer moves":
			return requests["kim"], nil
		}
		return engine.Request{}, session.ErrNotFound
	}}
	var handling atomic.Int32 // handlers that wait for a message and know nothing of contexts
	outer := func(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		err := next(srv, s)
		if info.FullMethod == "/deaf/Wait" && handling.Load() != 0 {
			t.Error("the handler outlives the interceptor")
		}
		return err
	}
	who := func(ctx context.Context) {
		if r, ok := grpchost.Who(ctx); !ok || r.Member != "kim" || r.Addr.String() != world.Office {
			t.Errorf("a handler sees %+v, %v", r, ok)
		}
	}
	inner := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		who(ctx)
		return next(ctx, req)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(gate.Unary, inner), grpc.ChainStreamInterceptor(outer, gate.Stream))
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "deaf", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{{
		StreamName: "Wait", ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, s grpc.ServerStream) error {
			handling.Add(1)
			defer handling.Add(-1)
			who(s.Context())
			if err := s.SendMsg(&healthpb.HealthCheckResponse{}); err != nil {
				return err
			}
			_ = s.RecvMsg(&healthpb.HealthCheckRequest{})
			return s.SendMsg(&healthpb.HealthCheckResponse{}) // too late
		},
	}}}, nil)
	healthpb.RegisterHealthServer(server, health.NewServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := healthpb.NewHealthClient(conn)
	at := func(token string, forwarded ...string) context.Context {
		md := metadata.Pairs("authorization", "Bearer "+token)
		md.Append("x-forwarded-for", forwarded...)
		return metadata.NewOutgoingContext(t.Context(), md)
	}
	for _, tt := range []struct {
		ctx    context.Context
		code   codes.Code
		reason string
	}{
		{at("good", world.Office), codes.OK, ""},
		{at("good", world.Street), codes.PermissionDenied, "address-not-designated"},
		{at("good", world.Office, world.Street), codes.PermissionDenied, "address-not-designated"}, // spoofed
		{at("good"), codes.PermissionDenied, "no-client-address"},
		{at("bad", world.Office), codes.Unauthenticated, "session-unknown"},
	} {
		_, err := client.Check(tt.ctx, &healthpb.HealthCheckRequest{})
		if status.Code(err) != tt.code || reasonOf(err) != tt.reason {
			t.Errorf("%v; want %v %s", err, tt.code, tt.reason)
		}
		stream, err := client.Watch(tt.ctx, &healthpb.HealthCheckRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != tt.code || reasonOf(err) != tt.reason {
			t.Errorf("stream: %v; want %v %s", err, tt.code, tt.reason)
		}
	}
	open, err := client.Watch(at("good", world.Office), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Recv(); err != nil {
		t.Fatal(err)
	}
	deaf, err := conn.NewStream(at("good", world.Office), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/deaf/Wait")
	if err != nil {
		t.Fatal(err)
	}
	if err := deaf.RecvMsg(&healthpb.HealthCheckResponse{}); err != nil {
		t.Fatal(err)
	}
	movesAt, _ := metadata.FromOutgoingContext(at("moves", world.Office))
	moves, err := client.Watch(metadata.NewOutgoingContext(moving, movesAt), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := moves.Recv(); err != nil {
		t.Fatal(err)
	}
	moved.Store(true)
	if _, err := moves.Recv(); reasonOf(err) != "session-unknown" {
		t.Errorf("a stream whose session is another member's: %v; %v", err, context.Cause(moving))
	}
	w.SignOut(t, "kim", true)
	if _, err := client.Check(at("good", world.Office), &healthpb.HealthCheckRequest{}); reasonOf(err) != "session-cut" {
		t.Errorf("a call after a suspension: %v", err)
	}
	if _, err := open.Recv(); status.Code(err) != codes.Unauthenticated || reasonOf(err) != "session-cut" {
		t.Errorf("a stream after a suspension: %v", err)
	}
	if err := deaf.RecvMsg(&healthpb.HealthCheckResponse{}); status.Code(err) != codes.Unauthenticated || reasonOf(err) != "session-cut" {
		t.Errorf("a stream that waits for a message, after a suspension: %v", err)
	}
}
