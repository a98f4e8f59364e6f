// Package store keeps everything Satchel must not forget in one bbolt file.
//
// What it promises: a write that was answered is on the disk. An invoice changes in one commit with its receipts, its
// events, their deliveries and every index. An index of the wallet's key is used once. No value is served whose checksum
// does not match. What it never does: call the network, wait for a client inside a transaction, or make a file that it
// was not told to make.
//
// # Values and keys
//
// Every value is
//
//	version (1 byte) ‖ payload ‖ CRC32C of key ‖ version ‖ payload (4 bytes, big endian)
//
// because bbolt has no checksums of its own: a flipped bit would be served as an amount. The key is part of the sum, so
// that a value under a damaged key is found, too. Open reads the whole file once, in order, and checks every sum before
// anything is served; a read checks it again.
//
// The payload of a record is the JSON of an unexported struct of this package (records.go). Index rows have fixed-width
// payloads or none. Texts are UTF-8. Times are nanoseconds since 1970 in UTC; 0 is the zero time.
//
// Keys are fixed-width, integers are big endian, so that a cursor runs in order:
//
//	no        uint32    a merchant's number, in order of creation
//	ref       no ‖ uint64    an invoice: its merchant's number and its own, in order of creation
//	time      uint64    nanoseconds since 1970, the sign bit flipped
//	outpoint  txid (32, internal order) ‖ uint32
//	hash      16 bytes of SHA-256, where a text of any length must be found
//
// # Schema 1
//
//	meta                                what belongs to the file
//	├── schema         → uint32         its version; a newer one is refused
//	├── network        → text           a file of another network is refused
//	├── secret         → 32 bytes       the server's key for tokens; backups carry it
//	├── paypro         → 32 bytes       what answers of the payment protocols are signed with; wallets may have been told to trust it
//	├── first          → header         the first block we took, to know from where we watched
//	└── observed       → time           the last complete look at chain and mempool
//	merchants          no → merchant
//	merchantIDs        id → no
//	grants             token id (8) → grant            one read proves a token
//	grantsOf           no ‖ token id → –
//	grantsOfSIN        hash of SIN ‖ token id → –      what a key may do, and what ends with its client
//	codes              hash of code → token id         open pairings; hashed, so that a search tells nothing of a near miss
//	pairings           time ‖ token id → –             the same by their expiry
//	asked              SHA-256(who ‖ 0 ‖ guid) (32) ‖ digest (32) → token id    the replay of a request for a grant
//	clients            hash of SIN → client
//	unpaired           time ‖ hash of SIN → –          clients that never had a grant; anybody makes one
//	sessions           hash of id → session            the answer that it keeps is a row of its own
//	answers            hash of session id → bytes
//	idle               time ‖ hash of session id → –   sessions by their last use
//	operators          name → operator                 who signs in at the desk, with the hash of his password
//	seats              SHA-256(key) (32) → seat        a browser that is signed in
//	seatsIdle          time ‖ SHA-256(key) (32) → –    seats by their last use
//	links              link id (8) → link             pages on which anybody makes an invoice; what opens one is made of the id
//	linksOf            no ‖ link id → –
//	keys               fingerprint → key               next index; belongs to the key, not to the merchant, and never falls;
//	                                    every merchant but the first has the key's text in its own record
//	lookahead          key no ‖ index (4) → address    of descriptors that only the node derives, until they are issued
//	scripts            script → ref                    whose payment is it; small rows, streamed into memory at start
//	skipped            script → address                what a restore passed over: perhaps shown by the database that was lost;
//	                                    watched, and gone from here when a payment makes an invoice of it
//	invoices           ref → invoice                   without receipts and events, which may be many
//	ids                public id → ref
//	guids              no ‖ SHA-256(resource ‖ 0 ‖ guid) (32) [‖ digest (32)] → digest ‖ ref    the replay of a request;
//	                                   the newest of a guid is found without its digest, earlier ones with it
//	created            no ‖ time ‖ seq (8) → –         lists by date, newest first
//	byStatus           no ‖ status (1) ‖ time ‖ seq → –
//	byOrder            no ‖ hash of order id ‖ time ‖ seq → –
//	byItem             no ‖ hash of item code ‖ time ‖ seq → –
//	ticks              time ‖ ref → –                  when time alone changes an invoice
//	following          ref → –                         what a new block may change
//	receipts           ref ‖ time ‖ outpoint → receipt in order of first sight; moves when an earlier sight is found
//	outpoints          outpoint → ref ‖ time           a second sight of the same output changes nothing
//	inBlock            block hash (32) ‖ outpoint → –  what a reorg takes back: a receipt, or the conflict that ended it
//	pending            outpoint → –                    what is in no block and not gone
//	spends             txid → outpoint…                what a transaction that paid us spends: conflicts
//	attention          no ‖ seq (8) ‖ kind (1) ‖ [outpoint] → –    what needs a hand
//	headers            height (4) → header             the chain as we took it, 2,016 back; the last one is the tip
//	events             uint64 → event ‖ document       the log: gapless, over all merchants, in commit order
//	eventsOf           ref ‖ revision (4) → event      contiguous within an invoice
//	eventsBy           no ‖ event (8) → –              a merchant's part of the log
//	deliveries         uint64 → delivery               small, rewritten by each attempt
//	bodies             delivery (8) → bytes            what goes out, the same on every attempt; a resend shares it
//	deliveriesOf       ref ‖ delivery → –
//	deliveriesBy       no ‖ delivery → –
//	undelivered        delivery → –                    the oldest one is the first row
//	troubled           no ‖ delivery → –               failed at least once and not delivered
//	due                hash of endpoint key ‖ time ‖ delivery → endpoint key    grouped, so that a dead endpoint hides no other
//	lanes              ref ‖ channel (1) ‖ delivery → –    deliveries that later ones wait for; the first may go
//	attempts           delivery ‖ n (4) → attempt
//	gone               no ‖ hash of URL → delivery     URLs that said gone (410), by whose attempt, until one takes something again
//	counts             name → int64                    how many rows of a kind, kept by the same difference as the indexes;
//	                                                   rows/…: of buckets in which no other record would miss one
//
// Each aggregate (invoice, receipt, event, delivery, grant, client, session, seat) has one function that returns its index rows and its part of
// the counts (facts.go). A write compares what it returned before with what it returns now, and nothing else touches an
// index. Check computes all of them again.
package store
