// Package docs is the documentation that the daemon serves: what the pages in pages/ say, the samples of samples/, and the
// reference of the API, made from the OpenAPI document.
//
//	GET /docs                    how to begin
//	GET /docs/NAME               api, errors, callbacks, pos, bitpay, btcpay
//	GET /docs/samples/FILE       a sample, as text
//	GET /docs/NAME.HASH.EXT      stylesheet and icon
//
// Everything is rendered once, when the daemon starts: a page never fails later. There is no JavaScript and nothing from
// another host; nothing is folded away, so that the browser's own search finds every word. Where the pages say
// https://pay.example, readers see the server's own address.
package docs
