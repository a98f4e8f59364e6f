// npm btcpay: claims codes, and signs everything, also what is public.
'use strict';

const { BTCPayClient, crypto } = require('btcpay');

const control = require('./control');
const run = require('./scenario');

class Adapter {
  constructor() {
    this.pair = crypto.load_keypair(crypto.generate_keypair().getPrivate());
    this.client = new BTCPayClient(control.api, this.pair);
    this.noPrice = -1; // it checks that there is one
    this.tokens = {};
  }

  use(facade, token) { this.tokens[facade] = token; }

  async claim(code) {
    const got = await this.client.pair_client(code);
    const facade = Object.keys(got)[0];
    return { facade, token: got[facade] };
  }

  create(fields) { return this.client.create_invoice(fields, this.tokens.merchant); }

  createPOS(fields) { return this.client.create_invoice(fields, this.tokens.pos); }

  createWith(token, fields) { return this.client.create_invoice(fields, token); }

  // get puts the token where get_invoice's only parameters go: it drops its own second one.
  get(id) { this.client.tokens = { merchant: this.tokens.merchant }; return this.client.get_invoice(id, undefined); }

  list(filters) { return this.client.get_invoices(filters, this.tokens.merchant); }

  rates() { return this.client.get_rates(['BTC_USD'], 'store'); }

  stranger() { return new Adapter(); }
}

run(new Adapter());
