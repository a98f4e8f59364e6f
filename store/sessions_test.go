package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/store/storetest"
)

func (h *house) session() string {
	h.t.Helper()
	id, err := h.OpenSession(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// call is a request in a session; its body stands for all of it.
func call(id string, number uint64, body string, sin auth.SIN) auth.SessionCall {
	c := auth.SessionCall{ID: id, Number: number, SIN: sin}
	copy(c.Hash[:], body)
	return c
}

// ask sends a request that is answered "STATUS answer to BODY" when it is executed, and gives the answer and whether it was.
func (h *house) ask(c auth.SessionCall, status int) (answer string, executed bool, err error) {
	turn, err := h.Turn(h.t.Context(), c)
	if err != nil {
		return "", false, err
	}
	defer turn.Release()
	if turn.Replay {
		return fmt.Sprint(turn.Status, " ", string(turn.Body)), false, nil
	}
	body := "answer to " + string(bytes.TrimRight(c.Hash[:], "\x00"))
	return fmt.Sprint(status, " ", body), true, turn.Finish(h.t.Context(), status, []byte(body))
}

func refused(t *testing.T, err error, text string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || f.Error() != text {
		t.Errorf("got %v, want exactly %q", err, text)
	}
}

const (
	expired    = "Invalid or expired sessionId"
	outOfOrder = "Invalid requestNumber"
)

func TestSessionCountsItsRequests(t *testing.T) {
	path := create(t)
	var id string
	t.Run("first", func(t *testing.T) {
		h := newHouse(t, open(t, config(path)), nil)
		id = h.session()
		for _, c := range []struct {
			number uint64
			body   string
			status int
			want   string
			done   bool
			err    string
		}{
			{0, "a", 200, "", false, outOfOrder},
			{2, "a", 200, "", false, outOfOrder},
			{1, "a", 200, "200 answer to a", true, ""},
			{1, "a", 500, "200 answer to a", false, ""}, // the answer that it had
			{1, "b", 200, "", false, outOfOrder},
			{2, "bad", 400, "400 answer to bad", true, ""}, // a failure takes its number, too
			{2, "bad", 200, "400 answer to bad", false, ""},
			{1, "a", 200, "", false, outOfOrder},
			{3, "a", 200, "200 answer to a", true, ""},
			{5, "a", 200, "", false, outOfOrder},
		} {
			answer, done, err := h.ask(call(id, c.number, c.body, till), c.status)
			if c.err != "" {
				refused(t, err, c.err)
			} else if err != nil || answer != c.want || done != c.done {
				t.Errorf("%d %s: %q %v %v", c.number, c.body, answer, done, err)
			}
		}
	})
	h := newHouse(t, open(t, config(path)), nil)
	if answer, done, err := h.ask(call(id, 3, "a", till), 500); err != nil || done || answer != "200 answer to a" {
		t.Errorf("after a restart: %q %v %v", answer, done, err)
	}
	if _, done, err := h.ask(call(id, 4, "a", till), 200); err != nil || !done {
		t.Errorf("after a restart: %v %v", done, err)
	}
}

// A daemon that dies between the effect and the kept answer does it again: its number is not taken.
func TestUnfinishedRequestsTakeNoNumber(t *testing.T) {
	h := anyHouse(t)
	id := h.session()
	turn, err := h.Turn(t.Context(), call(id, 1, "a", till))
	if err != nil || turn.Replay {
		t.Fatal(err)
	}
	turn.Release()
	turn.Release()
	if err := turn.Finish(t.Context(), 200, nil); err != nil {
		t.Fatal(err)
	}
	if _, done, err := h.ask(call(id, 1, "b", desk), 200); err != nil || !done {
		t.Fatalf("%v %v", done, err)
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	h := anyHouse(t)
	id := h.session()
	for n := range uint64(3) { // each request keeps it alive
		h.wait(auth.SessionTime)
		if _, done, err := h.ask(call(id, n+1, "a", ""), 200); err != nil || !done {
			t.Fatalf("request %d: %v %v", n+1, done, err)
		}
	}
	h.wait(auth.SessionTime + 1)
	for name, c := range map[string]auth.SessionCall{
		"next": call(id, 4, "a", ""), "repeated": call(id, 3, "a", ""), "unknown": call("unknown", 1, "a", ""), "none": call("", 1, "a", ""),
		"long": call(strings.Repeat("z", 1<<20), 1, "a", ""),
	} {
		_, _, err := h.ask(c, 200)
		refused(t, err, expired)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if fresh := h.session(); fresh == id {
		t.Fatal("an id was given twice")
	}
	h.db.ReadAuth(t.Context(), func(v auth.View) error {
		if _, ok, err := v.Session(id); err != nil || ok {
			t.Errorf("an idle session is kept: %v", err)
		}
		return nil
	})
}

func TestSessionsBelongToTheirFirstSIN(t *testing.T) {
	h := anyHouse(t)
	id := h.session()
	for _, c := range []struct {
		number uint64
		sin    auth.SIN
		err    string
	}{
		{1, "", ""}, {2, till, ""}, {3, desk, expired}, {2, desk, expired}, {2, "", outOfOrder}, // a signed answer is for its signer
		{3, "", ""}, {3, till, outOfOrder}, {4, till, ""},
	} {
		_, _, err := h.ask(call(id, c.number, "a", c.sin), 200)
		if c.err != "" {
			refused(t, err, c.err)
		} else if err != nil {
			t.Errorf("%d by %q: %v", c.number, c.sin, err)
		}
	}
}

// Of equal requests at once one is executed, and all have its answer.
func TestParallelRequestsOfASession(t *testing.T) {
	h := anyHouse(t)
	id := h.session()
	for n := range uint64(5) {
		var executed atomic.Int32
		answers, errs := parallel(16, func(int) (string, error) {
			answer, done, err := h.ask(call(id, n+1, fmt.Sprint("body ", n), till), 200)
			if done {
				executed.Add(1)
			}
			return answer, err
		})
		if executed.Load() != 1 || len(errs) > 0 || len(answers) != 1 || answers[fmt.Sprint("200 answer to body ", n)] != 16 {
			t.Fatalf("executed %d times: %v %v", executed.Load(), answers, errs)
		}
	}
	other := h.session()
	turn, err := h.Turn(t.Context(), call(id, 6, "slow", till))
	if err != nil {
		t.Fatal(err)
	}
	if _, done, err := h.ask(call(other, 1, "quick", till), 200); err != nil || !done {
		t.Fatalf("another session waits: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, errs := parallel(50, func(i int) (int, error) {
		if i == 49 {
			cancel()
			return 0, nil
		}
		_, err := h.Turn(ctx, call(id, 6, "slow", till))
		return 1, err
	})
	if len(errs) != 49 {
		t.Fatalf("%d of 49 waited or were refused", len(errs))
	}
	for _, err := range errs {
		if !errors.Is(err, context.Canceled) && !fault.Is(err, fault.TooMany) {
			t.Errorf("got %v", err)
		}
	}
	if err := turn.Finish(ctx, 200, []byte("done")); err != nil { // also when its caller went away
		t.Fatal(err)
	}
	turn.Release()
	if answer, done, err := h.ask(call(id, 6, "slow", till), 500); err != nil || done || answer != "200 done" {
		t.Fatalf("%q %v %v", answer, done, err)
	}
}

func TestQueueOfASessionIsBounded(t *testing.T) {
	h := anyHouse(t)
	id := h.session()
	turn, err := h.Turn(t.Context(), call(id, 1, "a", ""))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	refusals := make(chan error, 40)
	for range 40 {
		go func() {
			_, err := h.Turn(ctx, call(id, 1, "a", ""))
			refusals <- err
		}()
	}
	for range 40 - 15 { // 15 wait beside the one that is served
		if err := <-refusals; !fault.Is(err, fault.TooMany) {
			t.Fatalf("got %v", err)
		}
	}
	cancel()
	for range 15 {
		if err := <-refusals; !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	}
	turn.Release()
	if _, done, err := h.ask(call(id, 1, "a", ""), 200); err != nil || !done {
		t.Fatalf("the queue is not open again: %v", err)
	}
}

func TestLargeAnswersAreNotKept(t *testing.T) {
	h := anyHouse(t)
	id := h.session()
	for n, size := range []int{1 << 20, 1<<20 + 1, 0, 10} {
		c := call(id, uint64(n+1), "a", till)
		turn, err := h.Turn(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		body := bytes.Repeat([]byte("x"), size)
		if err := turn.Finish(t.Context(), 200, body); err != nil {
			t.Fatal(err)
		}
		turn.Release()
		again, err := h.Turn(t.Context(), c)
		if size > 1<<20 {
			kind(t, err, fault.Conflict)
			continue
		}
		if err != nil || !again.Replay || !bytes.Equal(again.Body, body) {
			t.Fatalf("%d bytes: %v", size, err)
		}
		again.Release()
	}
}

// All answers together are bounded, too: beyond it none is kept until others end.
func TestKeptAnswersAreBoundedTogether(t *testing.T) {
	h := anyHouse(t)
	id := h.session()
	err := h.db.UpdateAuth(t.Context(), func(tx auth.Tx) error { // 255 and a half MiB
		for i := range 255 {
			s := auth.Session{ID: fmt.Sprint("full-", i), Next: 2, Used: h.now(), Last: auth.Last{Status: 200}}
			if err := tx.PutSession(s, make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return tx.PutSession(auth.Session{ID: "half", Next: 2, Used: h.now(), Last: auth.Last{Status: 200}}, make([]byte, 1<<19))
	})
	if err != nil {
		t.Fatal(err)
	}
	finish := func(n uint64, size int) error {
		turn, err := h.Turn(t.Context(), call(id, n, "a", till))
		if err != nil {
			return err
		}
		defer turn.Release()
		if turn.Replay {
			return nil
		}
		return turn.Finish(t.Context(), 200, make([]byte, size))
	}
	for n, c := range []struct {
		size int
		kind fault.Kind
	}{{1 << 20, fault.Conflict}, {1 << 19, 0}, {1 << 19, 0}, {1<<19 + 1, fault.Conflict}} {
		if err := finish(uint64(n+1), c.size); err != nil {
			t.Fatal(err)
		}
		if err := finish(uint64(n+1), c.size); fault.KindOf(err) != c.kind || (err == nil) != (c.kind == 0) {
			t.Errorf("%d bytes repeated: %v", c.size, err)
		}
	}
}

func TestTokensOfAKey(t *testing.T) {
	h := anyHouse(t)
	me, err := auth.ParseIdentity("02326209e52f6f17e987ec27c56a1321acf3d68088b8fb634f232f12ccbc9a4575")
	if err != nil || me.SIN() != till {
		t.Fatalf("%v %v", me, err)
	}
	if _, err := h.TokensOf(t.Context(), me); !errors.Is(err, auth.ErrUnknownSIN) {
		t.Errorf("a stranger: %v", err)
	}
	if _, err := h.RegisterClient(t.Context(), till, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.TokensOf(t.Context(), me); !errors.Is(err, auth.ErrUnknownSIN) {
		t.Errorf("registered and never paired: %v", err)
	}
	waiting := h.pair(auth.PairRequest{Facade: auth.POS})
	if list, err := h.TokensOf(t.Context(), me); err != nil || list == nil || len(list) != 0 {
		t.Errorf("not approved yet: %v %v", list, err)
	}
	var want []auth.Grant
	for i := range 5 {
		h.wait(time.Minute)
		want = append(want, h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS + auth.Facade(i%3), SIN: till})))
	}
	want = slices.Insert(want, 0, h.must(h.Approve(t.Context(), waiting.Pairing.Code, storetest.Other, 0)))
	h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS, SIN: desk}))
	if err := h.Revoke(t.Context(), storetest.Shop, want[2].ID); err != nil {
		t.Fatal(err)
	}
	want = slices.Delete(want, 2, 3)
	if list, err := h.TokensOf(t.Context(), me); err != nil || !slices.Equal(list, want) {
		t.Errorf("%+v %v", list, err)
	}
	p, err := h.Authenticate(t.Context(), auth.Call{Token: h.Token(want[0]), Identity: &me, Signed: true})
	if err != nil || p.Merchant() != storetest.Other || p.SIN() != till {
		t.Errorf("%+v %v", p, err)
	}
	yes := true
	if _, err := h.UpdateClient(t.Context(), till, nil, &yes); err != nil {
		t.Fatal(err)
	}
	if _, err := h.TokensOf(t.Context(), me); !errors.Is(err, auth.ErrUnknownSIN) {
		t.Errorf("disabled: %v", err)
	}
}
