// Preloaded into the set-up program of bitpay-sdk, which asks https://test.bitpay.com whatever it is told: this stands
// in for a name server that leads there, and changes nothing of the program.
'use strict';

const real = 'https://test.bitpay.com';
const lead = (go) => (url, options) => go(String(url).replace(real, process.env.COMPAT_API), options);

globalThis.fetch = lead(globalThis.fetch);
const id = require.resolve('node-fetch');
const fetch = require(id);
require.cache[id].exports = Object.assign(lead(fetch), fetch, { default: lead(fetch) });
