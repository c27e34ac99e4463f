package engine

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/member"
	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// Letter is what a Mailer mails to every administrator of a tenant.
type Letter struct {
	Tenant session.TenantID
	Kind   session.OrderKind // ResetLink or Notice
	By     member.ID         // who saved, for ResetLink; "": the system
	At     time.Time         // when

	// Token goes into the link, for ResetLink, and nowhere else: who has it can lift the
	// restriction until Expires. It is not kept.
	Token   string
	Expires time.Time
}

// LogValue returns the letter without its token.
func (l Letter) LogValue() slog.Value {
	return slog.GroupValue(slog.String("tenant", string(l.Tenant)), slog.String("kind", string(l.Kind)), slog.Time("at", l.At))
}

// String returns the letter without its token.
func (l Letter) String() string {
	return fmt.Sprintf("%s for tenant %s", l.Kind, quote(string(l.Tenant)))
}

// Format prints what String returns, whatever the verb.
func (l Letter) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, l.String()) }

// ErrLink says that a link is not one of this tenant, is too old, or was made for settings
// that somebody has changed since; using it changes them too, so it works once.
var ErrLink = errors.New("engine: this link is not valid any more; it works once, within its time, and for the save that it was mailed for")

const minResetKey = 32 // bytes

// checkLinks checks what links need, and copies the keys.
func checkLinks(life time.Duration, o *Options) error {
	switch {
	case life < time.Minute || life > time.Hour:
		return fmt.Errorf("engine: the profile's ResetLink is %v; from a minute to an hour", life)
	case o.Mailer == nil:
		return errors.New("engine: the profile has a ResetLink, so Options.Mailer is needed")
	case len(o.ResetKeys) == 0:
		return errors.New("engine: the profile has a ResetLink, so Options.ResetKeys is needed: 32 random bytes, the same for all processes")
	}
	keys := make([][]byte, len(o.ResetKeys)) // the host may wipe its own
	for i, k := range o.ResetKeys {
		if len(k) < minResetKey {
			return fmt.Errorf("engine: ResetKeys[%d] has %d bytes; at least %d", i, len(k), minResetKey)
		}
		keys[i] = bytes.Clone(k)
	}
	o.ResetKeys = keys
	return nil
}

// The token is a version and its end, signed for one tenant: 4 bytes of line, 8 of number,
// 8 of seconds, 32 of HMAC-SHA256.
const (
	tokenBody = 4 + 8 + 8
	tokenSize = tokenBody + sha256.Size
)

func linkToken(key []byte, t session.TenantID, v session.Version, ends time.Time) string {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, tokenSize), v.Line)
	b = binary.BigEndian.AppendUint64(b, v.Number)
	b = binary.BigEndian.AppendUint64(b, uint64(ends.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, linkMAC(key, t, b)...))
}

func linkMAC(key []byte, t session.TenantID, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("sallyport reset link 1\x00"))
	mac.Write(body) // of one length, so that tenant and body cannot run into each other
	mac.Write([]byte(t))
	return mac.Sum(nil)
}

// readToken returns the version and the end of a token that one of keys has signed.
func readToken(keys [][]byte, t session.TenantID, token string) (session.Version, time.Time, bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return session.Version{}, time.Time{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return session.Version{}, time.Time{}, false
	}
	signed := false
	for _, key := range keys {
		signed = hmac.Equal(linkMAC(key, t, b[:tokenBody]), b[tokenBody:]) || signed
	}
	v := session.Version{Line: binary.BigEndian.Uint32(b), Number: binary.BigEndian.Uint64(b[4:])}
	return v, time.Unix(int64(binary.BigEndian.Uint64(b[12:])), 0), signed
}

// linkFor returns the order of the letter that a save gives: a link, where the profile has
// links and addresses are designated.
func (e *Engine) linkFor(r policy.Record, by member.ID, at time.Time) []session.Order {
	is := stand{r.Settings, &e.profile, r.Plan}
	if e.profile.ResetLink <= 0 || is.inForce().Access != policy.DesignatedAddresses {
		return nil
	}
	return []session.Order{linkOrder(session.ResetLink, r.Tenant, by, at)}
}

// linkOrder asks for a letter to the administrators. Its version is filled in.
func linkOrder(kind session.OrderKind, t session.TenantID, by member.ID, at time.Time) session.Order {
	return session.Order{ID: rand.Text(), Kind: kind, Tenant: t, Actor: by, At: at.Round(0)}
}

// letter writes the letter of an order, or reports that nobody needs it any more. The
// token is made here and not when saving, so that no store has it.
func (e *Engine) letter(ctx context.Context, o session.Order) (Letter, bool, error) {
	l := Letter{Tenant: o.Tenant, Kind: o.Kind, By: o.Actor, At: o.At}
	if o.Kind != session.ResetLink {
		return l, true, nil
	}
	l.Expires = o.At.Add(e.profile.ResetLink).Truncate(time.Second)
	if e.profile.ResetLink <= 0 || !e.clock.at(time.Now()).Before(l.Expires) {
		return l, false, nil
	}
	v, err := call(ctx, e, e.o.LoadTimeout, func(ctx context.Context) (session.Version, error) { return e.store.Version(ctx, o.Tenant) })
	switch {
	case err != nil:
		return l, false, err
	case v.Line == o.Policy.Line && v.Number < o.Policy.Number: // the order came with a later one
		return l, false, errRegression
	case v != o.Policy:
		return l, false, nil
	}
	l.Token = linkToken(e.o.ResetKeys[0], o.Tenant, o.Policy, l.Expires)
	return l, true, nil
}

// mail has the letter of an order mailed. What the Mailer says went wrong is kept and
// logged, so the token is taken out of it.
func (e *Engine) mail(ctx context.Context, o session.Order) (err error) {
	l, needed, err := e.letter(ctx, o)
	if err != nil || !needed {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("engine: the host panicked: %v", r)
		}
		if err != nil && l.Token != "" && strings.Contains(err.Error(), l.Token) {
			err = errors.New(strings.ReplaceAll(err.Error(), l.Token, "…"))
		}
	}()
	return e.o.Mailer.Mail(ctx, l)
}

// Offer is what a reset link offers to do.
type Offer struct {
	Tenant  session.TenantID `json:"tenant"`
	Version session.Version  `json:"version"` // of the settings that it lifts
	Expires time.Time        `json:"expires"`
	Change  policy.Change    `json:"change"`
}

// Offered shows what a reset link would do, and does nothing: a mail program that opens
// links to look at them must not lift a restriction. The error is ErrLink if it would not
// work.
func (e *Engine) Offered(ctx context.Context, t session.TenantID, token string) (Offer, error) {
	o, r, err := e.offer(ctx, t, token)
	if err != nil {
		return Offer{}, err
	}
	is := stand{r.Settings, &e.profile, r.Plan}
	o.Change = judge(is, is.lifted(), e.clock.at(time.Now()))
	return o, nil
}

// lifted returns what a link makes of settings. Overseas blocking was not in force beside
// the list; with the list gone it would be, and shut out again whom the link lets in.
func (s stand) lifted() stand {
	s.settings.Access = policy.AllAddresses
	s.settings.Overseas.Block = false
	return s
}

func (e *Engine) offer(ctx context.Context, t session.TenantID, token string) (Offer, policy.Record, error) {
	v, expires, signed := readToken(e.o.ResetKeys, t, token)
	if !signed || e.profile.ResetLink <= 0 || !e.clock.at(time.Now()).Before(expires) {
		return Offer{}, policy.Record{}, ErrLink
	}
	r, err := e.Settings(ctx, t)
	if errors.Is(err, ErrNotEnrolled) || err == nil && r.Version != v {
		err = ErrLink
	}
	return Offer{Tenant: t, Version: v, Expires: expires}, r, err
}

// Redeem does what a reset link offers: a save of the same settings with every address
// allowed, of which every administrator is told. Overseas blocking is switched off, or it
// would come into force where the list was; the list, the exceptions and the exempt
// countries are kept. Nobody is signed out. It works once, for whoever has the link; call it
// for a POST alone. An open provisional save is dropped. The error is ErrLink if it does not
// work.
func (e *Engine) Redeem(ctx context.Context, t session.TenantID, token string) (Saved, error) {
	o, _, err := e.offer(ctx, t, token)
	if err != nil {
		return Saved{}, err
	}
	saved, err := e.act(ctx, Act{Tenant: t, From: o.Version}, whileOpen, func(r policy.Record, now time.Time) (*change, error) {
		c := &change{kind: "link-redeemed", next: r, notes: []string{"a reset link was used"}}
		is := stand{r.Settings, &e.profile, r.Plan}
		c.next.Settings = is.lifted().settings
		if r.Return != nil {
			c.next.Return, c.skip = nil, 1 // as in Confirm
		}
		c.diff = judge(is, is.lifted(), now)
		c.orders = []session.Order{linkOrder(session.Notice, t, "", now)}
		return c, nil
	})
	if errors.Is(err, session.ErrConflict) || errors.Is(err, ErrNotEnrolled) {
		err = ErrLink // somebody has saved, or has used the link
	}
	return saved, err
}
