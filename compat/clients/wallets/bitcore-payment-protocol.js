// npm bitcore-payment-protocol, BitPay's own BIP 70. It reads and writes messages; the wallet around it sends them.
'use strict';

const https = require('https');
const PaymentProtocol = require('bitcore-payment-protocol');

const { run } = require('./wallet');

const types = PaymentProtocol.LEGACY_PAYMENT.BTC;

function send(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const req = https.request(url, { method, headers }, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('end', () => {
        const text = Buffer.concat(parts);
        if (res.statusCode === 200) resolve({ type: res.headers['content-type'], body: text });
        else reject(new Error(text.toString()));
      });
    });
    req.on('error', reject);
    req.end(body);
  });
}

class Adapter {
  async request(url) {
    const res = await send('GET', url, { Accept: types.REQUEST_CONTENT_TYPE });
    const request = new PaymentProtocol('BTC').makePaymentRequest(PaymentProtocol.PaymentRequest.decode(res.body));
    if (res.type !== request.getContentType() || !request.isValidSize() || !request.verify()) throw new Error('it does not verify');
    const details = new PaymentProtocol('BTC').makePaymentDetails(PaymentProtocol.PaymentDetails.decode(request.get('serialized_payment_details')));
    if (details.get('payment_url') !== url || details.get('network') !== 'regtest') throw new Error('it is for something else');
    const output = new PaymentProtocol('BTC').makeOutput(details.get('outputs')[0]);
    return { script: output.get('script').toString('hex'), satoshis: output.get('amount'), feeRate: details.get('required_fee_rate') };
  }

  async pay(url, draft) {
    const payment = new PaymentProtocol('BTC').makePayment();
    payment.set('transactions', [Buffer.from(draft.signed, 'hex')]);
    const res = await send('POST', url, { 'Content-Type': types.CONTENT_TYPE, Accept: types.ACK_CONTENT_TYPE }, payment.serialize());
    const ack = new PaymentProtocol('BTC').makePaymentACK(PaymentProtocol.PaymentACK.decode(res.body));
    if (res.type !== ack.getContentType()) throw new Error('the type is ' + res.type);
    return ack.get('memo');
  }
}

run(new Adapter());
