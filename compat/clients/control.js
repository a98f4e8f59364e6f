// The other hands: the operator, the customer, the miner, and the shop's receiver of callbacks, reached over the control
// server that started this driver. It runs on Node 10 and newer.
'use strict';

const http = require('http');

const api = process.env.COMPAT_API;
const controlURL = process.env.COMPAT_CONTROL;
const sink = process.env.COMPAT_SINK;

// request sends JSON and gives { status, body }; it is for the control server, never for a client's calls.
function request(method, url, document) {
  return new Promise((resolve, reject) => {
    const at = new URL(url);
    const text = document === undefined ? '' : JSON.stringify(document);
    const options = {
      method, hostname: at.hostname, port: at.port, path: at.pathname + at.search,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
    };
    const req = http.request(options, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => resolve({ status: res.statusCode, body: Buffer.concat(parts).toString() }));
    });
    req.on('error', reject);
    req.end(text);
  });
}

async function ask(name, document) {
  const res = await request('POST', controlURL + '/' + name, document || {});
  if (res.status !== 200) throw new Error(name + ': ' + res.body.trim());
  return JSON.parse(res.body);
}

module.exports = {
  api, sink,
  approve: (code) => ask('approve', { code }),
  offer: async (facade) => (await ask('offer', { facade })).pairingCode,
  token: async (facade, sin) => (await ask('token', { facade, sin })).token,
  pay: async (address, satoshis) => (await ask('pay', { address, satoshis })).txid,
  draft: (address, satoshis) => ask('draft', { address, satoshis }),
  mine: (blocks) => ask('mine', { blocks }),
  callbacks: (want) => ask('ipn', want),
  advance: (duration) => ask('advance', { duration }),
};
