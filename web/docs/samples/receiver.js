// A receiver of Satchel's callbacks in Node.js, without packages.
'use strict';

const { createHmac, timingSafeEqual } = require('node:crypto');
const { createServer } = require('node:http');

// verify tells whether a callback comes from the server that shares the secret (Standard Webhooks).
function verify(secret, headers, body, now = Date.now()) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  if (key.length < 16) return false; // with an empty key anybody could sign
  const stamp = headers['webhook-timestamp'] || '';
  if (!/^\d+$/.test(stamp) || Math.abs(now / 1000 - Number(stamp)) > 300) return false; // too old, or from the future
  const want = createHmac('sha256', key).update(`${headers['webhook-id']}.${stamp}.`).update(body).digest();
  return (headers['webhook-signature'] || '').split(' ').some((one) => { // two, while the secret is changed
    const got = Buffer.from(one.slice(3), 'base64');
    return one.startsWith('v1,') && got.length === want.length && timingSafeEqual(got, want);
  });
}

createServer((request, response) => {
  const parts = []; // the bytes as they came: nothing parsed and written again
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const body = Buffer.concat(parts);
    if (!verify(process.env.SATCHEL_WEBHOOK_SECRET || '', request.headers, body)) {
      response.writeHead(401).end();
      return;
    }
    const message = JSON.parse(body);
    const invoice = message.data || message; // the extended format
    // The same event may come again: request.headers['webhook-id'] is equal then.
    if (invoice.status === 'confirmed' || invoice.status === 'complete') {
      console.log(`order ${invoice.orderId} is paid by invoice ${invoice.id}`);
    }
    response.writeHead(204).end();
  });
}).listen(process.env.PORT, '127.0.0.1');
