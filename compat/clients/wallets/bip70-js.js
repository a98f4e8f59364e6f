// npm bip70-js. It fetches by itself. What it would send it makes with a function that its own library does not have, so
// the message is made with its types and posted with its HTTP client.
'use strict';

const { HttpClient, ProtoBuf, MIMEType } = require('bip70-js');
const axios = require('axios');

const { run } = require('./wallet');

class Adapter {
  constructor() { this.client = new HttpClient(); }

  async request(url) {
    const [request] = await this.client.getRequest(url, null);
    this.details = ProtoBuf.PaymentDetails.decode(request.serializedPaymentDetails);
    return { script: Buffer.from(this.details.outputs[0].script).toString('hex'), satoshis: Number(this.details.outputs[0].amount) };
  }

  async pay(url, draft) {
    const payment = this.client.preparePayment({ paymentUrl: url }, [Buffer.from(draft.signed, 'hex').toString('base64')], null);
    const res = await axios({
      method: 'post', url, data: ProtoBuf.Payment.encode(payment).finish(), responseType: 'arraybuffer',
      headers: { Accept: MIMEType.PAYMENT_ACK, 'Content-Type': MIMEType.PAYMENT },
    });
    if (res.headers['content-type'] !== MIMEType.PAYMENT_ACK) throw new Error('the type is ' + res.headers['content-type']);
    return ProtoBuf.PaymentACK.decode(Buffer.from(res.data)).memo;
  }
}

run(new Adapter());
