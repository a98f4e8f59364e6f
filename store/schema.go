package store

// schemaVersion is the version of the file's layout that this package writes.
const schemaVersion = 1

// bucket is a branch of the schema (doc.go).
type bucket uint8

const (
	bMeta bucket = iota
	bMerchants
	bMerchantIDs
	bGrants
	bGrantsOf
	bGrantsOfSIN
	bCodes
	bPairings
	bAsked
	bClients
	bUnpaired
	bSessions
	bAnswers
	bIdle
	bOperators
	bSeats
	bSeatsIdle
	bLinks
	bLinksOf
	bKeys
	bLookahead
	bScripts
	bSkipped
	bInvoices
	bIDs
	bGUIDs
	bCreated
	bByStatus
	bByOrder
	bByItem
	bTicks
	bFollowing
	bReceipts
	bOutpoints
	bInBlock
	bPending
	bSpends
	bAttention
	bHeaders
	bEvents
	bEventsOf
	bEventsBy
	bDeliveries
	bBodies
	bDeliveriesOf
	bDeliveriesBy
	bUndelivered
	bTroubled
	bDue
	bLanes
	bAttempts
	bGone
	bCounts
	bucketCount
)

// names are the buckets' names in the file.
func names() [bucketCount]string {
	return [bucketCount]string{
		bMeta: "meta", bMerchants: "merchants", bMerchantIDs: "merchantIDs", bGrants: "grants", bGrantsOf: "grantsOf",
		bGrantsOfSIN: "grantsOfSIN", bCodes: "codes", bPairings: "pairings", bAsked: "asked", bClients: "clients",
		bUnpaired: "unpaired", bSessions: "sessions", bAnswers: "answers", bIdle: "idle",
		bOperators: "operators", bSeats: "seats", bSeatsIdle: "seatsIdle",
		bLinks: "links", bLinksOf: "linksOf",
		bKeys: "keys", bLookahead: "lookahead", bScripts: "scripts", bSkipped: "skipped", bInvoices: "invoices", bIDs: "ids", bGUIDs: "guids",
		bCreated: "created", bByStatus: "byStatus", bByOrder: "byOrder", bByItem: "byItem", bTicks: "ticks",
		bFollowing: "following", bReceipts: "receipts", bOutpoints: "outpoints", bInBlock: "inBlock", bPending: "pending",
		bSpends: "spends", bAttention: "attention", bHeaders: "headers", bEvents: "events", bEventsOf: "eventsOf",
		bEventsBy: "eventsBy", bDeliveries: "deliveries", bBodies: "bodies", bDeliveriesOf: "deliveriesOf",
		bDeliveriesBy: "deliveriesBy", bUndelivered: "undelivered", bTroubled: "troubled", bDue: "due", bLanes: "lanes",
		bAttempts: "attempts", bGone: "gone", bCounts: "counts",
	}
}

// String gives the bucket's name in the file.
func (b bucket) String() string { return names()[b] }

// fill is how full a page is left when it splits. What grows at its end only is packed; the rest keeps room.
func (b bucket) fill() float64 {
	switch b { //nolint:exhaustive // the others keep bbolt's default
	case bInvoices, bCreated, bReceipts, bHeaders, bEvents, bEventsOf, bEventsBy, bDeliveries, bBodies, bDeliveriesOf,
		bDeliveriesBy, bAttempts:
		return 0.9
	}
	return 0.5
}

// The keys of meta.
const (
	metaSchema   = "schema"
	metaNetwork  = "network"
	metaSecret   = "secret"
	metaPayPro   = "paypro"
	metaFirst    = "first"
	metaObserved = "observed"
)

// recordVersion is the version byte of every value that schema 1 writes.
const recordVersion = 1

// headersKept is how many headers below the tip are kept: one difficulty period.
const headersKept = 2016
