package auth

import (
	"time"
	"unicode/utf8"

	"satchel/fault"
	"satchel/merchant"
)

// Role is what an operator may do at the merchant's desk. The zero Role may do nothing.
type Role uint8

// The roles; the numbers are kept in the store. A viewer sees everything of his merchants and changes nothing but his own
// password.
const (
	Viewer Role = iota + 1
	Owner
)

// String gives the word of the command line.
func (r Role) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Owner:
		return "owner"
	}
	return "none"
}

// ParseRole reads "owner" or "viewer".
func ParseRole(text string) (Role, bool) {
	for _, r := range []Role{Viewer, Owner} {
		if text == r.String() {
			return r, true
		}
	}
	return 0, false
}

// Operator is a person who signs in at the desk.
type Operator struct {
	Name     string
	Role     Role
	Merchant merchant.ID // whose records he sees; "": every merchant's, also of those added later
	Password string      // its hash (PHC string of argon2id); "": none was set yet, so that nobody signs in
	Version  [16]byte    // random, new with every password: what was made with an earlier one is worth nothing
	Invite   [16]byte    // random, new with every invitation: an earlier one is worth nothing; zero: none was made
	Created  time.Time
	Changed  time.Time // when the password was set; zero: never
}

// Sees tells whether the operator may know of a merchant's records.
func (o Operator) Sees(m merchant.ID) bool {
	return m != "" && o.Name != "" && (o.Merchant == "" || o.Merchant == m)
}

// May tells whether the operator has a role, or one that includes it.
func (o Operator) May(r Role) bool { return r != 0 && o.Role >= r }

// Seat is a browser in which an operator is signed in. The store has it under the hash of its key, so that a copy of the
// file signs nobody in.
type Seat struct {
	Operator string
	Version  [16]byte // of the operator when he signed in
	Opened   time.Time
	Used     time.Time // to the nearest minutes: see seatStep
}

// Bounds of seats and passwords.
const (
	SeatTime    = 12 * time.Hour      // without a request
	seatLife    = 30 * 24 * time.Hour // in all
	seatStep    = 5 * time.Minute     // how often the use of a seat is written down
	InviteTime  = 24 * time.Hour      // how long a link to set a password works
	MinPassword = 12                  // characters
	maxPassword = 512                 // bytes
	maxOperator = 32                  // characters of a name
)

// CheckOperatorName refuses names that cannot be typed or told apart: a name has lower-case letters, digits, and . _ - @
// within.
func CheckOperatorName(name string) error {
	ok := name != "" && len(name) <= maxOperator
	for i := range len(name) {
		c := name[i]
		plain := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		within := i > 0 && (c == '.' || c == '_' || c == '-' || c == '@')
		ok = ok && (plain || within)
	}
	if !ok {
		return fault.Field("name", "has 1 to %d characters: a-z, 0-9, and . _ - @ but not first", maxOperator)
	}
	return nil
}

// CheckPassword refuses passwords that are guessed too soon, or too long to be one.
func CheckPassword(name, password string) error {
	switch {
	case !utf8.ValidString(password) || len(password) > maxPassword:
		return fault.Field("password", "has at most %d bytes of UTF-8", maxPassword)
	case utf8.RuneCountInString(password) < MinPassword:
		return fault.Field("password", "has at least %d characters; four words are good", MinPassword)
	case monotone(password) || password == name:
		return fault.Field("password", "is guessed at once; four words are good")
	}
	return nil
}

// monotone tells a text that is one character again and again.
func monotone(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	for _, r := range text {
		if r != first {
			return false
		}
	}
	return true
}
