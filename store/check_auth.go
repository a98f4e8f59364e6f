package store

import (
	"bytes"
	"errors"

	"satchel/auth"
)

// grants checks each grant with its merchant and its client.
func (a *audit) grants() error {
	return a.each(bGrants, func(key, payload []byte) error {
		var rec grantRecord
		if err := decode(bGrants, key, payload, &rec); err != nil {
			return err
		}
		a.expect(bGrants, key, rec.facts(key))
		if rec.SIN != "" {
			if c, ok, err := (authTx{a.t}).Client(auth.SIN(rec.SIN)); err != nil || !ok || !c.Paired {
				return errors.Join(err, errors.New("its client is missing, or has no grant"))
			}
		}
		switch {
		case rec.No != 0:
			_, err := a.t.shop(rec.No)
			return err
		case rec.Code == "" || !rec.Client || rec.SIN == "":
			return errors.New("it is nobody's, and waits for no approval")
		}
		return nil
	})
}

// clients checks each client with its grants.
func (a *audit) clients() error {
	return a.each(bClients, func(key, payload []byte) error {
		var rec clientRecord
		if err := decode(bClients, key, payload, &rec); err != nil {
			return err
		}
		a.expect(bClients, key, rec.facts(key))
		if !bytes.Equal(key, keyHash(nil, rec.SIN)) {
			return errors.New("it is another client's")
		}
		last, err := a.t.last(bGrantsOfSIN, key)
		if err == nil && (last != nil) != rec.Paired {
			err = errors.New("it has grants and says that it has none, or the reverse")
		}
		return err
	})
}

// sessions checks each session with the answer that it keeps.
func (a *audit) sessions() error {
	err := a.each(bSessions, func(key, payload []byte) error {
		var rec sessionRecord
		if err := decode(bSessions, key, payload, &rec); err != nil {
			return err
		}
		a.expect(bSessions, key, rec.facts(key))
		if !bytes.Equal(key, keyHash(nil, rec.ID)) {
			return errors.New("it is another session's")
		}
		answer, ok, err := a.t.get(bAnswers, key)
		if ok {
			a.wanted[bAnswers]++
		}
		if err == nil && (len(answer) != rec.Size || rec.Sum != 0 && rec.Sum != sum(nil, answer)) {
			err = errors.New("its answer has another size, or is another one")
		}
		return err
	})
	return errors.Join(err, a.each(bAnswers, func(key, _ []byte) error {
		_, ok, err := a.t.get(bSessions, key)
		if err == nil && !ok {
			err = errors.New("its session is missing")
		}
		return err
	}))
}
