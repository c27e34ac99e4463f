package sessiontest

import "github.com/sallyport-go/sallyport/session"

type TB = tb

// Proof is a proof that can be run on a store that is broken.
type Proof struct{ p proof }

func Proofs() (all []Proof) {
	for _, p := range proofs {
		all = append(all, Proof{p})
	}
	return all
}

func (p Proof) Name() string              { return p.p.name }
func (p Proof) Visits() bool              { return p.p.visits }
func (p Proof) Clauses() []string         { return p.p.clauses }
func (p Proof) Contract() string          { return p.p.contract() }
func (p Proof) Run(t TB, s session.Store) { p.p.run(newTrial(t, s)) }
