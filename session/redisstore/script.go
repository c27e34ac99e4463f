package redisstore

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed lua
var lua embed.FS

// script returns a script with what every one begins with.
func script(name string) *redis.Script {
	source := "local fields = {'" + strings.Join(fields, "', '") + "'}\n"
	for _, file := range []string{"common", name} {
		text, err := lua.ReadFile("lua/" + file + ".lua")
		if err != nil {
			return redis.NewScript("error('" + file + " is missing')")
		}
		source += string(text)
	}
	return redis.NewScript(source)
}

// run runs a script and returns what it answers. It returns when ctx ends: what it has
// sent may be done nevertheless.
func (db *DB) run(ctx context.Context, s *redis.Script, args ...any) ([]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if db == nil || db.client == nil {
		return nil, errZero
	}
	seen := db.history.seen()
	args = append([]any{seen.line, strconv.FormatUint(seen.ends, 10), seen.tag, rand.Text()}, args...)
	if ctx.Done() == nil {
		return db.answer(ctx, s, args)
	}
	// The client heeds the end of a context only between its own steps.
	type outcome struct {
		reply []any
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		reply, err := db.answer(ctx, s, args)
		done <- outcome{reply, err}
	}()
	select {
	case o := <-done:
		return o.reply, o.err
	case <-ctx.Done():
		return nil, unknown(ctx, ctx.Err())
	}
}

func (db *DB) answer(ctx context.Context, s *redis.Script, args []any) ([]any, error) {
	reply, err := s.Run(ctx, db.client, []string{db.mark}, args...).Slice()
	if why, lost := lostIn(err); lost {
		return nil, fmt.Errorf("%w (%.200q)", ErrLost, why)
	}
	if err != nil {
		return nil, unknown(ctx, err)
	}
	if len(reply) < 3 {
		return nil, errAnswer
	}
	now := sight{line: text(reply[0]), tag: text(reply[2])}
	if now.ends, err = strconv.ParseUint(text(reply[1]), 10, 64); err != nil || now.line == "" {
		return nil, errAnswer
	}
	db.history.note(now)
	return reply[3:], nil
}

// lostIn returns what a script says of lost data.
func lostIn(err error) (string, bool) {
	if err == nil {
		return "", false
	}
	why, ok := strings.CutPrefix(err.Error(), "LOST ")
	why, _, _ = strings.Cut(why, " script:") // where in the script it was noticed
	return why, ok
}

var (
	errZero   = fmt.Errorf("redisstore: make a DB with New")
	errAnswer = fmt.Errorf("redisstore: the server answers what no script of this package does")
)

// text returns a value of an answer.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// texts returns a list of values of an answer.
func texts(v any) []string {
	list, _ := v.([]any)
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = text(v)
	}
	return all
}
