package redisstore_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// What a login and a request cost, as the server sees it, and that all keys of all commands
// lie in one slot.
func TestCommandsAndSlots(t *testing.T) {
	s := serve(t)
	db := drawn(t, client(t, s.addr), "shop.1")
	sessions, ctx := db.Sessions(), t.Context()
	told := db.Told(policy.NewMemStore())
	n := login("kim")
	_, next := session.NewToken()
	order := session.Order{Kind: session.SignOut, Tenant: acme, Member: "warm", Clients: session.AllClients, Membership: session.Version{Line: 9, Number: 4}}
	others := make([]session.Session, 450)
	for _, step := range []struct {
		what     string
		do       func() error
		commands int
	}{
		{"the first of each script, which the server does not know yet", func() error {
			warm := begun(t, sessions, "warm")
			_, next := session.NewToken()
			sessions.Find(ctx, acme, warm.ID)
			sessions.Touch(ctx, acme, warm.ID, time.Now(), seoul, warm.Country)
			sessions.Renew(ctx, acme, warm.ID, next, time.Now())
			sessions.End(ctx, acme, next, time.Now(), "x")
			sessions.List(ctx, acme, session.Query{})
			sessions.Purge(ctx, time.Now().Add(time.Hour), 10)
			db.TellMember(ctx, acme, "warm", session.Version{Line: 1, Number: 1})
			return sessions.Revoke(ctx, order)
		}, -1},
		{"begin", func() error { return sessions.Create(ctx, n) }, 1},
		{"find", func() error { _, err := sessions.Find(ctx, acme, n.ID); return err }, 1},
		{"touch", func() error { return sessions.Touch(ctx, acme, n.ID, time.Now(), seoul, n.Country) }, 1},
		{"renew", func() error { return sessions.Renew(ctx, acme, n.ID, next, time.Now()) }, 1},
		{"end", func() error { return sessions.End(ctx, acme, next, time.Now(), "signed out") }, 1},
		{"begin 450", func() error {
			for i := range others {
				others[i] = begun(t, sessions, "lee")
			}
			return nil
		}, 450},
		{"list 450", func() error { _, err := sessions.List(ctx, acme, session.Query{Member: "lee"}); return err }, 3},
		{"end all 450", func() error {
			o := session.Order{Kind: session.SignOut, Tenant: acme, Member: "lee", Clients: session.AllClients}
			_, err := sessions.EndAll(ctx, o, time.Now())
			return err
		}, 3},
		{"purge 451", func() error { _, err := sessions.Purge(ctx, time.Now().Add(time.Hour), 1000); return err }, 4},
		{"tell", func() error { return db.TellMember(ctx, acme, "kim", session.Version{Line: 9, Number: 4}) }, 1},
		{"a save that signs everybody out", func() error {
			r := policy.Record{Tenant: acme, Version: session.NewLine()}
			o := session.Order{ID: "o", Kind: session.SignOut, Tenant: acme, Clients: session.AllClients, Policy: r.Version}
			_, err := told.Save(ctx, session.Version{}, r, session.Event{ID: "e", Tenant: acme, At: time.Now(), Policy: r.Version}, []session.Order{o})
			return err
		}, 2},
	} {
		stop := monitor(t, s.addr)
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		commands := 0
		for _, line := range stop() {
			commands += command(t, line, "shop.1")
		}
		if step.commands >= 0 && commands != step.commands {
			t.Errorf("%s takes %d commands; want %d", step.what, commands, step.commands)
		}
	}
}

var arguments = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// command reads a line of MONITOR, checks the slot of its keys, and returns 1 if it came
// from a client.
func command(t *testing.T, line, prefix string) int {
	t.Helper()
	var args []string
	for _, a := range arguments.FindAllStringSubmatch(line, -1) {
		args = append(args, a[1])
	}
	lua := strings.Contains(strings.SplitN(line, `"`, 2)[0], "lua")
	var keys []string
	switch name := strings.ToUpper(args[0]); name {
	case "EVAL", "EVALSHA":
		if args[2] != "1" {
			t.Errorf("a script has %s keys: %.200s", args[2], line)
		}
		keys = args[3:4]
	case "HSET", "HGET", "HMGET", "HINCRBY", "HDEL", "GET", "SET", "ZADD", "ZREM", "ZCARD", "ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZRANGEBYSCORE", "XADD":
		keys = args[1:2]
	case "DEL", "EXISTS", "UNLINK":
		keys = args[1:]
	case "PUBLISH", "TIME":
	case "HELLO", "CLIENT", "PING", "SELECT": // how a connection begins
		return 0
	default:
		t.Errorf("a command that this test does not know: %.200s", line)
	}
	for _, k := range keys {
		if slot(k) != slot(prefix) {
			t.Errorf("key %.100s lies in slot %d; want that of %s, %d", k, slot(k), prefix, slot(prefix))
		}
	}
	if lua {
		return 0
	}
	return 1
}

// slot is the slot of a key, as the specification of Redis Cluster has it.
func slot(key string) uint16 {
	if _, tag, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok = strings.Cut(tag, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}

func TestSlotIsThatOfTheServer(t *testing.T) {
	c := client(t, serve(t, "--cluster-enabled", "yes").addr)
	for i := range 50 {
		for _, key := range []string{fmt.Sprint("key", i), fmt.Sprintf("{tag%d}:x", i), fmt.Sprintf("{}%d", i)} {
			if want := must[int64](t)(c.ClusterKeySlot(t.Context(), key).Result()); int64(slot(key)) != want {
				t.Fatalf("slot of %q is %d; the server says %d", key, slot(key), want)
			}
		}
	}
}
