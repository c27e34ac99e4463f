// Package jwthost keeps the stamp of a session in a claim of a token. Copy it whole, with a
// key of at least 32 random bytes that no client knows and that signs nothing else. A token
// lives for the minutes of its expiry and is renewed while it lasts, as long as its session
// may; a cut ends it at its next check, renewed or not. The host must see to the login
// (package scshost has one) and to the id: a random one for each session, by which the
// engine's Options.Sessions can end it alone.
package jwthost

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy/engine"
	"github.com/sallyport-go/sallyport/session"
)

// Tokens signs and reads tokens of one issuer.
type Tokens struct {
	Key     []byte
	Issuer  string
	Life    time.Duration // of a token
	Session time.Duration // from the login to the last renewal
}

type claims struct {
	jwt.RegisteredClaims                  // sub: the member; aud: the tenant; jti: the session
	Stamp                session.Stamp    `json:"stamp"`
	Began                *jwt.NumericDate `json:"auth_time"` // when the session began
}

// Sign returns the token of a session that Engine.Admit has let in; id names the session.
func (k Tokens) Sign(r engine.Request, id string) (string, error) {
	return k.sign(r, id, jwt.NewNumericDate(time.Now()))
}

func (k Tokens) sign(r engine.Request, id string, began *jwt.NumericDate) (string, error) {
	if len(k.Key) < 32 || k.Issuer == "" || k.Life <= 0 || id == "" {
		return "", errors.New("jwthost: a token needs a key of 32 bytes, an issuer, a life and an id")
	}
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: k.Issuer, Subject: string(r.Member), Audience: jwt.ClaimStrings{string(r.Tenant)}, ID: id,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(k.Life)),
		},
		Stamp: r.Stamp, Began: began,
	}).SignedString(k.Key)
}

// SessionOf returns the Session of a Guard for the endpoints of a tenant.
func (k Tokens) SessionOf(t session.TenantID) func(*http.Request) (engine.Request, error) {
	return func(r *http.Request) (engine.Request, error) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			return engine.Request{Tenant: t}, session.ErrNotFound
		}
		request, _, err := k.read(token, t)
		return request, err
	}
}

// Renew returns a token that lives longer, with the stamp of the old one: whatever ends the
// old one ends it. Mount it behind the Guard, so that what has ended is not renewed.
func (k Tokens) Renew(token string, t session.TenantID) (string, error) {
	request, c, err := k.read(token, t)
	switch {
	case err != nil:
		return "", err
	case c.Began == nil || time.Since(c.Began.Time) >= k.Session:
		return "", session.ErrEnded
	}
	return k.sign(request, c.ID, c.Began)
}

func (k Tokens) read(token string, t session.TenantID) (engine.Request, claims, error) {
	if len(k.Key) < 32 || k.Issuer == "" || t == "" {
		return engine.Request{}, claims{}, errors.New("jwthost: reading a token needs a key of 32 bytes, an issuer and a tenant")
	}
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return k.Key, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(k.Issuer), jwt.WithAudience(string(t)), jwt.WithExpirationRequired())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return engine.Request{Tenant: t}, c, session.ErrEnded
	case err != nil:
		return engine.Request{Tenant: t}, c, fmt.Errorf("%w: %w", session.ErrNotFound, err)
	case c.Subject == "" || c.ID == "":
		return engine.Request{Tenant: t}, c, session.ErrNotFound
	}
	return engine.Request{Tenant: t, Member: member.ID(c.Subject), Session: session.IDOf(c.ID), Stamp: c.Stamp}, c, nil
}
