package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

var (
	errNoContext = errors.New("engine: there is no context")
	errBusy      = errors.New("engine: too many calls of the store are under way")
	errVanished  = errors.New("engine: the host ended the goroutine that called it")
)

// call asks the host. What panics there is an error here. If f does not return by the end
// of ctx, or of limit if that is not zero, the caller goes on and f's answer is lost; at
// most maxCalls such calls are under way at once, so a store that hangs costs no more
// than their goroutines.
func call[T any](ctx context.Context, e *Engine, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := spent(ctx); err != nil {
		return zero, err
	}
	cancel := context.CancelFunc(func() {})
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}
	if err := e.room(ctx); err != nil {
		cancel()
		return zero, err
	}
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	u := new(underway)
	aside(e, u, func() (T, error) { return f(ctx) }, func(value T, err error) {
		answered <- answer{value, err}
		cancel()
	})
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		select {
		case a := <-answered: // both at once: the answer is the better of the two
			return a.value, a.err
		default:
			u.leave(e)
			return zero, ctx.Err()
		}
	}
}

// spent returns why nothing can be waited for any more, or nil.
func spent(ctx context.Context) error {
	if ctx == nil {
		return errNoContext
	}
	return ctx.Err()
}

// room takes one of the places for calls. Where there is none, it waits for one while ctx
// lasts.
func (e *Engine) room(ctx context.Context) error {
	select {
	case e.calls <- struct{}{}:
		return nil
	default:
	}
	select {
	case e.calls <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errors.Join(errBusy, ctx.Err())
	}
}

// aside runs f, which asks the host, on a goroutine of its own, tells done what it has
// returned, and leaves the place for calls that the caller has taken.
func aside[T any](e *Engine, u *underway, f func() (T, error), done func(T, error)) {
	go func() {
		var value T
		err := errVanished
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("engine: the host panicked: %.200q", fmt.Sprint(r))
			}
			u.end(e)
			done(value, err)
		}()
		value, err = f()
	}()
}

// underway is a call of the host that has a place. Once it has outlived its caller by
// LoadTimeout, because the host does not look at its context, it gives up that place: else
// a single row that is locked would take all of them, a call every few seconds.
type underway struct{ is atomic.Int32 }

const (
	placed int32 = iota
	ended
	lost // no place any more, but among Engine.lost
)

// leave says that the caller has gone on.
func (u *underway) leave(e *Engine) {
	time.AfterFunc(e.o.LoadTimeout, func() {
		if e.lost.Load() >= maxLost || !u.is.CompareAndSwap(placed, lost) {
			return
		}
		n := e.lost.Add(1)
		<-e.calls
		if n >= fewLost && n&(n-1) == 0 {
			e.alarm("", "", fmt.Errorf("engine: the host has not returned from %d calls that it was to give up by their context; %d are the most", n, maxLost))
		}
	})
}

func (u *underway) end(e *Engine) {
	if u.is.CompareAndSwap(placed, ended) {
		<-e.calls
	} else {
		e.lost.Add(-1)
	}
}
