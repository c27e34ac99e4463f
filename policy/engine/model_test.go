package engine_test

import (
	"flag"
	"maps"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/policy"
	"github.com/sallyport-go/sallyport/session"
)

// The survivor problem: a session that was begun by settings of before a cut, and lives
// after it. The model goes through all orders of what can happen to one tenant, up to a
// depth, on two nodes: A, which reads the store each time, and B, which goes by a copy
// until it reads again. It keeps beside each record and each session which write it comes
// from, and so knows which sessions must be dead, whatever is kept to tell them by.
//
// The same acts, and real engines: model_engine_test.go.

var modelDepth = flag.Int("model.depth", 0, "acts in the model's orders; 0: 7, and 6 in -short")

// modelAct is something that happens.
type modelAct int

const (
	modelSave     modelAct = iota // A saves settings that sign nobody out
	modelCut                      // A saves settings that end the sessions of the web
	modelLoginA                   // somebody logs in with web and mobile
	modelLoginB                   // likewise where the store does not answer: by the copy
	modelReadB                    // B reads the store
	modelRequestB                 // each session makes a request to B, which reads if it does not know its stamp
	modelBackup                   // a backup of the store is made
	modelRestore                  // and restored
	modelNewLine                  // the operator draws a new line
	modelRemove                   // the tenant is removed
	modelEnroll                   // and enrolled again
	modelActs
)

var modelNames = [modelActs]string{"save", "cut", "login A", "login B", "read B", "request B", "backup", "restore", "new line", "remove", "enroll"}

func (a modelAct) String() string { return modelNames[a] }

// modelClients are the clients that log in. A cut ends the first alone.
var modelClients = [...]session.Client{session.Web, session.Mobile}

// modelScheme is what sessions are told apart by.
type modelScheme struct {
	name   string
	times  bool // stamps are times of the node's clock, cuts times of A's, and not versions
	strict bool // with times: a session lives if its time is after the cut, not at it
	skew   int  // with times: B's clock is ahead by so much
	merged bool // versions have numbers but all one line
}

// modelKept is a record, in the store or a copy, and the truth about it.
type modelKept struct {
	record policy.Record
	times  [len(modelClients)]int // when each client was cut, for schemes of times

	write int                    // which write made it
	cuts  [len(modelClients)]int // the write that last cut each client
	acts  [len(modelClients)]int // and the act that made it
	lost  bool                   // a backup was restored, and no new line drawn yet: nothing holds
}

type modelSession struct {
	stamp session.Stamp
	of    int // in modelClients
	time  int // of the node's clock
	write int // of the record that admitted it
	act   int // that began it
}

// modelState is a value; what it points to is never altered.
type modelState struct {
	acts, writes int
	lines        uint32
	store, copy  modelKept // the copy is B's
	backup       *modelKept
	seen, former session.Version // by B
	sessions     []modelSession
}

func modelStart() modelState {
	var s modelState
	s.store.record = policy.Record{Tenant: "t", Version: session.Version{Line: 1, Number: 1}}
	s.lines, s.writes, s.store.write = 1, 1, 1
	s.copy, s.seen = s.store, s.store.record.Version
	for i, c := range modelClients { // from before stamps
		s.sessions = append(s.sessions, modelSession{stamp: session.Stamp{Client: c}, of: i, time: -100})
	}
	return s
}

// clock tells A's time: every two acts share an instant.
func (s modelState) clock() int { return s.acts / 2 }

// after returns the state after an act, and false if the act changes nothing.
func (s modelState) after(a modelAct, scheme modelScheme) (modelState, bool) {
	now := s.clock()
	s.acts++
	deleted := s.store.record.Deleted
	ok := true
	switch a {
	case modelSave:
		ok = !deleted
		s.write(scheme, now)
	case modelCut:
		ok = !deleted
		s.write(scheme, now, 0)
	case modelLoginA:
		ok = !deleted
		s.login(s.store, now)
	case modelLoginB:
		ok = !s.copy.record.Deleted
		s.login(s.copy, now+scheme.skew)
	case modelReadB:
		ok = s.copy.write != s.store.write && s.read(scheme)
	case modelRequestB:
		ok = !scheme.times && slices.ContainsFunc(s.sessions, s.unknown) && s.read(scheme)
	case modelBackup:
		ok = s.backup == nil || s.backup.write != s.store.write
		kept := s.store
		s.backup = &kept
	case modelRestore:
		ok = s.backup != nil && s.backup.write != s.store.write
		if ok {
			s.store = *s.backup
			s.store.lost = true
		}
	case modelNewLine:
		ok = !deleted
		s.newLine(scheme, now, s.store.record.Version.Number+1)
	case modelRemove:
		ok = !deleted
		s.store.record.Deleted = true
		s.write(scheme, now, 0, 1)
	case modelEnroll:
		ok = deleted
		s.store.record.Deleted = false
		s.newLine(scheme, now, 1)
	}
	return s, ok
}

// write makes the next version in the store, which cuts clients.
func (s *modelState) write(scheme modelScheme, now int, cut ...int) {
	r := &s.store.record
	r.Version.Number++
	s.put(scheme, now, cut...)
}

// newLine makes a version in the store that nothing of before outlives. Where there are
// no lines it goes on by a number.
func (s *modelState) newLine(scheme modelScheme, now int, number uint64) {
	r := &s.store.record
	r.Cuts, r.MemberCuts = session.Cuts{}, nil
	if scheme.merged {
		r.Version.Number = number
	} else {
		s.lines++
		r.Version = session.Version{Line: s.lines, Number: 1}
	}
	s.store.lost = false
	s.put(scheme, now, 0, 1)
}

func (s *modelState) put(scheme modelScheme, now int, cut ...int) {
	s.writes++
	s.store.write = s.writes
	r := &s.store.record
	for _, i := range cut {
		clients := session.ClientsOf(modelClients[i])
		if len(cut) == len(modelClients) {
			clients = session.AllClients
		}
		r.Cuts = r.Cuts.Cut(clients, r.Version.Number)
		s.store.times[i], s.store.cuts[i], s.store.acts[i] = now, s.writes, s.acts
	}
}

func (s *modelState) login(by modelKept, time int) {
	s.sessions = slices.Clip(s.sessions)
	for i, c := range modelClients {
		stamp := session.Stamp{Policy: by.record.Version, Client: c}
		s.sessions = append(s.sessions, modelSession{stamp, i, time, by.write, s.acts})
	}
}

// read gives B the store's record, if it does not lie behind what B has seen.
func (s *modelState) read(scheme modelScheme) bool {
	if v := s.store.record.Version; !scheme.times && !scheme.merged {
		switch {
		case v.Line == s.seen.Line && v.Number < s.seen.Number, v.Line == s.former.Line:
			return false
		case v.Line != s.seen.Line:
			s.former = s.seen
		}
		s.seen = v
	}
	s.copy = s.store
	return true
}

// covers reports whether k can have given a session's stamp.
func (k modelKept) covers(x modelSession) bool {
	v := k.record.Version
	return x.stamp.Policy == (session.Version{}) || x.stamp.Policy.Line == v.Line && x.stamp.Policy.Number <= v.Number
}

// unknown reports whether B reads the store before it answers a session: its stamp is not
// of the copy, nor of the line that B knows to be over.
func (s modelState) unknown(x modelSession) bool {
	return !s.copy.covers(x) && x.stamp.Policy.Line != s.former.Line
}

// accepts is what a node answers that has k.
func (k modelKept) accepts(x modelSession, scheme modelScheme) bool {
	switch {
	case k.record.Deleted:
		return false
	case scheme.times && scheme.strict:
		return x.time > k.times[x.of] || k.cuts[x.of] == 0
	case scheme.times:
		return x.time >= k.times[x.of] || k.cuts[x.of] == 0
	}
	return k.record.Cuts.Alive(x.stamp.Client, x.stamp.Policy, k.record.Version)
}

// kills is what the truth says: k's cuts end the session.
func (k modelKept) kills(x modelSession) bool { return k.record.Deleted || x.write < k.cuts[x.of] }

// modelFigures counts what becomes of sessions in all states.
type modelFigures struct {
	orders          int // of acts, each with a state at its end
	dead, survived  int // sessions that a cut ends, and those that a node accepts that has it
	stale, outlived int // those that were begun after the cut, by a copy of before it
	fresh, killed   int // sessions that no cut ends, and those that A refuses
}

func (f *modelFigures) add(s modelState, scheme modelScheme) {
	f.orders++
	count := func(must, done bool, all, wrong *int) {
		if must {
			*all++
			if done {
				*wrong++
			}
		}
	}
	judge := func(k modelKept, x modelSession) {
		alive := k.accepts(x, scheme)
		count(k.kills(x), alive, &f.dead, &f.survived)
		count(k.kills(x) && !k.record.Deleted && x.act > k.acts[x.of], alive, &f.stale, &f.outlived)
		if k.write == s.store.write {
			count(!k.kills(x), !alive, &f.fresh, &f.killed)
		}
	}
	for _, x := range s.sessions {
		if !s.store.lost {
			judge(s.store, x)
		}
		if s.copy.write != s.store.write && !s.copy.lost && s.copy.covers(x) { // or B would have to read first
			judge(s.copy, x)
		}
	}
}

// modelWalk calls visit for every order of at most depth acts.
func modelWalk(scheme modelScheme, depth int, visit func(path []modelAct, s modelState)) {
	var path []modelAct
	var walk func(s modelState)
	walk = func(s modelState) {
		visit(path, s)
		if len(path) == depth {
			return
		}
		for a := range modelActs {
			if next, ok := s.after(a, scheme); ok {
				path = append(path, a)
				walk(next)
				path = path[:len(path)-1]
			}
		}
	}
	walk(modelStart())
}

func modelRun(scheme modelScheme, depth int) (f modelFigures) {
	modelWalk(scheme, depth, func(_ []modelAct, s modelState) { f.add(s, scheme) })
	return f
}

func modelDepthOf(normal int) int {
	switch {
	case *modelDepth > 0:
		return *modelDepth
	case testing.Short():
		return normal - 1
	}
	return normal
}

func (f modelFigures) log(t *testing.T, scheme modelScheme) {
	share := func(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	t.Logf("%-46s %8d orders: alive are %4.1f %% of %8d stale logins, %4.1f %% of %8d sessions that were cut; dead are %4.1f %% of %8d fresh ones",
		scheme.name, f.orders, share(f.outlived, f.stale), f.stale, share(f.survived, f.dead), f.dead, share(f.killed, f.fresh), f.fresh)
}

// With times for stamps there are survivors, and with versions none. Whatever made the
// model blind would make the first part fail.
func TestGuarantee14Model(t *testing.T) {
	t.Parallel()
	clocks := map[int]string{-1: "behind", 0: "alike", 1: "ahead"}
	for _, strict := range []bool{false, true} {
		for _, skew := range slices.Sorted(maps.Keys(clocks)) {
			rule := map[bool]string{false: "≥", true: ">"}[strict]
			scheme := modelScheme{name: "times, alive if " + rule + " the cut, B's clock " + clocks[skew], times: true, strict: strict, skew: skew}
			f := modelRun(scheme, modelDepthOf(7)-1)
			f.log(t, scheme)
			if f.outlived == 0 {
				t.Errorf("%s: the model finds no survivor, so it would find none with versions either", scheme.name)
			}
			if strict && f.killed == 0 {
				t.Errorf("%s: the model finds no fresh login that dies", scheme.name)
			}
		}
	}
	versions := modelScheme{name: "versions"}
	f := modelRun(versions, modelDepthOf(7))
	f.log(t, versions)
	if f.survived != 0 || f.killed != 0 {
		t.Errorf("with versions %d of %d sessions that were cut are alive, and %d of %d fresh ones dead; want none", f.survived, f.dead, f.killed, f.fresh)
	}
	if f.stale == 0 || f.fresh == 0 {
		t.Errorf("the model has %d stale and %d fresh logins, so it shows nothing", f.stale, f.fresh)
	}
}

// Without lines, sessions of a tenant that was removed, or of a time that was lost, live
// again. And in no order of acts on one line does a record follow another that moves a cut
// back.
func TestGuarantee17ModelOfLines(t *testing.T) {
	t.Parallel()
	merged := modelScheme{name: "versions without lines", merged: true}
	f := modelRun(merged, modelDepthOf(7)-1)
	f.log(t, merged)
	if f.survived == 0 {
		t.Error("without lines the model finds no survivor, so it would find none with them either")
	}
	versions := modelScheme{name: "versions"}
	depth := modelDepthOf(7) - 1
	states := make([]modelState, depth+1)
	followed := 0
	modelWalk(versions, depth, func(path []modelAct, s modelState) {
		states[len(path)] = s
		if len(path) == 0 || path[len(path)-1] == modelRestore {
			return
		}
		old := states[len(path)-1].store
		if old.write == s.store.write {
			return
		}
		followed++
		if err := s.store.record.Follows(old.record); err != nil {
			t.Fatalf("after %v: %v", path, err)
		}
	})
	t.Logf("%d records each followed the one before", followed)
}
