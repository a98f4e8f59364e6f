// Package rate says what one bitcoin costs, and why: prices from public exchanges, their median, and the evidence.
//
// It promises that a rate comes from at least min_sources sources that were asked within max_age, agree within 5 % and
// are a majority of those asked; otherwise there is no rate and the answer is fault.Unavailable. There is never a
// fallback. A source that is slow, huge, frozen, mistaken or hostile costs itself its vote and nobody else anything.
//
// Sources are coinbase, kraken, bitstamp, bitfinex and coingecko, over their public HTTP endpoints, without a key.
// Coingecko is an aggregate of the others: it has a vote only while two exchanges have one. The name "fixed" stands for
// the configured fixed rates and asks nobody; a currency with a fixed rate takes no other.
//
// Which currencies can be had follows from who quotes them. USD, EUR and GBP come from all five; JPY from four; CAD,
// CHF and AUD from kraken, coinbase and coingecko. Every other currency comes from coinbase and coingecko alone: two
// sources of which one is an aggregate, so that with min_sources = 3 there is no rate for it, ever. To price in such a
// currency an operator sets min_sources = 1 and thereby trusts coinbase alone.
//
// It never quotes the price of a fiat currency through another one, keeps nothing on disk and reads no clock of its own.
package rate
